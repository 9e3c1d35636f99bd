#pragma once

#include <cstddef>
#include <vector>

namespace mtplx::kernels::reference {

using Doubles = std::vector<double>;

// gate / (1 + e^-gate) * up, element by element.
Doubles swiglu(const Doubles& gate, const Doubles& up);

} // namespace mtplx::kernels::reference
