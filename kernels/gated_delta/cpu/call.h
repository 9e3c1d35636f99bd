#pragma once

#include <vector>

#include "kernels/gated_delta/gated_delta.h"

// One forward pass as plain memory, shapes as in gated_delta.h.
namespace mtplx::kernels {

struct DeltaSegment {
  int row_begin, row_count;
  const float* conv;
  float* conv_after;
  const float* recurrent;
  float* settled = nullptr; // gets `recurrent` with what is owed; may be `recurrent`. Null: nobody wants it
  float* last = nullptr;    // gets the state after the last row. Null: at most most_owed_rows, which will be owed
  int owed_rows = 0;
  const float* owed_k = nullptr; // from the first owed row on
  const float* owed_delta = nullptr;
  const float* owed_decay = nullptr;
};

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
  std::vector<DeltaSegment> segments;
};

void run_gated_delta(const DeltaCall& call);

} // namespace mtplx::kernels
