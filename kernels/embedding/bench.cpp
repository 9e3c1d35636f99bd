#include "kernels/common/testing/bench.h"
#include "kernels/embedding/embedding.h"
#include "kernels/embedding/mlx_form.h"
#include "kernels/linear/testing.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

void run() {
  Random random(1);
  TestWeight table = random_affine(random, 8192, 384, 4, 64, mx::bfloat16);
  for (int M = 1; M <= 8; ++M) {
    std::vector<int32_t> ids;
    for (int m = 0; m < M; ++m) {
      ids.push_back(random.below(8192));
    }
    mx::array rows(ids.begin(), {M}, mx::int32);
    double bytes = M * 384 * (4 + 4.5 / 8);
    compare_arms(
        "embedding 8192x384 4 bits g64", M, bytes, [&] { return embedding(rows, table.weight); },
        [&] { return mlx_form::embedding(rows, table.mlx, cpu()); });
  }
}

const Bench bench("embedding", run);

} // namespace
