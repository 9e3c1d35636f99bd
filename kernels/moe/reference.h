#pragma once

#include <cstddef>
#include <vector>

namespace mtplx::kernels::reference {

using Doubles = std::vector<double>;

struct MoeExpert {
  Doubles gate; // [F, H]
  Doubles up;   // [F, H]
  Doubles down; // [H, F]
};

struct MoeWeights {
  Doubles router; // [E, H]
  std::vector<MoeExpert> experts;
  MoeExpert shared;
  Doubles shared_gate; // [1, H]
};

// As kernels/moe/moe.h says, x [M, H] -> [M, H].
Doubles moe(const Doubles& x, int H, const MoeWeights& weights, int experts_per_token, bool normalise);

} // namespace mtplx::kernels::reference
