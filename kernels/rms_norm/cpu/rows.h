#pragma once

#include <cstddef>

#include "kernels/common/isa.h"

namespace mtplx::kernels {

// y [rows, width] from x. The sum of squares runs over 16 lanes and then a fixed tree; a tail shorter than 16 is
// added in order.
MTPLX_DECLARE_ISA(void, rms_norm_rows, (const float* x, const float* weight, float eps, int rows, int width, float* y))

// The same for the active instruction set, many rows shared among the threads.
void rms_norm_shared(const float* x, const float* weight, float eps, int rows, int width, float* y);

} // namespace mtplx::kernels
