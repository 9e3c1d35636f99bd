// Qwen3.5 / 3.6 mixture of experts: the dense family's mixers, experts for every MLP.
#include "native/src/families/families.h"

namespace mtplx::native {

Layer qwen3_5_moe_layer(Weights& w, const ModelSpec& spec, const std::string& path, int index) {
  kernels::InputNorm input_norm{w.take_norm(path + ".input_layernorm.weight"), spec.rms_norm_eps};
  kernels::InputNorm post_norm{w.take_norm(path + ".post_attention_layernorm.weight"), spec.rms_norm_eps};
  kernels::MoeWeights mlp = moe_block(w, spec, path + ".mlp");
  if (is_full_attention(spec, index)) {
    return {input_norm, post_norm, attention_block(w, path + ".self_attn"), std::move(mlp)};
  }
  return {input_norm, post_norm, gated_delta_block(w, spec, path + ".linear_attn"), std::move(mlp)};
}

} // namespace mtplx::native
