#include "kernels/draw/mlx_form.h"

namespace mtplx::kernels {

DrawMlx draw_mlx(const mx::array& logits, const Filter& filter, const mx::array& uniforms, mx::Stream s) {
  int vocab = logits.shape(1);
  mx::array order = mx::argsort(mx::negative(logits, s), 1, s);
  mx::array sorted = mx::take_along_axis(logits, order, 1, s);
  mx::array p =
      mx::softmax(mx::multiply(sorted, mx::array(static_cast<float>(1.0 / filter.temperature)), s), 1, false, s);
  mx::array before = mx::subtract(mx::cumsum(p, 1, false, true, s), p, s);
  mx::array kept = mx::less(before, mx::array(static_cast<float>(filter.top_p)), s);
  if (filter.top_k > 0) {
    mx::array rank = mx::arange(vocab, mx::int32, s);
    kept = mx::logical_and(kept, mx::less(rank, mx::array(filter.top_k), s), s);
  }
  p = mx::where(kept, p, mx::array(0.0f), s);
  p = mx::divide(p, mx::sum(p, 1, true, s), s);
  mx::array above = mx::greater(mx::cumsum(p, 1, false, true, s), mx::expand_dims(uniforms, 1, s), s);
  mx::array at = mx::argmax(above, 1, true, s);
  mx::array token = mx::squeeze(mx::take_along_axis(order, at, 1, s), 1, s);
  return {mx::astype(token, mx::int32, s), mx::astype(order, mx::int32, s), p};
}

} // namespace mtplx::kernels
