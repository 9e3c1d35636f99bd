#pragma once

#include "kernels/linear/cpu/rows.h"
#include "kernels/linear/cpu/weight.h"

namespace mtplx::kernels {

// The linear kernel on plain memory, for kernels that hold several weights: x [rows, K] -> y [rows, N].
// residual [rows, N] or null.
void run_linear(
    const LinearLayout& layout, const mx::array& data, const float* x, int rows, const float* residual, float* y);

} // namespace mtplx::kernels
