#pragma once

#include "kernels/linear/linear.h"

// A deliberate bug for the gates' negative controls: MLX's kernels for some rows, threads or instruction sets. In the
// product the calls come back as they are.
namespace mtplx::native {

kernels::PlanCall or_other_linears(kernels::PlanCall call,
                                   kernels::PlanRows x,
                                   const std::vector<const kernels::LinearWeight*>& weights,
                                   const kernels::InputNorm* norm,
                                   const std::vector<kernels::PlanRows>& y);

kernels::PlanCall or_other_swiglu(kernels::PlanCall call,
                                  kernels::PlanRows x,
                                  const kernels::LinearWeight& gate,
                                  const kernels::LinearWeight& up,
                                  const kernels::InputNorm& norm,
                                  kernels::PlanRows y);

} // namespace mtplx::native
