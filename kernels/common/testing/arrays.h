#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "mlx/mlx.h"

// Arrays for tests and benches, the same on every platform for one seed.
namespace mtplx::kernels::testing {

namespace mx = mlx::core;

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

// The default stream of the CPU, where all kernels run.
mx::Stream cpu();

class Random {
 public:
  explicit Random(uint64_t seed) : bits_(seed) {}
  uint32_t word() { return static_cast<uint32_t>(bits_() >> 32); }
  int below(int n) { return static_cast<int>(bits_() % static_cast<uint64_t>(n)); }
  double uniform(double low, double high);
  double normal();

  // f32, normal times `scale`.
  mx::array normals(mx::Shape shape, double scale = 1.0);
  // u32, every bit a coin.
  mx::array words(mx::Shape shape);

 private:
  std::mt19937_64 bits_;
};

mx::array from_floats(const Floats& values, mx::Shape shape);

// Values of an array of any float dtype, in row-major order; evaluates it.
Floats floats(const mx::array& a);
Doubles doubles(const mx::array& a);
std::vector<uint32_t> words(const mx::array& a);

// A fresh copy of rows [begin, end) of axis 0, in memory of its own.
mx::array rows(const mx::array& a, int begin, int end);

} // namespace mtplx::kernels::testing
