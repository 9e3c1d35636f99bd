#include "kernels/swiglu/reference.h"

#include <cmath>

namespace mtplx::kernels::reference {

Doubles swiglu(const Doubles& gate, const Doubles& up) {
  Doubles y;
  for (size_t i = 0; i < gate.size(); ++i) {
    y.push_back(gate[i] / (1.0 + std::exp(-gate[i])) * up[i]);
  }
  return y;
}

} // namespace mtplx::kernels::reference
