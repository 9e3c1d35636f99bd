#include "native/src/errors.h"
#include "native/src/families/families.h"

namespace mtplx::native {

AttentionLayer attention_block(Weights& w, const std::string& path) {
  return {w.take_linear(path + ".q_proj"), w.take_linear(path + ".k_proj"),      w.take_linear(path + ".v_proj"),
          w.take_linear(path + ".o_proj"), w.take_norm(path + ".q_norm.weight"), w.take_norm(path + ".k_norm.weight")};
}

kernels::GatedDeltaWeights gated_delta_weights(Weights& w, const ModelSpec& spec, const std::string& path) {
  const auto& g = spec.gated_delta;
  int channels = 2 * g.key_heads * g.key_dim + g.value_heads * g.value_dim;
  // [C, 1, K] (Hugging Face) and [C, K, 1] (MLX) hold the same numbers in the same order.
  mx::array conv =
      mx::contiguous(mx::transpose(mx::reshape(w.take_f32(path + ".conv1d.weight"), {channels, g.conv_kernel})));
  mx::eval(conv);
  return {conv, w.take_f32(path + ".A_log"), w.take_f32(path + ".dt_bias"), w.take_f32(path + ".norm.weight")};
}

GatedDeltaLayer gated_delta_block(Weights& w, const ModelSpec& spec, const std::string& path) {
  return {w.take_linear(path + ".in_proj_qkv"), w.take_linear(path + ".in_proj_z"), w.take_linear(path + ".in_proj_b"),
          w.take_linear(path + ".in_proj_a"),   w.take_linear(path + ".out_proj"),  gated_delta_weights(w, spec, path)};
}

DenseMlp dense_mlp_block(Weights& w, const std::string& path) {
  return {w.take_linear(path + ".gate_proj"), w.take_linear(path + ".up_proj"), w.take_linear(path + ".down_proj")};
}

kernels::MoeWeights moe_block(Weights& w, const ModelSpec& spec, const std::string& path) {
  auto gate = w.take_linears(path + ".experts.gate_proj");
  auto up = w.take_linears(path + ".experts.up_proj");
  auto down = w.take_linears(path + ".experts.down_proj");
  std::vector<kernels::MoeExpert> experts;
  for (int e = 0; e < spec.moe->experts; ++e) {
    experts.push_back({std::move(gate.at(e)), std::move(up.at(e)), std::move(down.at(e))});
  }
  DenseMlp shared = dense_mlp_block(w, path + ".shared_expert");
  return {w.take_linear(path + ".gate"),
          std::move(experts),
          {std::move(shared.gate), std::move(shared.up), std::move(shared.down)},
          w.take_linear(path + ".shared_expert_gate")};
}

bool is_full_attention(const ModelSpec& spec, int index) {
  return index == mtp_layer || spec.layers.at(index) == LayerKind::full;
}

bool has_experts(const ModelSpec& spec, int index) {
  return spec.moe && (index == mtp_layer || spec.moe_layers.at(index));
}

} // namespace mtplx::native
