#pragma once

#include "kernels/common/task.h"

namespace mtplx::kernels {

// silu(gate) * up, element by element; f32 [M, F] each.
mx::array swiglu(const mx::array& gate, const mx::array& up);

} // namespace mtplx::kernels
