#include "kernels/rms_norm/mlx_form.h"

namespace mtplx::kernels::mlx_form {

mx::array rms_norm(const mx::array& x, const mx::array& weight, float eps, mx::Stream s) {
  return mx::fast::rms_norm(x, weight, eps, s);
}

} // namespace mtplx::kernels::mlx_form
