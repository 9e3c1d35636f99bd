#include "kernels/swiglu/mlx_form.h"

namespace mtplx::kernels::mlx_form {

mx::array swiglu(const mx::array& gate, const mx::array& up, mx::Stream s) {
  return mx::multiply(mx::multiply(gate, mx::sigmoid(gate, s), s), up, s);
}

} // namespace mtplx::kernels::mlx_form
