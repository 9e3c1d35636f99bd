#pragma once

#include "kernels/common/task.h"
#include "kernels/linear/linear.h"

namespace mtplx::kernels {

// Rows of the table [V, H]: ids i32 [M] -> f32 [M, H]. The weight is the same
// object as a tied LM head's. An id outside [0, V) throws at evaluation.
mx::array embedding(const mx::array& ids, const LinearWeight& table);

// The same as a call of a plan; *ids is looked at when it runs. The table must outlive it.
void plan_embedding(Plan& plan, const int32_t* const* ids, const LinearWeight& table, PlanRows y);

} // namespace mtplx::kernels
