#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mtplx::kernels::reference {

using Doubles = std::vector<double>;

// The weights [N, K] that MLX's affine packing stands for: w = scale * q + bias, q the j-th field of `bits` bits of
// the row's little-endian bit stream. packed [N, K * bits / 32], scales and biases [N, K / group_size].
Doubles affine_values(const std::vector<uint32_t>& packed,
                      const Doubles& scales,
                      const Doubles& biases,
                      int N,
                      int K,
                      int bits,
                      int group_size);

// y = x W^T: x [M, K], w [N, K] -> [M, N].
Doubles linear(const Doubles& x, const Doubles& w, int M, int N, int K);

} // namespace mtplx::kernels::reference
