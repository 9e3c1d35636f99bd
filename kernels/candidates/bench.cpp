#include "kernels/common/testing/bench.h"
#include "kernels/candidates/candidates.h"
#include "kernels/candidates/mlx_form.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

// The stock arm makes ids and log-sum-exp in one array.
mx::array stock_arm(const mx::array& logits) {
  auto out = candidates_mlx(logits, 64, 0.6, cpu());
  return mx::concatenate({mx::astype(out.ids, mx::float32), out.logits, out.log_sum}, 1);
}

void run() {
  for (int vocab : {8192, 151936}) {
    for (int M : {1, 4}) {
      mx::array logits = Random(1).normals({M, vocab}, 3.0);
      std::vector<CandidateSpec> specs(M, {0.6, 64});
      compare_arms(
          "candidates V " + std::to_string(vocab), M, 4.0 * M * vocab,
          [&] { return candidates(logits, specs, {}).ids; }, [&] { return stock_arm(logits); });
    }
  }
}

const Bench bench("candidates", run);

} // namespace
