#include "kernels/candidates/cpu/row.h"

#include "kernels/common/fixed_math64.h"

namespace mtplx::kernels::MTPLX_ISA {

namespace {

constexpr int lanes = 16;

// fixed64::exp lane by lane for x <= 0, written so that compilers make vectors of it.
inline void add_exp(const double* x, double* sum) {
  constexpr double magic = 6755399441055744.0;
  constexpr double low = -708.0;
  for (int i = 0; i < lanes; ++i) {
    double v = x[i] < low ? low : x[i];
    double t = v * 1.44269504088896338700e+00 + magic;
    double n = t - magic;
    double r = (v - n * fixed64::ln2_high) - n * fixed64::ln2_low;
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
    // The low bits of t hold n.
    uint64_t bits;
    std::memcpy(&bits, &t, sizeof bits);
    bits = (bits + 1023) << 52;
    double scale;
    std::memcpy(&scale, &bits, sizeof scale);
    sum[i] += x[i] < low ? 0.0 : p * scale;
  }
}

} // namespace

double log_sum_exp(const float* x, int count, double temperature, float top) {
  double scaled_top = static_cast<double>(top) / temperature;
  double sum[lanes] = {};
  double v[lanes];
  for (int i = 0; i < count; i += lanes) {
    int n = count - i < lanes ? count - i : lanes;
    for (int j = 0; j < n; ++j) {
      float f = x[i + j];
      v[j] = f == f ? static_cast<double>(f) / temperature - scaled_top : -1000.0;
    }
    for (int j = n; j < lanes; ++j) {
      v[j] = -1000.0;
    }
    add_exp(v, sum);
  }
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      sum[i] = sum[i] + sum[i + half];
    }
  }
  return scaled_top + fixed64::log(sum[0]);
}

bool any_above(const float* x, float limit) {
  int above = 0;
  for (int i = 0; i < lanes; ++i) {
    above |= x[i] > limit;
  }
  return above != 0;
}

} // namespace mtplx::kernels::MTPLX_ISA
