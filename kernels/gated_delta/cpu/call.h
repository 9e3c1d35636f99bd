#pragma once

#include <span>

#include "kernels/gated_delta/gated_delta.h"

// One forward pass as plain memory, shapes as in gated_delta.h.
namespace mtplx::kernels {

struct DeltaCall {
  GatedDeltaSpec spec;
  const float* conv; // weights
  const float* a_log;
  const float* dt_bias;
  const float* norm;
  const float* qkv;
  const float* z;
  const float* b;
  const float* a;
  float* y;
  float* k; // the tape
  float* delta;
  float* decay;
  std::span<const PlainGatedDeltaSegment> segments;
};

void run_gated_delta(const DeltaCall& call);

} // namespace mtplx::kernels
