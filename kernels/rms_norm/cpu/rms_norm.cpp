#include "kernels/rms_norm/rms_norm.h"

#include "kernels/common/thread_pool.h"
#include "kernels/rms_norm/cpu/rows.h"

namespace mtplx::kernels {

void rms_norm_shared(const float* x, const float* weight, float eps, int rows, int width, float* y) {
  auto kernel = MTPLX_SELECT_ISA(rms_norm_rows);
  // A row of 5,120 takes about a microsecond: below 16 rows threads do not pay.
  int tasks = rows < 16 ? 1 : threads();
  parallel_for(tasks, [&](int task) {
    size_t begin = static_cast<size_t>(rows) * task / tasks;
    size_t end = static_cast<size_t>(rows) * (task + 1) / tasks;
    kernel(x + begin * width, weight, eps, static_cast<int>(end - begin), width, y + begin * width);
  });
}

namespace {

void check(const mx::array& x, const mx::array& weight) {
  if (x.ndim() != 2 || weight.ndim() != 1 || weight.shape(0) != x.shape(1) || x.dtype() != mx::float32 ||
      weight.dtype() != mx::float32) {
    throw std::invalid_argument("[rms_norm] x must be f32 [M, H] and weight f32 [H].");
  }
}

struct Normed {
  const float* x; // [rows, width]
  const float* weight;
};

// Row r of both, side by side.
void pair_row(const Normed (&pair)[2], float eps, int r, int width, float* y) {
  for (size_t half = 0; half < 2; ++half) {
    MTPLX_SELECT_ISA(rms_norm_rows)
    (pair[half].x + static_cast<size_t>(r) * width, pair[half].weight, eps, 1, width,
     y + (2 * static_cast<size_t>(r) + half) * width);
  }
}

// A row is a task.
struct NormCall {
  PlanRows x;
  const float* weight;
  float eps;
  PlanRows y;

  int tasks(const PlanMemory& memory) const { return memory.rows(); }
  void run(const PlanMemory& memory, int r) const {
    size_t at = static_cast<size_t>(r) * x.width;
    MTPLX_SELECT_ISA(rms_norm_rows)(memory[x] + at, weight, eps, 1, x.width, memory[y] + at);
  }
};

struct PairCall {
  PlanRows a, b;
  const float* a_weight;
  const float* b_weight;
  float eps;
  PlanRows y;

  int tasks(const PlanMemory& memory) const { return memory.rows(); }
  void run(const PlanMemory& memory, int r) const {
    pair_row({{memory[a], a_weight}, {memory[b], b_weight}}, eps, r, a.width, memory[y]);
  }
};

} // namespace

mx::array rms_norm(const mx::array& x, const mx::array& weight, float eps) {
  check(x, weight);
  return cpu_task1("rms_norm", {x, weight}, {x.shape(), mx::float32},
                   [eps](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
                     rms_norm_shared(in[0].data<float>(), in[1].data<float>(), eps, in[0].shape(0), in[0].shape(1),
                                     out[0].data<float>());
                   });
}

mx::array rms_norm_pair(
    const mx::array& a, const mx::array& a_weight, const mx::array& b, const mx::array& b_weight, float eps) {
  check(a, a_weight);
  check(b, b_weight);
  if (a.shape() != b.shape()) {
    throw std::invalid_argument("[rms_norm] a and b must have one shape.");
  }
  return cpu_task1(
      "rms_norm_pair", {a, a_weight, b, b_weight}, {{a.shape(0), 2 * a.shape(1)}, mx::float32},
      [eps](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
        const Normed pair[2] = {{in[0].data<float>(), in[1].data<float>()}, {in[2].data<float>(), in[3].data<float>()}};
        for (int r = 0; r < in[0].shape(0); ++r) {
          pair_row(pair, eps, r, in[0].shape(1), out[0].data<float>());
        }
      });
}

void plan_rms_norm(Plan& plan, PlanRows x, const mx::array& weight, float eps, PlanRows y) {
  plan.record({"rms_norm", {x}, {y}, NormCall{x, weight.data<float>(), eps, y}});
}

void plan_rms_norm_pair(
    Plan& plan, PlanRows a, const mx::array& a_weight, PlanRows b, const mx::array& b_weight, float eps, PlanRows y) {
  plan.record({"rms_norm_pair", {a, b}, {y}, PairCall{a, b, a_weight.data<float>(), b_weight.data<float>(), eps, y}});
}

} // namespace mtplx::kernels
