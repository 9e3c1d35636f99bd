#pragma once

#include <cstddef>

#include "kernels/common/isa.h"

namespace mtplx::kernels {

// y = silu(gate) * up for `count` elements.
MTPLX_DECLARE_ISA(void, swiglu_elements, (const float* gate, const float* up, size_t count, float* y))

} // namespace mtplx::kernels
