#pragma once

#include "mlx/mlx.h"

// Memory of kernel outputs. A freed buffer waits for the next output of its size: it is warm in the cache, and the system
// need not clear its pages again.
namespace mtplx::kernels {

namespace mx = mlx::core;

// An array whose memory starts at a cache line; what it holds is left over from others.
mx::array fresh(mx::Shape shape, mx::Dtype dtype);

} // namespace mtplx::kernels
