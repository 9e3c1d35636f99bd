#include <cmath>

#include "kernels/common/simd.h"
#include "kernels/rms_norm/cpu/rows.h"

namespace mtplx::kernels::MTPLX_ISA {

void rms_norm_rows(const float* x, const float* weight, float eps, int rows, int width, float* y) {
  int whole = width / 16 * 16;
  for (int r = 0; r < rows; ++r) {
    const float* from = x + static_cast<size_t>(r) * width;
    float* to = y + static_cast<size_t>(r) * width;
    f32x16 sum = zero();
    for (int i = 0; i < whole; i += 16) {
      f32x16 v = load(from + i);
      sum = fma(v, v, sum);
    }
    float total = sum_lanes(sum);
    for (int i = whole; i < width; ++i) {
      total = std::fma(from[i], from[i], total);
    }
    // Square root and division are correctly rounded everywhere.
    float scale = 1.0f / std::sqrt(total / static_cast<float>(width) + eps);
    f32x16 s = splat(scale);
    for (int i = 0; i < whole; i += 16) {
      store(to + i, load(from + i) * s * load(weight + i));
    }
    for (int i = whole; i < width; ++i) {
      to[i] = from[i] * scale * weight[i];
    }
  }
}

} // namespace mtplx::kernels::MTPLX_ISA
