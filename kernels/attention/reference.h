#pragma once

#include <vector>

#include "kernels/attention/attention.h"

namespace mtplx::kernels {

struct AttentionReference {
  std::vector<double> y; // [M, query_heads * head_dim]
  std::vector<double> k; // [M, kv_heads, head_dim]
};

// Rows of one sequence in float64 by the formulas of a gated attention layer. past_k and past_v
// [position, kv_heads, head_dim]: what earlier calls gave, normed and rotated; q, k, v as in attention.h.
AttentionReference attention_reference(const std::vector<double>& q,
                                       const std::vector<double>& k,
                                       const std::vector<double>& v,
                                       const std::vector<double>& q_norm,
                                       const std::vector<double>& k_norm,
                                       const AttentionSpec& spec,
                                       const std::vector<double>& past_k,
                                       const std::vector<double>& past_v,
                                       int position);

} // namespace mtplx::kernels
