#pragma once

#include "kernels/linear/mlx_form.h"

namespace mtplx::kernels::mlx_form {

// mx::take of the rows, then mx::dequantize: ids i32 [M] -> f32 [M, H].
mx::array embedding(const mx::array& ids, const Weight& table, mx::Stream s);

} // namespace mtplx::kernels::mlx_form
