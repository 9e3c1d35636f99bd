#include "kernels/common/testing/bench.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/mlx_form.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

// A few heads of 64; blocks hold the history.
void run() {
  Random random(1);
  AttentionSpec spec{6, 2, 64, 16, 1e7, 1e-6f, true};
  mx::array norm = random.normals({spec.head_dim});
  for (int past : {64, 512, 2048}) {
    std::vector<mx::array> k_blocks;
    std::vector<mx::array> v_blocks;
    for (int b = 0; b < past / kv_block_tokens; ++b) {
      k_blocks.push_back(random.normals({spec.kv_heads, spec.head_dim, kv_block_tokens}));
      v_blocks.push_back(random.normals({spec.kv_heads, kv_block_tokens, spec.head_dim}));
    }
    mx::array rows = random.normals({past, spec.kv_heads, spec.head_dim});
    for (int M : {1, 4, 9, 64}) {
      mx::array q = random.normals({M, spec.query_heads * spec.head_dim * 2});
      mx::array k = random.normals({M, spec.kv_heads * spec.head_dim});
      AttentionSegment segment{0, M, past, k_blocks, v_blocks, past, {}};
      compare_arms(
          "attention, past " + std::to_string(past), M, 8.0 * spec.kv_heads * spec.head_dim * past,
          [&] { return attention(q, k, k, norm, norm, spec, {segment}).y; },
          [&] { return attention_mlx(q, k, k, norm, norm, spec, rows, rows, cpu()).y; });
    }
  }
}

const Bench bench("attention", run);

} // namespace
