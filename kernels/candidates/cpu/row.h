#pragma once

#include <cstdint>

#include "kernels/common/isa.h"

namespace mtplx::kernels {

// The float64 sums of a row run over this many lanes by index, then a fixed tree.
inline constexpr int sum_lanes64 = 16;

// Adds e^(x[i] - top) to plain[i mod 16] and e^(x[i] / temperature - top / temperature) to tempered[i mod 16]; either
// may be null. `top` is finite and no x is above it. NaN counts as -inf.
MTPLX_DECLARE_ISA(void,
                  add_exps,
                  (const float* x, int count, float top, double temperature, double* plain, double* tempered))

// Indices of the `count` largest of x by falling value, ties by rising index, into best; returns how many there are.
// NaN and -inf are no candidates. For a count far below the size.
MTPLX_DECLARE_ISA(int, select_largest, (const float* x, int size, int count, int32_t* best))

// Logits divided by it stay finite.
inline bool usable_temperature(double t) {
  return t == 0.0 || (t >= 1e-30 && t <= 1e30);
}

} // namespace mtplx::kernels
