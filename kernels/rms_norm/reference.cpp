#include "kernels/rms_norm/reference.h"

#include <cmath>

namespace mtplx::kernels::reference {

Doubles rms_norm(const Doubles& x, const Doubles& weight, double eps) {
  size_t H = weight.size();
  Doubles y(x.size());
  for (size_t row = 0; row < x.size(); row += H) {
    double squares = 0.0;
    for (size_t h = 0; h < H; ++h) {
      squares += x[row + h] * x[row + h];
    }
    for (size_t h = 0; h < H; ++h) {
      y[row + h] = x[row + h] / std::sqrt(squares / static_cast<double>(H) + eps) * weight[h];
    }
  }
  return y;
}

} // namespace mtplx::kernels::reference
