#pragma once

#include "kernels/common/task.h"

namespace mtplx::kernels {

// y = x * rsqrt(mean(x^2) + eps) * weight over the last axis.
// x f32 [M, H], weight f32 [H] (the effective one, 1 already added).
mx::array rms_norm(const mx::array& x, const mx::array& weight, float eps, mx::Stream s);

} // namespace mtplx::kernels
