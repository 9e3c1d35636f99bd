#pragma once

#include "kernels/common/isa.h"
#include "kernels/linear/cpu/layout.h"

namespace mtplx::kernels {

// A dense weight (f32, f16, bf16) against rows of x: y[m, n], residual null or added after the sum.
struct DenseJob {
  const LinearLayout& layout;
  const uint8_t* data;
  const float* x; // [rows, K]
  int rows;
  const float* residual;
  float* y;
};

// The blocks [begin, end); each sum one fma after the other in the order of k.
MTPLX_DECLARE_ISA(void, dense_blocks, (const DenseJob& job, int begin, int end))

// Row n of the weight as floats, out [K].
MTPLX_DECLARE_ISA(void, weight_row, (const LinearLayout& layout, const uint8_t* data, int n, float* out))

} // namespace mtplx::kernels
