#pragma once

#include <cstddef>

#include "kernels/common/isa.h"

namespace mtplx::kernels {

// Keys are scored in groups of this many positions, and softened in blocks of `block_keys`.
inline constexpr int group_keys = 16;
inline constexpr int block_keys = 64;

// Cosine and sine of position * frequency[i], i < half: the bits of fixed64::sincos, rounded once.
MTPLX_DECLARE_ISA(void, rotation_angles, (int position, const double* frequency, int half, float* cosine, float* sine))

// y = x * rsqrt(mean(x^2) + eps) * weight, then the first 2 * half dims rotate in pairs (i, i + half), all times
// `scale`. cosine and sine are [half], dim is a multiple of 16.
MTPLX_DECLARE_ISA(void,
                  norm_and_rotate,
                  (const float* x,
                   const float* weight,
                   float eps,
                   int dim,
                   const float* cosine,
                   const float* sine,
                   int half,
                   float scale,
                   float* y))

// scores[q * block_keys + 16 * g + lane] = query q (of [count, dim]) times the key in `lane` of group g: one chain over
// the dims. Dim d of a group's keys lies at keys + g * group_stride + d * dim_stride.
MTPLX_DECLARE_ISA(void,
                  score_keys,
                  (const float* queries,
                   int count,
                   int dim,
                   const float* keys,
                   size_t group_stride,
                   size_t dim_stride,
                   int groups,
                   float* scores))

// Running softmax of one query row over its history.
struct SoftmaxState {
  float max;
  float sum;
};

// Takes in the first `count` (1 .. block_keys) scores of a block and puts their weights e^(score - max) in their place.
// Returns the factor of all that was summed before.
MTPLX_DECLARE_ISA(float, soften, (float* scores, int count, SoftmaxState& state))

// acc[q] = acc[q] * keep[q] + the chain over `rows` of weights[q][row] * values[row]. acc is [count, dim], weights
// `block_keys` apart a query, values `value_stride` apart.
MTPLX_DECLARE_ISA(void,
                  add_values,
                  (const float* weights,
                   const float* keep,
                   int count,
                   const float* values,
                   size_t value_stride,
                   int rows,
                   int dim,
                   float* acc))

// y = acc / sum, times sigmoid(gate) unless gate is null.
MTPLX_DECLARE_ISA(void, finish_row, (const float* acc, float sum, const float* gate, int dim, float* y))

} // namespace mtplx::kernels
