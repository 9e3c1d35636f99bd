#pragma once

#include "kernels/gated_delta/gated_delta.h"

namespace mtplx::kernels {

struct GatedDeltaMlx {
  mx::array y;           // f32 [M, Hv * Dv]
  GatedDeltaState state; // after all rows
};

// Rows of one sequence in stock ops: one conv1d over all rows, then a chain of ops for each step.
GatedDeltaMlx gated_delta_mlx(const mx::array& qkv,
                              const mx::array& z,
                              const mx::array& b,
                              const mx::array& a,
                              const GatedDeltaWeights& weights,
                              const GatedDeltaSpec& spec,
                              const GatedDeltaState& state,
                              mx::Stream s);

} // namespace mtplx::kernels
