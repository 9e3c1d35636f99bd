#pragma once

#include <cstdint>
#include <vector>

#include "kernels/common/isa.h"

namespace mtplx::kernels {

// ln sum exp(x / temperature) in float64: 16 running sums by index mod 16, then a fixed tree. `top` is the largest x,
// finite. NaN counts as -inf.
MTPLX_DECLARE_ISA(double, log_sum_exp, (const float* x, int count, double temperature, float top))

// Whether any of 16 values is above `limit`.
MTPLX_DECLARE_ISA(bool, any_above, (const float* x, float limit))

// Logits divided by it stay finite.
inline bool usable_temperature(double t) {
  return t == 0.0 || (t >= 1e-30 && t <= 1e30);
}

// The `count` largest of x by falling value, ties by rising index; fewer where x has fewer numbers above -inf.
std::vector<int32_t> largest(const float* x, int size, int count);

} // namespace mtplx::kernels
