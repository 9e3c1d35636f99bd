#pragma once

#include <optional>

#include "mlx/mlx.h"

namespace mtplx::kernels::mlx_form {

namespace mx = mlx::core;

// A weight as checkpoints hold it: dense [.., N, K], or MLX affine with scales and biases [.., N, K / group_size].
struct Weight {
  mx::array values;
  std::optional<mx::array> scales = std::nullopt;
  std::optional<mx::array> biases = std::nullopt;
  int bits = 0; // 0: dense
  int group_size = 0;
};

// mx::matmul or mx::quantized_matmul: x [M, K] -> [M, N].
mx::array linear(const mx::array& x, const Weight& weight, mx::Stream s);

mx::array linear_add(const mx::array& x, const Weight& weight, const mx::array& residual, mx::Stream s);

// mx::dequantize, f32 [N, K].
mx::array dense_values(const Weight& weight, mx::Stream s);

} // namespace mtplx::kernels::mlx_form
