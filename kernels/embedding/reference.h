#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mtplx::kernels::reference {

using Doubles = std::vector<double>;

// Rows `ids` of the table [V, H] -> [M, H].
Doubles embedding(const std::vector<int32_t>& ids, const Doubles& table, int H);

} // namespace mtplx::kernels::reference
