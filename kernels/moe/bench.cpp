#include "kernels/common/testing/bench.h"
#include "kernels/moe/testing.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

void run() {
  Random random(1);
  int E = 32, H = 384, F = 128, k = 4;
  TestMoe m = random_moe(random, E, H, F, 4);
  // Bytes if each row met experts of its own: k and the shared one, 3 matrices of H * F at 5 bits with scales.
  double row_bytes = (k + 1) * 3.0 * H * F * 5 / 8;
  for (int M = 1; M <= 8; ++M) {
    mx::array x = random.normals({M, H});
    compare_arms(
        "moe 4 of 32, 384x128, 4 bits g32", M, M * row_bytes,
        [&] {
          return moe(x, m.weights, {E, k, true});
        },
        [&] { return mlx_form::moe(x, m.mlx, k, true, cpu()); });
  }
}

const Bench bench("moe", run);

} // namespace
