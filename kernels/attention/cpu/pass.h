#pragma once

#include <span>

#include "kernels/attention/attention.h"

namespace mtplx::kernels {

// One evaluation as plain memory, shapes as in attention.h.
struct AttentionCall {
  AttentionSpec spec;
  const double* frequency; // [rotary_dim / 2]
  std::span<const PlainAttentionSegment> segments;
  int rows;
  const float* q;
  const float* k;
  const float* v;
  const float* q_norm;
  const float* k_norm;
  float* y;
  float* new_k;
  float* new_v;
};

void run_attention(const AttentionCall& call);

} // namespace mtplx::kernels
