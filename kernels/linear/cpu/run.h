#pragma once

#include "kernels/linear/cpu/weight.h"

namespace mtplx::kernels {

// One weight of those that read the same rows.
struct LinearJob {
  LinearLayout layout;
  const uint8_t* data;
  const float* residual; // [rows, N] or null
  float* y;              // [rows, N]
};

// x [rows, K] times each weight: x is prepared once (for each group size) and all blocks of all weights are one round
// of tasks.
void run_linears(const std::vector<LinearJob>& jobs, const float* x, int rows);

// gate.y = silu(gate x) * (up x), element by element where both were made; up.y is scratch. Same N.
void run_swiglu(const LinearJob& gate, const LinearJob& up, const float* x, int rows);

inline void run_linear(
    const LinearLayout& layout, const mx::array& data, const float* x, int rows, const float* residual, float* y) {
  run_linears({{layout, data.data<uint8_t>(), residual, y}}, x, rows);
}

} // namespace mtplx::kernels
