#pragma once

#include <string>

#include "kernels/common/testing/arrays.h"

namespace mtplx::kernels::testing {

// "" when shape, dtype and every bit agree, else where the first difference lies. Any NaN equals any NaN: sign and
// payload of a NaN are the CPU's own and no result of ours.
std::string bit_difference(const mx::array& a, const mx::array& b);

// sqrt(sum (got - want)^2 / sum want^2); infinite when a value is not finite.
double relative_rms(const Floats& got, const Doubles& want);

// The largest |got - want| / bound over all elements; infinite when a value is not finite.
double worst_of_bound(const Floats& got, const Doubles& want, const Doubles& bound);

} // namespace mtplx::kernels::testing
