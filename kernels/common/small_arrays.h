#pragma once

#include "mlx/mlx.h"

// Small outputs serve again as whole arrays. MLX makes an array with two allocations and half a kilobyte of
// description: beside a small kernel that is much, and a step makes some 200 of them, the same ones as the step before.
namespace mtplx::kernels {

namespace mx = mlx::core;

inline constexpr size_t largest_small = size_t{64} << 10; // bytes

// An array of this shape that nobody else holds; its memory starts at a cache line and is at most largest_small.
mx::array small_array(const mx::Shape& shape, mx::Dtype dtype);

} // namespace mtplx::kernels
