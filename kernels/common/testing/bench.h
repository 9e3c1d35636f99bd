#pragma once

#include <functional>
#include <string>

#include "kernels/common/testing/arrays.h"

// Benches of kernels beside their MLX forms, in one run. kernels/<op>/bench.cpp registers one function.
namespace mtplx::kernels::testing {

using Build = std::function<mx::array()>; // builds one lazy result

// Times eval(own()) and eval(mlx()), taking turns, and prints the medians in microseconds (graph and eval included)
// and GB/s for `bytes` read and written.
void compare_arms(const std::string& shape, int M, double bytes, const Build& own, const Build& mlx);

struct Bench {
  Bench(const char* name, void (*body)());
};

} // namespace mtplx::kernels::testing
