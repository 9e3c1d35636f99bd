#pragma once

#include <cstdint>

#include "kernels/common/isa.h"

// simd.h and fixed_math.h one lane group at a time, built for every instruction set, for the tests.
namespace mtplx::kernels {

enum class LaneOp {
  add,
  subtract,
  multiply,
  divide,
  fma,
  max,
  round,
  nearest,      // as integers and back
  largest_bits, // of the lanes' bits and b's, as floats
  select_less,  // a < b[0] ? b : c
  exp2_int,
  splat, // of a[0]
  sum,   // all lanes of the result hold it
  largest,
  exp,
  sigmoid,
  silu,
};

// out = op(a, b, c) over 16 lanes.
MTPLX_DECLARE_ISA(void, lanes, (LaneOp op, const float* a, const float* b, const float* c, float* out))

// Words of 16 lanes: ((word >> shift) & mask) as floats, for shifts 0, 4, 13 and 28.
MTPLX_DECLARE_ISA(void, lanes_of_words, (const uint32_t* words, int shift, uint32_t mask, float* out))

// 16 bf16 or f16 numbers as floats.
MTPLX_DECLARE_ISA(void, lanes_of_halves, (const uint16_t* halves, bool bf16, float* out))

} // namespace mtplx::kernels
