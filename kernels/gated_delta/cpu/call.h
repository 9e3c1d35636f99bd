#pragma once

#include <span>

#include "kernels/gated_delta/gated_delta.h"

// One forward pass as plain memory, shapes as in gated_delta.h.
namespace mtplx::kernels {

struct DeltaCall {
  const GatedDeltaSpec& spec;
  const float* conv; // weights
  const float* a_log;
  const float* dt_bias;
  const float* norm;
  const float* qkv;
  const float* z;
  const float* b;
  const float* a;
  float* y;
  float* decay;
  float* k; // of the tape, as delta; null where nobody keeps one
  float* delta;
  std::span<const PlainGatedDeltaSegment> segments;
};

// One round: how many tasks, and one of them.
int gated_delta_tasks(const DeltaCall& call);
void run_gated_delta_task(const DeltaCall& call, int task);

} // namespace mtplx::kernels
