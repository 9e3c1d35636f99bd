#pragma once

#include "kernels/common/plan.h"
#include "kernels/common/task.h"

namespace mtplx::kernels {

// y = x * rsqrt(mean(x^2) + eps) * weight over the last axis.
// x f32 [M, H], weight f32 [H] (the effective one, 1 already added).
mx::array rms_norm(const mx::array& x, const mx::array& weight, float eps);

// The norms of a and of b side by side, f32 [M, 2 H]; the same bits as two norms and a concatenation.
mx::array rms_norm_pair(
    const mx::array& a, const mx::array& a_weight, const mx::array& b, const mx::array& b_weight, float eps);

// The same as calls of a plan, which the weights must outlive.
void plan_rms_norm(Plan& plan, PlanRows x, const mx::array& weight, float eps, PlanRows y);
void plan_rms_norm_pair(
    Plan& plan, PlanRows a, const mx::array& a_weight, PlanRows b, const mx::array& b_weight, float eps, PlanRows y);

} // namespace mtplx::kernels
