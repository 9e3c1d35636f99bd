#pragma once

#include "kernels/attention/attention.h"

namespace mtplx::kernels {

// Rows of one sequence by mx::fast::rms_norm, rope and scaled_dot_product_attention. past_k and past_v
// f32 [position, kv_heads, head_dim].
AttentionOutput attention_mlx(const mx::array& q,
                              const mx::array& k,
                              const mx::array& v,
                              const mx::array& q_norm,
                              const mx::array& k_norm,
                              const AttentionSpec& spec,
                              const mx::array& past_k,
                              const mx::array& past_v,
                              mx::Stream s);

} // namespace mtplx::kernels
