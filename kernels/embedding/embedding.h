#pragma once

#include "kernels/common/task.h"
#include "kernels/linear/linear.h"

namespace mtplx::kernels {

// Rows of the table [V, H]: ids i32 [M] -> f32 [M, H]. The weight is the same
// object as a tied LM head's. An id outside [0, V) throws at evaluation.
mx::array embedding(const mx::array& ids, const LinearWeight& table);

} // namespace mtplx::kernels
