#include "kernels/common/testing/bench.h"
#include "kernels/gated_delta/gated_delta.h"
#include "kernels/gated_delta/mlx_form.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

// Small heads, and one layer of a 0.8B model.
void run() {
  Random random(1);
  for (GatedDeltaSpec g : {GatedDeltaSpec{4, 8, 64, 64, 4, 1e-6f}, GatedDeltaSpec{16, 16, 128, 128, 4, 1e-6f}}) {
    int C = 2 * g.key_heads * g.key_dim + g.value_heads * g.value_dim;
    GatedDeltaWeights weights{random.normals({g.conv_kernel, C}), random.normals({g.value_heads}),
                              random.normals({g.value_heads}), random.normals({g.value_dim})};
    GatedDeltaState state = gated_delta_zero_state(g);
    for (int M : {1, 4, 9}) {
      mx::array qkv = random.normals({M, C});
      mx::array z = random.normals({M, g.value_heads * g.value_dim});
      mx::array b = random.normals({M, g.value_heads});
      std::string heads = std::to_string(g.value_heads) + " x " + std::to_string(g.key_dim);
      compare_arms(
          "gated_delta " + heads, M, 4.0 * g.value_heads * g.key_dim * g.value_dim,
          [&] {
            return gated_delta(qkv, z, b, b, weights, g, {{0, M, state}}).y;
          },
          [&] { return gated_delta_mlx(qkv, z, b, b, weights, g, state, cpu()).y; });
    }
  }
}

const Bench bench("gated_delta", run);

} // namespace
