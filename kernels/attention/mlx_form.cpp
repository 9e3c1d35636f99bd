#include "kernels/attention/mlx_form.h"

#include <cmath>

namespace mtplx::kernels {

AttentionOutput attention_mlx(const mx::array& q,
                              const mx::array& k,
                              const mx::array& v,
                              const mx::array& q_norm,
                              const mx::array& k_norm,
                              const AttentionSpec& spec,
                              const mx::array& past_k,
                              const mx::array& past_v,
                              mx::Stream s) {
  int rows = q.shape(0);
  int position = past_k.shape(0);
  int D = spec.head_dim;
  // [rows, heads, D] to [1, heads, rows, D]
  auto heads_first = [&](const mx::array& x) { return mx::expand_dims(mx::transpose(x, {1, 0, 2}, s), 0, s); };
  auto prepared = [&](const mx::array& x, const mx::array& norm) {
    mx::array n = heads_first(mx::fast::rms_norm(x, norm, spec.eps, s));
    return mx::fast::rope(n, spec.rotary_dim, false, static_cast<float>(spec.rope_theta), 1.0f, position, std::nullopt,
                          s);
  };
  mx::array queries = mx::reshape(q, {rows, spec.query_heads, spec.gated ? 2 * D : D}, s);
  mx::array gate = mx::array(0.0f);
  if (spec.gated) {
    auto parts = mx::split(queries, 2, 2, s);
    queries = parts[0];
    gate = parts[1];
  }
  mx::array new_k = prepared(mx::reshape(k, {rows, spec.kv_heads, D}, s), k_norm);
  mx::array new_v = mx::reshape(v, {rows, spec.kv_heads, D}, s);
  mx::array keys = mx::concatenate({heads_first(past_k), new_k}, 2, s);
  mx::array values = heads_first(mx::concatenate({past_v, new_v}, 0, s));
  float scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(D)));
  mx::array y = mx::fast::scaled_dot_product_attention(prepared(queries, q_norm), keys, values, scale, "causal", {}, {},
                                                       false, s);
  y = mx::transpose(mx::squeeze(y, 0, s), {1, 0, 2}, s);
  if (spec.gated) {
    y = mx::multiply(y, mx::sigmoid(gate, s), s);
  }
  return {mx::reshape(y, {rows, spec.query_heads * D}, s), mx::transpose(mx::squeeze(new_k, 0, s), {1, 0, 2}, s),
          new_v};
}

} // namespace mtplx::kernels
