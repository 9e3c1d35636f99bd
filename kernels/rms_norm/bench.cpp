#include "kernels/common/testing/bench.h"
#include "kernels/rms_norm/mlx_form.h"
#include "kernels/rms_norm/rms_norm.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

void run() {
  Random random(1);
  for (int H : {384, 5120}) {
    mx::array weight = random.normals({H});
    for (int M = 1; M <= 8; ++M) {
      mx::array x = random.normals({M, H});
      compare_arms(
          "rms_norm " + std::to_string(H), M, 8.0 * M * H + 4.0 * H, [&] { return rms_norm(x, weight, 1e-6f); },
          [&] { return mlx_form::rms_norm(x, weight, 1e-6f, cpu()); });
    }
  }
}

const Bench bench("rms_norm", run);

} // namespace
