#pragma once

#include <functional>

#include "mlx/mlx.h"

// Memory of kernel outputs. A freed buffer waits for the next output of its size: it is warm in the cache, and the
// system need not clear its pages again.
namespace mtplx::kernels {

namespace mx = mlx::core;

// How long an array is expected to live: for a step, or as the state of a sequence (`slabs.h`).
enum class Life { step, state };

// An array whose memory starts at a cache line; what it holds is left over from others.
mx::array fresh(const mx::Shape& shape, mx::Dtype dtype, Life life = Life::step);

// Bytes of buffers that wait to be used again; for tests.
size_t waiting_bytes();

// An array over memory of ours, without a copy (MLX's constructor from a pointer copies on the CPU). The eight bytes
// before `data` are ours too and get written; `back` is called when nobody holds the array any more.
mx::array wrapped(void* data, mx::Shape shape, mx::Dtype dtype, std::function<void()> back);

} // namespace mtplx::kernels
