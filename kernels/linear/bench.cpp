#include "kernels/common/testing/bench.h"
#include "kernels/linear/testing.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

void compare(const std::string& shape, const TestWeight& w, Random& random, int M) {
  mx::array x = random.normals({M, w.in_features});
  double bytes = 4.0 * M * (w.in_features + w.out_features) + static_cast<double>(w.weight.data[0].nbytes());
  compare_arms(
      shape, M, bytes, [&] { return linear(x, w.weight); }, [&] { return mlx_form::linear(x, w.mlx, cpu()); });
}

void run() {
  Random random(1);
  for (auto [K, N] : {std::pair{384, 2048}, {1536, 384}, {384, 8192}}) {
    std::string shape = "linear " + std::to_string(K) + "x" + std::to_string(N);
    TestWeight four = random_affine(random, N, K, 4, 64, mx::bfloat16);
    for (int M = 1; M <= 8; ++M) {
      compare(shape + " 4 bits g64", four, random, M);
    }
  }
  for (int bits : {2, 3, 5, 6, 8}) {
    TestWeight w = random_affine(random, 2048, 384, bits, 64, mx::bfloat16);
    for (int M : {1, 4, 8}) {
      compare("linear 384x2048 " + std::to_string(bits) + " bits g64", w, random, M);
    }
  }
  TestWeight dense = random_dense(random, 2048, 384, mx::float32);
  for (int M : {1, 4, 8}) {
    compare("linear 384x2048 f32", dense, random, M);
  }
}

const Bench bench("linear", run);

} // namespace
