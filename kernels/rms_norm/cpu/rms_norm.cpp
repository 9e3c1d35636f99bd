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

mx::array rms_norm(const mx::array& x, const mx::array& weight, float eps, mx::Stream s) {
  if (x.ndim() != 2 || weight.ndim() != 1 || weight.shape(0) != x.shape(1) || x.dtype() != mx::float32 ||
      weight.dtype() != mx::float32) {
    throw std::invalid_argument("[rms_norm] x must be f32 [M, H] and weight f32 [H].");
  }
  return cpu_task1(
      "rms_norm", {x, weight}, {x.shape(), mx::float32},
      [eps](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
        rms_norm_shared(in[0].data<float>(), in[1].data<float>(), eps, in[0].shape(0), in[0].shape(1),
                        out[0].data<float>());
      },
      s);
}

} // namespace mtplx::kernels
