#include "kernels/common/testing/bench.h"
#include "kernels/linear/testing.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

void compare(const std::string& shape, const LinearWeight& own, const mlx_form::Weight& mlx, Random& random, int M) {
  mx::array x = random.normals({M, own.in_features});
  double bytes = 4.0 * M * (own.in_features + own.out_features) + static_cast<double>(own.data.nbytes());
  compare_arms(
      shape, M, bytes, [&] { return linear(x, own); }, [&] { return mlx_form::linear(x, mlx, cpu()); });
}

void compare(const std::string& shape, const TestWeight& w, Random& random, int M) {
  compare(shape, w.weight, w.mlx, random, M);
}

// The gate of a 27B model: 50 MB, more than caches hold. Its plain values, which tests want, would fill a gigabyte.
void compare_large(Random& random) {
  constexpr int K = 5120;
  constexpr int N = 17408;
  mx::array packed = random.words({N, K / 8});
  mx::array scales = mx::astype(random.normals({N, K / 64}, 1e-3), mx::bfloat16, cpu());
  mx::eval(scales);
  mlx_form::Weight mlx{packed, scales, scales, 4, 64};
  LinearWeight own = affine_weight(packed, scales, scales, 4, 64);
  for (int M : {1, 4}) {
    compare("linear 5120x17408 4 bits g64", own, mlx, random, M);
  }
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
  compare_large(random);
}

const Bench bench("linear", run);

} // namespace
