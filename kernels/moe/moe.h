#pragma once

#include "kernels/common/task.h"
#include "kernels/linear/linear.h"

namespace mtplx::kernels {

struct MoeSpec {
  int experts;
  int experts_per_token;
  bool normalise; // divide the chosen weights by their sum
};

struct MoeExpert {
  LinearWeight gate;
  LinearWeight up;
  LinearWeight down;
};

struct MoeWeights {
  LinearWeight router; // [E, H]
  std::vector<MoeExpert> experts;
  MoeExpert shared;
  LinearWeight shared_gate; // [1, H]
};

// softmax over all experts, top k (ties to the lower id), weighted sum in order of
// expert id, plus sigmoid(shared_gate x) * shared(x). x f32 [M, H] -> f32 [M, H].
mx::array moe(const mx::array& x, const MoeWeights& weights, const MoeSpec& spec);

// residual + moe(x) as a call of a plan. The weights must outlive it.
void plan_moe_add(
    Plan& plan, PlanRows x, const MoeWeights& weights, const MoeSpec& spec, PlanRows residual, PlanRows y);

} // namespace mtplx::kernels
