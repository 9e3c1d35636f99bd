#pragma once

#include "mlx/mlx.h"

namespace mtplx::kernels::mlx_form {

namespace mx = mlx::core;

// mx::fast::rms_norm.
mx::array rms_norm(const mx::array& x, const mx::array& weight, float eps, mx::Stream s);

} // namespace mtplx::kernels::mlx_form
