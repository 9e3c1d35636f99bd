#include "kernels/kv_cache/mlx_form.h"

namespace mtplx::kernels {

mx::array kv_append_mlx(
    KvKind kind, const mx::array& block, const mx::array& rows, int row_begin, int count, int offset, mx::Stream s) {
  bool keys = kind == KvKind::keys;
  int heads = rows.shape(1);
  int dim = rows.shape(2);
  mx::array update = mx::slice(rows, {row_begin, 0, 0}, {row_begin + count, heads, dim}, s);
  update = mx::transpose(update, keys ? std::vector<int>{1, 2, 0} : std::vector<int>{1, 0, 2}, s);
  mx::Shape start = keys ? mx::Shape{0, 0, offset} : mx::Shape{0, offset, 0};
  mx::Shape stop = keys ? mx::Shape{heads, dim, offset + count} : mx::Shape{heads, offset + count, dim};
  return mx::slice_update(block, update, start, stop, s);
}

} // namespace mtplx::kernels
