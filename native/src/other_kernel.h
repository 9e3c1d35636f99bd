#pragma once

#include "kernels/linear/linear.h"

// plan_linears and plan_linear_swiglu, with a deliberate bug for the gates' negative controls: MLX's kernels for some
// rows, threads or instruction sets.
namespace mtplx::native {

void plan_linears_or_other(kernels::Plan& plan,
                           kernels::PlanRows x,
                           const std::vector<const kernels::LinearWeight*>& weights,
                           const kernels::InputNorm* norm,
                           const std::vector<kernels::PlanRows>& y);

void plan_swiglu_or_other(kernels::Plan& plan,
                          kernels::PlanRows x,
                          const kernels::LinearWeight& gate,
                          const kernels::LinearWeight& up,
                          const kernels::InputNorm& norm,
                          kernels::PlanRows y);

} // namespace mtplx::native
