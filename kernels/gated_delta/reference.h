#pragma once

#include <vector>

#include "kernels/gated_delta/gated_delta.h"

namespace mtplx::kernels {

struct GatedDeltaStateReference {
  std::vector<double> recurrent; // [Hv, Dk, Dv]
  std::vector<double> conv;      // [taps-1, C]
};

struct GatedDeltaInput {
  std::vector<double> qkv, z, b, a;               // as in gated_delta.h, row after row
  std::vector<double> conv, a_log, dt_bias, norm; // the weights
};

// The formulas of a gated DeltaNet layer in float64, row after row: y [M, Hv * Dv], and `state` moved on by all rows.
std::vector<double> gated_delta_reference(const GatedDeltaInput& in,
                                          const GatedDeltaSpec& spec,
                                          int rows,
                                          GatedDeltaStateReference& state);

} // namespace mtplx::kernels
