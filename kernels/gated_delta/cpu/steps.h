#pragma once

#include <cstddef>

#include "kernels/common/isa.h"

namespace mtplx::kernels {

// Value dims that one task steps through time: with 128 key dims 16 KB of state, which stay in a first-level cache.
inline constexpr int delta_chunk = 32;

// out [channels] = silu(sum over taps of weight[tap] * row[tap]), oldest first. weight [taps, channels];
// rows: one pointer a tap.
MTPLX_DECLARE_ISA(
    void,
    conv_silu,
    (const float* const* rows, const float* weight, int taps, int begin, int end, int channels, float* out))

// y = x / sqrt(sum x^2 + 1e-6) * scale over dim (a multiple of 16).
MTPLX_DECLARE_ISA(void, l2_normalise, (const float* x, int dim, float scale, float* y))

// One step of the recurrence for `width` (a multiple of 16) value dims of a head; the state is [key_dim, stride]:
// S = g S; u = beta (v - S k); S = S + k u; y = S q. Writes u and y.
MTPLX_DECLARE_ISA(void,
                  delta_step,
                  (float* state,
                   int stride,
                   int key_dim,
                   int width,
                   const float* q,
                   const float* k,
                   const float* v,
                   float decay,
                   float beta,
                   float* u,
                   float* y))

// The state update of delta_step alone, from a known u.
MTPLX_DECLARE_ISA(void,
                  delta_replay,
                  (float* state, int stride, int key_dim, int width, const float* k, const float* u, float decay))

// y = y * rsqrt(mean(y^2) + eps) * weight * silu(z), in place over dim.
MTPLX_DECLARE_ISA(void, gated_norm, (float* y, const float* weight, const float* z, float eps, int dim))

} // namespace mtplx::kernels
