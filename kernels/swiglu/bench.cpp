#include "kernels/common/testing/bench.h"
#include "kernels/swiglu/mlx_form.h"
#include "kernels/swiglu/swiglu.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

void run() {
  Random random(1);
  for (int F : {1536, 17408}) {
    for (int M = 1; M <= 8; ++M) {
      mx::array gate = random.normals({M, F});
      mx::array up = random.normals({M, F});
      compare_arms(
          "swiglu " + std::to_string(F), M, 12.0 * M * F, [&] { return swiglu(gate, up); },
          [&] { return mlx_form::swiglu(gate, up, cpu()); });
    }
  }
}

const Bench bench("swiglu", run);

} // namespace
