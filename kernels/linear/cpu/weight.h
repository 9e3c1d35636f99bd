#pragma once

#include "kernels/linear/cpu/layout.h"
#include "kernels/linear/linear.h"

namespace mtplx::kernels {

// How a prepared weight lies in memory.
LinearLayout layout_of(const LinearWeight& weight);

} // namespace mtplx::kernels
