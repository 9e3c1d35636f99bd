#pragma once

#include <cstddef>
#include <vector>

namespace mtplx::kernels::reference {

using Doubles = std::vector<double>;

// x [M, H] / sqrt(mean(x^2) + eps) * weight [H].
Doubles rms_norm(const Doubles& x, const Doubles& weight, double eps);

} // namespace mtplx::kernels::reference
