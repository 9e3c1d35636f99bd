#include "kernels/linear/mlx_form.h"

namespace mtplx::kernels::mlx_form {

mx::array linear(const mx::array& x, const Weight& w, mx::Stream s) {
  if (w.bits == 0) {
    return mx::matmul(x, mx::transpose(w.values, s), s);
  }
  return mx::quantized_matmul(x, w.values, *w.scales, w.biases, true, w.group_size, w.bits, "affine", s);
}

mx::array linear_add(const mx::array& x, const Weight& w, const mx::array& residual, mx::Stream s) {
  return mx::add(residual, linear(x, w, s), s);
}

mx::array dense_values(const Weight& w, mx::Stream s) {
  if (w.bits == 0) {
    return mx::astype(w.values, mx::float32, s);
  }
  mx::array scales = mx::astype(*w.scales, mx::float32, s);
  mx::array biases = mx::astype(*w.biases, mx::float32, s);
  return mx::dequantize(w.values, scales, biases, w.group_size, w.bits, "affine", std::nullopt, std::nullopt, s);
}

} // namespace mtplx::kernels::mlx_form
