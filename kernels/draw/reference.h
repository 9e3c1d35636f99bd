#pragma once

#include <utility>
#include <vector>

#include "kernels/draw/draw.h"

namespace mtplx::kernels {

// The distribution of draw.h in float64 by its definition: (id, probability) by falling probability, ties by rising
// id. logits of one row; NaN counts as -inf.
std::vector<std::pair<int, double>> draw_reference(const std::vector<float>& logits, const Filter& filter);

} // namespace mtplx::kernels
