#include "kernels/common/fixed_math.h"
#include "kernels/swiglu/cpu/elements.h"

namespace mtplx::kernels::MTPLX_ISA {

void swiglu_elements(const float* gate, const float* up, size_t count, float* y) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    store(y + i, silu(load(gate + i)) * load(up + i));
  }
  if (i < count) {
    // The tail goes through the same lanes: an element's bits do not depend on where it stands.
    float g[16] = {};
    float u[16] = {};
    float r[16];
    std::memcpy(g, gate + i, (count - i) * sizeof(float));
    std::memcpy(u, up + i, (count - i) * sizeof(float));
    store(r, silu(load(g)) * load(u));
    std::memcpy(y + i, r, (count - i) * sizeof(float));
  }
}

} // namespace mtplx::kernels::MTPLX_ISA
