#include "kernels/linear/testing.h"

#include <cmath>

#include "kernels/linear/reference.h"

namespace mtplx::kernels::testing {

namespace {

mx::array cast(const mx::array& a, mx::Dtype dtype) {
  mx::array c = mx::astype(a, dtype, cpu());
  mx::eval(c);
  return c;
}

} // namespace

TestWeight dense_test_weight(const mx::array& weight) {
  return {{weight}, dense_weight(weight), doubles(weight), weight.shape(0), weight.shape(1)};
}

TestWeight affine_test_weight(
    const mx::array& packed, const mx::array& scales, const mx::array& biases, int bits, int group_size) {
  int N = scales.shape(0);
  int K = scales.shape(1) * group_size;
  return {{packed, scales, biases, bits, group_size},
          affine_weight(packed, scales, biases, bits, group_size),
          reference::affine_values(words(packed), doubles(scales), doubles(biases), N, K, bits, group_size),
          N,
          K};
}

TestWeight random_dense(Random& random, int N, int K, mx::Dtype dtype) {
  return dense_test_weight(cast(random.normals({N, K}, 1.0 / std::sqrt(K)), dtype));
}

TestWeight random_affine(Random& random, int N, int K, int bits, int group_size, mx::Dtype dtype) {
  size_t groups = static_cast<size_t>(N) * K / group_size;
  double step = 3.5 / (std::sqrt(K) * (1 << bits));
  Floats scales(groups);
  Floats biases(groups);
  for (size_t g = 0; g < groups; ++g) {
    double scale = step * random.uniform(0.5, 1.5) * (random.below(2) == 0 ? 1 : -1);
    scales[g] = static_cast<float>(scale);
    biases[g] = static_cast<float>(-scale * (1 << (bits - 1)) * random.uniform(0.9, 1.1));
  }
  mx::Shape shape = {N, K / group_size};
  return affine_test_weight(random.words({N, K * bits / 32}), cast(from_floats(scales, shape), dtype),
                            cast(from_floats(biases, shape), dtype), bits, group_size);
}

} // namespace mtplx::kernels::testing
