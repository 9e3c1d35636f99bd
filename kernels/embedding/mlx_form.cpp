#include "kernels/embedding/mlx_form.h"

namespace mtplx::kernels::mlx_form {

mx::array embedding(const mx::array& ids, const Weight& table, mx::Stream s) {
  Weight rows = table;
  rows.values = mx::take(table.values, ids, 0, s);
  if (table.bits != 0) {
    rows.scales = mx::take(*table.scales, ids, 0, s);
    rows.biases = mx::take(*table.biases, ids, 0, s);
  }
  return dense_values(rows, s);
}

} // namespace mtplx::kernels::mlx_form
