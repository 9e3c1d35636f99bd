#pragma once

#include <cstddef>

#include "kernels/common/isa.h"

namespace mtplx::kernels {

// y = x * rsqrt(mean(x^2) + eps) * weight, then the first 2 * half dims rotate in pairs (i, i + half):
// cosine and sine are [half]. dim is a multiple of 16.
MTPLX_DECLARE_ISA(void,
                  norm_and_rotate,
                  (const float* x,
                   const float* weight,
                   float eps,
                   int dim,
                   const float* cosine,
                   const float* sine,
                   int half,
                   float* y))

// Running softmax of one query row over its history. acc [dim].
struct SoftmaxState {
  float max;
  float sum;
  float* acc;
};

// Takes in `count` (1 .. 64) keys and values of one block: keys [dim, 64], values [64, dim]. query is scaled.
MTPLX_DECLARE_ISA(void,
                  attend_block,
                  (const float* query, const float* keys, const float* values, int dim, int count, SoftmaxState& state))

// y = acc / sum, times sigmoid(gate) unless gate is null.
MTPLX_DECLARE_ISA(void, finish_row, (const SoftmaxState& state, const float* gate, int dim, float* y))

} // namespace mtplx::kernels
