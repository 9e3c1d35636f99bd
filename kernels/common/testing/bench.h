#pragma once

#include <functional>
#include <string>

#include "kernels/common/testing/arrays.h"

// Benches of kernels beside their MLX forms, in one run. kernels/<op>/bench.cpp registers one function.
namespace mtplx::kernels::testing {

using Build = std::function<mx::array()>; // a result, evaluated or not

// Times own(), mlx() and a plain read of `bytes` (what the kernel reads and writes) by the same threads, taking turns,
// and prints one line of JSON: medians in microseconds, MLX's graph and eval included.
void compare_arms(const std::string& shape, int M, double bytes, const Build& own, const Build& mlx);

struct Bench {
  Bench(const char* name, void (*body)());
};

} // namespace mtplx::kernels::testing
