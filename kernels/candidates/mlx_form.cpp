#include "kernels/candidates/mlx_form.h"

namespace mtplx::kernels {

CandidateOutput candidates_mlx(const mx::array& logits, int count, double temperature, mx::Stream s) {
  int rows = logits.shape(0);
  int vocab = logits.shape(1);
  mx::array part = mx::argpartition(mx::negative(logits, s), std::min(count, vocab - 1), 1, s);
  part = mx::slice(part, {0, 0}, {rows, count}, s);
  mx::array values = mx::take_along_axis(logits, part, 1, s);
  mx::array order = mx::argsort(mx::negative(values, s), 1, s);
  mx::array ids = mx::astype(mx::take_along_axis(part, order, 1, s), mx::int32, s);
  mx::array scaled = mx::multiply(logits, mx::array(static_cast<float>(1.0 / temperature)), s);
  mx::array sums = mx::stack({mx::logsumexp(logits, 1, false, s), mx::logsumexp(scaled, 1, false, s)}, 1, s);
  return {ids, mx::take_along_axis(values, order, 1, s), sums};
}

} // namespace mtplx::kernels
