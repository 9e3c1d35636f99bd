#include <cstdint>
#include <cstring>

#include "kernels/attention/cpu/head.h"

namespace mtplx::kernels::MTPLX_ISA {

// fixed64::sincos step by step, without branches: compilers make vectors of it.
void rotation_angles(int position, const double* frequency, int half, float* cosine, float* sine) {
  constexpr double magic = 6755399441055744.0;
  for (int i = 0; i < half; ++i) {
    double x = position * frequency[i];
    double t = x * 6.36619772367581382433e-01 + magic;
    double n = t - magic;
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
    uint64_t quarter; // its low bits hold n
    std::memcpy(&quarter, &t, sizeof quarter);
    double a = (quarter & 1) != 0 ? c : s;
    double b = (quarter & 1) != 0 ? s : c;
    sine[i] = static_cast<float>((quarter & 2) != 0 ? -a : a);
    cosine[i] = static_cast<float>(((quarter + 1) & 2) != 0 ? -b : b);
  }
}

} // namespace mtplx::kernels::MTPLX_ISA
