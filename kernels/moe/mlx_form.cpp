#include "kernels/moe/mlx_form.h"

#include "kernels/swiglu/mlx_form.h"

namespace mtplx::kernels::mlx_form {

namespace {

// x [M, 1 or k, 1, K] times the chosen experts' weights, experts [M, k] -> [M, k, 1, N].
mx::array gathered(const mx::array& x, const Weight& w, const mx::array& experts, mx::Stream s) {
  if (w.bits == 0) {
    return mx::gather_mm(x, mx::swapaxes(w.values, -1, -2, s), std::nullopt, experts, false, s);
  }
  return mx::gather_qmm(x, w.values, *w.scales, w.biases, std::nullopt, experts, true, w.group_size, w.bits, "affine",
                        std::nullopt, false, s);
}

} // namespace

mx::array moe(const mx::array& x, const MoeWeights& w, int experts_per_token, bool normalise, mx::Stream s) {
  mx::array p = mx::softmax(linear(x, w.router, s), -1, true, s);
  mx::array order = mx::argpartition(mx::negative(p, s), experts_per_token - 1, -1, s);
  mx::array experts = mx::slice(order, {0, 0}, {x.shape(0), experts_per_token}, s);
  mx::array weights = mx::take_along_axis(p, experts, -1, s);
  if (normalise) {
    weights = mx::divide(weights, mx::sum(weights, -1, true, s), s);
  }
  mx::array rows = mx::expand_dims(x, {1, 2}, s);
  mx::array f = swiglu(gathered(rows, w.experts.gate, experts, s), gathered(rows, w.experts.up, experts, s), s);
  mx::array y = mx::squeeze(gathered(f, w.experts.down, experts, s), 2, s);
  y = mx::sum(mx::multiply(y, mx::expand_dims(weights, -1, s), s), 1, false, s);
  mx::array shared = linear(swiglu(linear(x, w.shared.gate, s), linear(x, w.shared.up, s), s), w.shared.down, s);
  return mx::add(y, mx::multiply(mx::sigmoid(linear(x, w.shared_gate, s), s), shared, s), s);
}

} // namespace mtplx::kernels::mlx_form
