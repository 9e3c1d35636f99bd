#include "kernels/kv_cache/reference.h"

namespace mtplx::kernels {

std::vector<float> kv_block_reference(KvKind kind, int kv_heads, int head_dim, const std::vector<float>& rows) {
  std::vector<float> block(static_cast<size_t>(kv_heads) * head_dim * kv_block_tokens);
  int count = static_cast<int>(rows.size()) / (kv_heads * head_dim);
  for (int h = 0; h < kv_heads; ++h) {
    for (int t = 0; t < count; ++t) {
      for (int d = 0; d < head_dim; ++d) {
        int at =
            kind == KvKind::keys ? (h * head_dim + d) * kv_block_tokens + t : (h * kv_block_tokens + t) * head_dim + d;
        block[at] = rows[(t * kv_heads + h) * head_dim + d];
      }
    }
  }
  return block;
}

} // namespace mtplx::kernels
