#pragma once

#include <span>

#include "kernels/common/thread_pool.h"
#include "kernels/linear/cpu/integer.h"
#include "kernels/linear/cpu/weight.h"

namespace mtplx::kernels {

// One weight of those that read the same rows.
struct LinearJob {
  LinearLayout layout;
  const uint8_t* data;
  const float* residual; // [rows, N] or null
  float* y;              // [rows, N]
};

// A weight as plain memory.
struct PlainWeight {
  LinearLayout layout;
  const uint8_t* data;

  explicit PlainWeight(const LinearWeight& w) : layout(layout_of(w)), data(w.data.data<uint8_t>()) {}
  PlainWeight() = default;
  LinearJob job(float* y, const float* residual = nullptr) const { return {layout, data, residual, y}; }
};

// Rows from which their preparation is shared among threads; one takes about half a nanosecond a value.
inline constexpr int shared_rows = 16;

// Rows of x as weights of any kind read them.
class LinearRows {
 public:
  LinearRows(const float* x, int rows);

  // Floats that prepared rows take, each, for one group size; as many rows begin at a cache line.
  static size_t prepared_floats(int in_features, int group_size);
  // Makes place for a group size of affine weights; prepare() fills it.
  void add(int in_features, int group_size, void* memory);
  // Quantises rows [begin, end) for all group sizes added.
  void prepare(int begin, int end) const;

  // Prepares all rows for the jobs in the calling thread's buffers, which the next call overwrites.
  static LinearRows prepared(std::span<const LinearJob> jobs, const float* x, int rows);

  void blocks(const LinearJob& job, int begin, int end) const;

 private:
  const float* x_;
  int rows_;
  const IntegerKernel& kernel_;
  IntegerRows by_group_[3] = {}; // 32, 64, 128
};

// A round over all blocks of all jobs: how many tasks, and one of them.
int linear_tasks(std::span<const LinearJob> jobs);
void run_linear_task(const LinearRows& x, std::span<const LinearJob> jobs, int task, int tasks);

// gate.y = silu(gate x) * (up x), element by element where both were made; up.y is not looked at. Same N.
int swiglu_tasks(const LinearJob& gate);
void run_swiglu_task(const LinearRows& x, const LinearJob& gate, const LinearJob& up, int rows, int task, int tasks);

// x [rows, K] times each weight, and the same with SwiGLU, at once.
void run_linears(std::span<const LinearJob> jobs, const float* x, int rows);
void run_swiglu(const LinearJob& gate, const LinearJob& up, const float* x, int rows);

inline void run_linear(const LinearJob& job, const float* x, int rows) {
  run_linears({&job, 1}, x, rows);
}

// The RMS norm of x [rows, width] in the calling thread's buffer; x itself where there is no weight.
const float* normed(const float* x, const float* weight, float eps, int rows, int width);

} // namespace mtplx::kernels
