#pragma once

#include <limits>

#include "kernels/common/simd.h"

// Elementary functions of fixed arithmetic: the same operations in the same order on every instruction set, so the
// bits are the same everywhere (libm's are not). Include only from *.isa.cpp files.
namespace mtplx::kernels::MTPLX_ISA {

// e^x, about 1 ulp: range reduction by ln 2 in two parts, then the polynomial of the Cephes library's expf
// (S. Moshier). Below -87.3 the result is 0, from 88.7 on infinity; NaN stays NaN.
MTPLX_INLINE f32x16 exp(f32x16 x) {
  constexpr float low = -87.3f;
  constexpr float high = 88.7f;
  constexpr float inf = std::numeric_limits<float>::infinity();
  f32x16 clamped = select_less(x, low, splat(low), select_less(x, high, x, splat(high)));
  f32x16 n = round(clamped * splat(1.44269504088896341f));
  f32x16 r = fma(n, splat(-0.693359375f), clamped);
  r = fma(n, splat(2.12194440e-4f), r);
  f32x16 p = splat(1.9875691500e-4f);
  p = fma(p, r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  p = fma(p, r * r, r) + splat(1.0f);
  // 2^n in two factors: n may be 128.
  f32x16 half = round(n * splat(0.5f));
  f32x16 y = (p * exp2_int(half)) * exp2_int(n - half);
  y = select_less(x, low, splat(0.0f), select_less(x, high, y, splat(inf)));
  return select_less(x, inf, y, x);
}

MTPLX_INLINE f32x16 sigmoid(f32x16 x) {
  return splat(1.0f) / (splat(1.0f) + exp(splat(0.0f) - x));
}

MTPLX_INLINE f32x16 silu(f32x16 x) {
  return x * sigmoid(x);
}

} // namespace mtplx::kernels::MTPLX_ISA
