#pragma once

#include <span>

#include "kernels/linear/cpu/weight.h"

namespace mtplx::kernels {

// One weight of those that read the same rows.
struct LinearJob {
  LinearLayout layout;
  const uint8_t* data;
  const float* residual; // [rows, N] or null
  float* y;              // [rows, N]
};

// x [rows, K] times each weight: x is prepared once (for each group size) and all blocks of all weights are one round
// of tasks.
void run_linears(std::span<const LinearJob> jobs, const float* x, int rows);

// gate.y = silu(gate x) * (up x), element by element where both were made; up.y is not looked at. Same N.
void run_swiglu(const LinearJob& gate, const LinearJob& up, const float* x, int rows);

inline void run_linear(const LinearJob& job, const float* x, int rows) {
  run_linears({&job, 1}, x, rows);
}

// The RMS norm of x [rows, width] in the calling thread's buffer; x itself where there is no weight.
const float* normed(const float* x, const float* weight, float eps, int rows, int width);

} // namespace mtplx::kernels
