#include "kernels/common/testing/bench.h"
#include "kernels/draw/draw.h"
#include "kernels/draw/mlx_form.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

void run() {
  for (int vocab : {8192, 151936}) {
    mx::array logits = Random(1).normals({1, vocab}, 3.0);
    for (int top_k : {20, 0}) {
      Filter filter{0.6, 0.95, top_k};
      mx::array uniform({0.5f});
      compare_arms(
          "draw V " + std::to_string(vocab) + ", top-k " + std::to_string(top_k), 1, 4.0 * vocab,
          [&] {
            return draw(logits, {{filter, {Noise::Kind::uniform, 0.5, 0, 0, 0}}}).token;
          },
          [&] { return draw_mlx(logits, filter, uniform, cpu()).token; });
    }
  }
}

const Bench bench("draw", run);

} // namespace
