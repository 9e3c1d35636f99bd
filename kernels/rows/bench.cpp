#include "kernels/common/testing/bench.h"
#include "kernels/rows/rows.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

void run() {
  Random random(1);
  for (int H : {384, 5120}) {
    mx::array a = random.normals({8, H});
    for (int M : {1, 4, 7}) {
      compare_arms(
          "gather_rows " + std::to_string(H), M, 8.0 * M * H,
          [&] {
            return gather_rows({{a, 1, M}});
          },
          [&] {
            return mx::contiguous(mx::slice(a, {1, 0}, {1 + M, H}, cpu()), false, cpu());
          });
    }
  }
}

const Bench bench("rows", run);

} // namespace
