#include "kernels/gated_delta/mlx_form.h"

#include <cmath>

namespace mtplx::kernels {

namespace {

mx::array silu(const mx::array& x, mx::Stream s) {
  return mx::multiply(x, mx::sigmoid(x, s), s);
}

mx::array l2_normalise(const mx::array& x, float scale, mx::Stream s) {
  mx::array sum = mx::sum(mx::square(x, s), -1, true, s);
  mx::array factor = mx::multiply(mx::rsqrt(mx::add(sum, mx::array(1e-6f), s), s), mx::array(scale), s);
  return mx::multiply(x, factor, s);
}

} // namespace

GatedDeltaMlx gated_delta_mlx(const mx::array& qkv,
                              const mx::array& z,
                              const mx::array& b,
                              const mx::array& a,
                              const GatedDeltaWeights& weights,
                              const GatedDeltaSpec& spec,
                              const GatedDeltaState& state,
                              mx::Stream s) {
  int rows = qkv.shape(0);
  int channels = qkv.shape(1);
  int keys = spec.key_heads * spec.key_dim;
  int past = spec.conv_kernel - 1;
  mx::array window = mx::concatenate({state.conv, qkv}, 0, s);
  mx::array taps = mx::expand_dims(mx::transpose(weights.conv, s), 2, s);
  mx::array c = mx::conv1d(mx::expand_dims(window, 0, s), taps, 1, 0, 1, channels, s);
  c = silu(mx::squeeze(c, 0, s), s);
  int ratio = spec.value_heads / spec.key_heads;
  auto heads = [&](int begin, int count, int dim) {
    return mx::reshape(mx::slice(c, {0, begin}, {rows, begin + count * dim}, s), {rows, count, dim}, s);
  };
  float q_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(spec.key_dim)));
  mx::array q = mx::repeat(l2_normalise(heads(0, spec.key_heads, spec.key_dim), q_scale, s), ratio, 1, s);
  mx::array k = mx::repeat(l2_normalise(heads(keys, spec.key_heads, spec.key_dim), 1.0f, s), ratio, 1, s);
  mx::array v = heads(2 * keys, spec.value_heads, spec.value_dim);
  mx::array beta = mx::sigmoid(b, s);
  mx::array softplus = mx::logaddexp(mx::add(a, weights.dt_bias, s), mx::array(0.0f), s);
  mx::array g = mx::exp(mx::negative(mx::multiply(mx::exp(weights.a_log, s), softplus, s), s), s);

  mx::array S = state.recurrent;
  std::vector<mx::array> outputs;
  auto row = [&](const mx::array& x, int m, mx::Shape shape) {
    mx::Shape begin(x.ndim(), 0);
    mx::Shape end = x.shape();
    begin[0] = m;
    end[0] = m + 1;
    return mx::reshape(mx::slice(x, begin, end, s), std::move(shape), s);
  };
  int Hv = spec.value_heads;
  for (int m = 0; m < rows; ++m) {
    mx::array km = row(k, m, {Hv, spec.key_dim, 1});
    S = mx::multiply(S, row(g, m, {Hv, 1, 1}), s);
    mx::array dot = mx::sum(mx::multiply(S, km, s), 1, true, s);
    mx::array u = mx::multiply(row(beta, m, {Hv, 1, 1}), mx::subtract(row(v, m, {Hv, 1, spec.value_dim}), dot, s), s);
    S = mx::add(S, mx::multiply(km, u, s), s);
    outputs.push_back(mx::sum(mx::multiply(S, row(q, m, {Hv, spec.key_dim, 1}), s), 1, false, s));
  }
  mx::array y = mx::fast::rms_norm(mx::stack(outputs, 0, s), weights.norm, spec.eps, s);
  mx::array gate = silu(mx::reshape(z, y.shape(), s), s);
  y = mx::reshape(mx::multiply(y, gate, s), {rows, Hv * spec.value_dim}, s);
  return {y, {S, mx::slice(window, {rows, 0}, {rows + past, channels}, s)}};
}

} // namespace mtplx::kernels
