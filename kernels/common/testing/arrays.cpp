#include "kernels/common/testing/arrays.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mlx/allocator.h"

namespace mtplx::kernels::testing {

mx::Stream cpu() {
  return mx::default_stream(mx::Device::cpu);
}

double Random::uniform(double low, double high) {
  return low + (high - low) * (static_cast<double>(bits_() >> 11) + 0.5) * 0x1p-53;
}

// Box and Muller.
double Random::normal() {
  double radius = std::sqrt(-2.0 * std::log(uniform(0.0, 1.0)));
  return radius * std::cos(2.0 * std::numbers::pi * uniform(0.0, 1.0));
}

mx::array Random::normals(mx::Shape shape, double scale) {
  size_t count = 1;
  for (int n : shape) {
    count *= static_cast<size_t>(n);
  }
  Floats values(count);
  for (float& v : values) {
    v = static_cast<float>(scale * normal());
  }
  return from_floats(values, std::move(shape));
}

mx::array Random::words(mx::Shape shape) {
  size_t count = 1;
  for (int n : shape) {
    count *= static_cast<size_t>(n);
  }
  std::vector<uint32_t> values(count);
  for (uint32_t& v : values) {
    v = word();
  }
  return mx::array(values.begin(), std::move(shape), mx::uint32);
}

mx::array from_floats(const Floats& values, mx::Shape shape) {
  return mx::array(values.begin(), std::move(shape), mx::float32);
}

Floats floats(const mx::array& a) {
  mx::array f = mx::contiguous(mx::astype(a, mx::float32, cpu()), false, cpu());
  mx::eval(f);
  return Floats(f.data<float>(), f.data<float>() + f.size());
}

Doubles doubles(const mx::array& a) {
  Floats f = floats(a);
  return Doubles(f.begin(), f.end());
}

std::vector<uint32_t> words(const mx::array& a) {
  mx::array c = mx::contiguous(a, false, cpu());
  mx::eval(c);
  return std::vector<uint32_t>(c.data<uint32_t>(), c.data<uint32_t>() + c.size());
}

mx::array rows(const mx::array& a, int begin, int end) {
  mx::array c = mx::contiguous(a, false, cpu());
  mx::eval(c);
  mx::Shape shape = c.shape();
  size_t row_bytes = c.nbytes() / static_cast<size_t>(shape[0]);
  shape[0] = end - begin;
  mx::array result(mx::allocator::malloc(row_bytes * (end - begin)), std::move(shape), c.dtype());
  std::copy_n(static_cast<const char*>(static_cast<const void*>(c.data<void>())) + row_bytes * begin,
              row_bytes * (end - begin), static_cast<char*>(static_cast<void*>(result.data<void>())));
  return result;
}

} // namespace mtplx::kernels::testing
