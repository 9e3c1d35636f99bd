#pragma once

#include "kernels/linear/cpu/layout.h"

namespace mtplx::kernels {

// One block of an affine weight from MLX's rows: words [N, K * bits / 8] bytes (value k at bits [k * bits, (k + 1) *
// bits) of the little-endian stream), scales and biases [N, groups]. `out` holds block_bytes() zeros.
void pack_block(const LinearLayout& layout,
                const uint8_t* words,
                const uint8_t* scales,
                const uint8_t* biases,
                int block,
                uint8_t* out);

} // namespace mtplx::kernels
