#pragma once

#include <optional>

#include "kernels/common/plan.h"
#include "kernels/common/task.h"

namespace mtplx::kernels {

// Weight [N, K] of a linear layer y = x W^T, kept in the order the CPU kernel
// reads. Dense (f32, f16, bf16) or MLX affine (2-6 or 8 bits, groups along K).
struct LinearWeight {
  int out_features;
  int in_features;
  int bits;          // 0: dense
  int group_size;    // 0: dense
  mx::Dtype element; // of dense values, or of scales and biases
  mx::array data;    // kernel layout, private to kernels/linear
};

// weight [N, K] in f32, f16 or bf16; kept in its dtype.
LinearWeight dense_weight(const mx::array& weight);

// packed u32 [N, K*bits/32], scales and biases [N, K/group_size] (f32, f16 or
// bf16), MLX affine packing: w = scale * q + bias.
// Throws std::invalid_argument when shapes, bits and group size do not agree.
LinearWeight affine_weight(
    const mx::array& packed, const mx::array& scales, const mx::array& biases, int bits, int group_size);

// x f32 [M, K] -> f32 [M, N]. A row's bits depend on that row of x alone.
//
// Affine weights: x in 16-bit integers for each group of the weight, exact integer sums, one fixed float finish
// (kernels/linear/cpu/integer.h); the bits are the same on every instruction set. A row with a NaN or an infinity is
// computed apart in plain float, so that both stay in it as IEEE arithmetic gives them (any NaN: the positive quiet
// one). Dense weights: f32, one fma after the other in the order of k.
mx::array linear(const mx::array& x, const LinearWeight& weight);

// An RMS norm of the rows before they are read (kernels/rms_norm), in the same task.
struct InputNorm {
  mx::array weight; // f32 [K]
  float eps;
};

// Several weights over the same rows, as one task: x is prepared once. The same bits as one by one.
std::vector<mx::array> linears(const mx::array& x,
                               const std::vector<const LinearWeight*>& weights,
                               const InputNorm* norm = nullptr);

// silu(gate x) * (up x), f32 [M, N], as one task; the same bits as linear twice and swiglu.
mx::array linear_swiglu(const mx::array& x,
                        const LinearWeight& gate,
                        const LinearWeight& up,
                        const InputNorm* norm = nullptr);

// As linear, plus residual f32 [M, N] added after the sum.
mx::array linear_add(const mx::array& x, const LinearWeight& weight, const mx::array& residual);

// The same as calls of a plan, which the weights must outlive. One to four weights.
void plan_linears(Plan& plan,
                  PlanRows x,
                  const std::vector<const LinearWeight*>& weights,
                  const InputNorm* norm,
                  const std::vector<PlanRows>& y);
void plan_linear_swiglu(
    Plan& plan, PlanRows x, const LinearWeight& gate, const LinearWeight& up, const InputNorm* norm, PlanRows y);
void plan_linear_add(Plan& plan, PlanRows x, const LinearWeight& weight, PlanRows residual, PlanRows y);

// The weights as f32 [N, K], for references and requantising.
mx::array dense_values(const LinearWeight& weight);

// When the weights of a model are packed: the rest of the last huge page, 1 MB of the embedded model, goes back to the
// system until others come.
void give_back_unused_lines();

} // namespace mtplx::kernels
