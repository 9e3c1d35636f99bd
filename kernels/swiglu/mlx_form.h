#pragma once

#include "mlx/mlx.h"

namespace mtplx::kernels::mlx_form {

namespace mx = mlx::core;

// gate * mx::sigmoid(gate) * up.
mx::array swiglu(const mx::array& gate, const mx::array& up, mx::Stream s);

} // namespace mtplx::kernels::mlx_form
