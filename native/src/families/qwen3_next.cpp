// Qwen3-Next: projections grouped by key head, experts in the layers that have them.
#include "native/src/families/families.h"

namespace mtplx::native {

namespace {

// Rows of in_proj_qkvz come as Hk groups of q | k | v (r heads) | z (r heads), those of
// in_proj_ba as Hk groups of b (r) | a (r); in that order they are Qwen3.5's four matrices.
struct GroupedRows {
  std::vector<int> qkv, z, b, a;
};

void append(std::vector<int>& to, int begin, int count) {
  for (int i = 0; i < count; ++i) {
    to.push_back(begin + i);
  }
}

GroupedRows grouped_rows(const kernels::GatedDeltaSpec& g) {
  int r = g.value_heads / g.key_heads;
  int stride = 2 * g.key_dim + 2 * r * g.value_dim;
  GroupedRows rows;
  for (int part = 0; part < 2; ++part) {
    for (int h = 0; h < g.key_heads; ++h) {
      append(rows.qkv, h * stride + part * g.key_dim, g.key_dim);
    }
  }
  for (int h = 0; h < g.key_heads; ++h) {
    int v = h * stride + 2 * g.key_dim;
    append(rows.qkv, v, r * g.value_dim);
    append(rows.z, v + r * g.value_dim, r * g.value_dim);
    append(rows.b, h * 2 * r, r);
    append(rows.a, h * 2 * r + r, r);
  }
  return rows;
}

GatedDeltaLayer grouped_gated_delta_block(Weights& w, const ModelSpec& spec, const std::string& path) {
  GroupedRows rows = grouped_rows(spec.gated_delta);
  auto qkvz = w.take_linear_parts(path + ".in_proj_qkvz", {rows.qkv, rows.z});
  auto ba = w.take_linear_parts(path + ".in_proj_ba", {rows.b, rows.a});
  return {std::move(qkvz[0]),
          std::move(qkvz[1]),
          std::move(ba[0]),
          std::move(ba[1]),
          w.take_linear(path + ".out_proj"),
          gated_delta_weights(w, spec, path)};
}

} // namespace

Layer qwen3_next_layer(Weights& w, const ModelSpec& spec, const std::string& path, int index) {
  kernels::InputNorm input_norm{w.take_norm(path + ".input_layernorm.weight"), spec.rms_norm_eps};
  kernels::InputNorm post_norm{w.take_norm(path + ".post_attention_layernorm.weight"), spec.rms_norm_eps};
  std::variant<DenseMlp, kernels::MoeWeights> mlp =
      has_experts(spec, index) ? std::variant<DenseMlp, kernels::MoeWeights>(moe_block(w, spec, path + ".mlp"))
                               : std::variant<DenseMlp, kernels::MoeWeights>(dense_mlp_block(w, path + ".mlp"));
  if (is_full_attention(spec, index)) {
    return {input_norm, post_norm, attention_block(w, path + ".self_attn"), std::move(mlp)};
  }
  return {input_norm, post_norm, grouped_gated_delta_block(w, spec, path + ".linear_attn"), std::move(mlp)};
}

} // namespace mtplx::native
