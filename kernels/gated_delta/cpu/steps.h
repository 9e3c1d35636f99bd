#pragma once

#include <cstddef>

#include "kernels/common/isa.h"

namespace mtplx::kernels {

// Value dims of a call at most: with 128 key dims 32 KB of state.
inline constexpr int delta_chunk = 64;

// out [end - begin] = silu(sum over taps of weight[tap] * row[tap]) of channels begin .. end, oldest tap first, for row
// `row` of a sequence: rows [.., channels] from its first, past [taps-1, channels] before it, weight [taps, channels].
MTPLX_DECLARE_ISA(void,
                  conv_silu,
                  (const float* past,
                   const float* rows,
                   const float* weight,
                   int taps,
                   int row,
                   int channels,
                   int begin,
                   int end,
                   float* out))

// y = x / sqrt(sum x^2 + 1e-6) * scale over dim (a multiple of 16).
MTPLX_DECLARE_ISA(void, l2_normalise, (const float* x, int dim, float scale, float* y))

// The sum of x y over dim (a multiple of 16).
MTPLX_DECLARE_ISA(float, dot, (const float* x, const float* y, int dim))

// `width` (a multiple of 16) value dims of one head for `rows` rows.
struct DeltaChunk {
  int key_dim;
  int width;
  int rows;
  float* scratch;    // [key_dim, delta_chunk]
  const float* from; // the state before, [key_dim, width], rows `state_stride` apart
  float* settled;    // gets it with the owed rows applied; may be `from`, null where not wanted
  float* to;         // gets the state after the last row; null where not wanted
  size_t state_stride;
  // Rows that the state before owes: their k [key_dim], u [width] and decay, so far apart.
  int owed_rows;
  const float* owed_k;
  size_t owed_k_stride;
  const float* owed_u;
  const float* owed_decay;
  const float* q;  // [rows, key_dim]
  const float* k;  // [rows, key_dim]
  const float* kq; // [rows], k . q
  const float* v;  // [rows, width], `v_stride` apart
  size_t v_stride;
  const float* beta;  // [rows]
  const float* decay; // [rows], `gate_stride` apart
  size_t gate_stride; // of owed_decay too
  float* u;           // as y, and may be y where nobody wants it: y is stored after it
  float* y;           // [rows, width], `y_stride` apart
  size_t y_stride;    // of u and owed_u too
};

// The recurrence, one row after the other, S the state before a row: u = beta (v - g (S k)); y = g (S q) + (k . q) u;
// then S = g S + k u, which is applied on the way to the next row's sums. Writes u and y.
MTPLX_DECLARE_ISA(void, delta_rows, (const DeltaChunk& chunk))

// The state updates of one head alone, from known u, for key dims key_begin .. key_end.
struct DeltaReplay {
  int key_begin, key_end;
  int value_dim; // a multiple of 16
  int rows;
  const float* from; // [key_dim, value_dim]
  float* to;
  const float* k; // [rows, key_dim], `key_stride` apart
  size_t key_stride;
  const float* u; // [rows, value_dim], `u_stride` apart
  size_t u_stride;
  const float* decay; // [rows], `gate_stride` apart
  size_t gate_stride;
};

MTPLX_DECLARE_ISA(void, delta_replay, (const DeltaReplay& replay))

// y = y * rsqrt(mean(y^2) + eps) * weight * silu(z), in place over dim.
MTPLX_DECLARE_ISA(void, gated_norm, (float* y, const float* weight, const float* z, float eps, int dim))

} // namespace mtplx::kernels
