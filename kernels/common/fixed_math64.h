#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

// exp and log in float64 by fixed arithmetic without fma, the twins of runtime/decoding/fixed-math.ts: both give
// the same bits, on every CPU. Needs -ffp-contract=off.
namespace mtplx::kernels {

namespace fixed64 {

inline double from_bits(uint64_t u) {
  double d;
  std::memcpy(&d, &u, sizeof d);
  return d;
}

inline uint64_t to_bits(double d) {
  uint64_t u;
  std::memcpy(&u, &d, sizeof u);
  return u;
}

// 2^n for n in [-1022, 1023].
inline double exp2_int(int n) {
  return from_bits(static_cast<uint64_t>(n + 1023) << 52);
}

constexpr double ln2_high = 6.93147180369123816490e-01; // 33 bits: n * ln2_high is exact
constexpr double ln2_low = 1.90821492927058770002e-10;

// e^x within 2 ulp. Below -708 the result is 0, above 709 infinity; NaN stays NaN.
inline double exp(double x) {
  if (x != x) {
    return x;
  }
  if (x < -708.0) {
    return 0.0;
  }
  if (x > 709.0) {
    return std::numeric_limits<double>::infinity();
  }
  constexpr double magic = 6755399441055744.0; // 1.5 * 2^52 rounds to the nearest integer
  double n = (x * 1.44269504088896338700e+00 + magic) - magic;
  double r = (x - n * ln2_high) - n * ln2_low;
  // Taylor series to r^13 / 13!; |r| <= 0.347 leaves 4e-18.
  double p = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * (r * r) + r;
  p = p + 1.0;
  return p * exp2_int(static_cast<int>(n));
}

// ln x within 2 ulp. -inf at 0, NaN below.
inline double log(double x) {
  if (x != x || x < 0.0) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (x == 0.0) {
    return -std::numeric_limits<double>::infinity();
  }
  if (x == std::numeric_limits<double>::infinity()) {
    return x;
  }
  int k = 0;
  if (x < 2.2250738585072014e-308) {
    x = x * 18014398509481984.0; // 2^54
    k = -54;
  }
  uint64_t u = to_bits(x);
  k += static_cast<int>(u >> 52) - 1023;
  double f = from_bits((u & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL);
  if (f > 1.4142135623730951) {
    f = f * 0.5;
    k += 1;
  }
  // ln f = 2 atanh(s), s = (f - 1) / (f + 1), |s| <= 0.1716.
  double s = (f - 1.0) / (f + 1.0);
  double z = s * s;
  double p = 2.0 / 23.0;
  p = p * z + 2.0 / 21.0;
  p = p * z + 2.0 / 19.0;
  p = p * z + 2.0 / 17.0;
  p = p * z + 2.0 / 15.0;
  p = p * z + 2.0 / 13.0;
  p = p * z + 2.0 / 11.0;
  p = p * z + 2.0 / 9.0;
  p = p * z + 2.0 / 7.0;
  p = p * z + 2.0 / 5.0;
  p = p * z + 2.0 / 3.0;
  double n = static_cast<double>(k);
  return n * ln2_high + (2.0 * s + (s * z * p + n * ln2_low));
}

// ln(1 + e^x): x itself above 36, where the difference is below 1 ulp.
inline double softplus(double x) {
  return x > 36.0 ? x : log(1.0 + exp(x));
}

// sin x and cos x within 1e-15 for 0 <= x < 2^20: reduction by pi/2 in three parts (fdlibm's constants), then Taylor
// series on |r| <= pi/4.
inline void sincos(double x, double* sine, double* cosine) {
  constexpr double magic = 6755399441055744.0;
  double n = (x * 6.36619772367581382433e-01 + magic) - magic;
  double r = ((x - n * 1.57079632673412561417e+00) - n * 6.07710050630396597660e-11) - n * 2.02226624879595063154e-21;
  double z = r * r;
  double s = -1.0 / 1307674368000.0;
  s = s * z + 1.0 / 6227020800.0;
  s = s * z - 1.0 / 39916800.0;
  s = s * z + 1.0 / 362880.0;
  s = s * z - 1.0 / 5040.0;
  s = s * z + 1.0 / 120.0;
  s = s * z - 1.0 / 6.0;
  s = r + r * (z * s);
  double c = 1.0 / 20922789888000.0;
  c = c * z - 1.0 / 87178291200.0;
  c = c * z + 1.0 / 479001600.0;
  c = c * z - 1.0 / 3628800.0;
  c = c * z + 1.0 / 40320.0;
  c = c * z - 1.0 / 720.0;
  c = c * z + 1.0 / 24.0;
  c = 1.0 - (0.5 * z - z * z * c);
  switch (static_cast<int64_t>(n) & 3) {
    case 0:
      *sine = s;
      *cosine = c;
      break;
    case 1:
      *sine = c;
      *cosine = -s;
      break;
    case 2:
      *sine = -s;
      *cosine = -c;
      break;
    default:
      *sine = -c;
      *cosine = s;
  }
}

} // namespace fixed64

} // namespace mtplx::kernels
