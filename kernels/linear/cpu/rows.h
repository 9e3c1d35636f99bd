#pragma once

#include "kernels/common/isa.h"
#include "kernels/linear/cpu/layout.h"

namespace mtplx::kernels {

// Input rows as the kernel wants them. For 4 bits, x is scaled by 2^-4t (t = k % 8, 0 for t = 7), which is exact and
// saves the shift of each nibble.
struct LinearInput {
  const float* x;          // [M, K]
  const float* group_sums; // [M, groups]: sum of the unscaled x; null for dense
  int rows;
};

// y[m, n] for the blocks [block_begin, block_end): sum over groups of fma(scale, sum q x, .) and fma(bias, sum x, .),
// each inner sum one fma after the other in the order of k. residual may be null.
MTPLX_DECLARE_ISA(void,
                  linear_blocks,
                  (const LinearLayout& layout,
                   const uint8_t* data,
                   const LinearInput& input,
                   const float* residual,
                   float* y,
                   int block_begin,
                   int block_end))

// Fills scaled [M, K] and sums [M, groups] from x [M, K].
MTPLX_DECLARE_ISA(void,
                  prepare_rows,
                  (const LinearLayout& layout, const float* x, int rows, float* scaled, float* sums))

// Row n of the weight as floats, out [K].
MTPLX_DECLARE_ISA(void, weight_row, (const LinearLayout& layout, const uint8_t* data, int n, float* out))

} // namespace mtplx::kernels
