#include "kernels/linear/reference.h"

namespace mtplx::kernels::reference {

Doubles affine_values(const std::vector<uint32_t>& packed,
                      const Doubles& scales,
                      const Doubles& biases,
                      int N,
                      int K,
                      int bits,
                      int group_size) {
  Doubles w(static_cast<size_t>(N) * K);
  size_t row_words = static_cast<size_t>(K) * bits / 32;
  for (int n = 0; n < N; ++n) {
    for (int k = 0; k < K; ++k) {
      int q = 0;
      for (int b = 0; b < bits; ++b) {
        size_t bit = static_cast<size_t>(k) * bits + b;
        q |= static_cast<int>((packed[n * row_words + bit / 32] >> (bit % 32)) & 1) << b;
      }
      size_t group = (static_cast<size_t>(n) * K + k) / group_size;
      w[static_cast<size_t>(n) * K + k] = scales[group] * q + biases[group];
    }
  }
  return w;
}

Doubles linear(const Doubles& x, const Doubles& w, int M, int N, int K) {
  Doubles y(static_cast<size_t>(M) * N);
  for (int m = 0; m < M; ++m) {
    for (int n = 0; n < N; ++n) {
      for (int k = 0; k < K; ++k) {
        y[static_cast<size_t>(m) * N + n] += x[static_cast<size_t>(m) * K + k] * w[static_cast<size_t>(n) * K + k];
      }
    }
  }
  return y;
}

} // namespace mtplx::kernels::reference
