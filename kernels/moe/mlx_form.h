#pragma once

#include "kernels/linear/mlx_form.h"

namespace mtplx::kernels::mlx_form {

// gate, up [.., F, H] and down [.., H, F]; the experts' are stacked along axis 0.
struct Mlp {
  Weight gate;
  Weight up;
  Weight down;
};

struct MoeWeights {
  Weight router; // [E, H]
  Mlp experts;
  Mlp shared;
  Weight shared_gate; // [1, H]
};

// softmax, argpartition, gather_mm or gather_qmm, and a sum in argpartition's order: x f32 [M, H] -> f32 [M, H].
mx::array moe(const mx::array& x, const MoeWeights& weights, int experts_per_token, bool normalise, mx::Stream s);

} // namespace mtplx::kernels::mlx_form
