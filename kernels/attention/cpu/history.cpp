#include "kernels/attention/cpu/history.h"

#include <cstring>

namespace mtplx::kernels {

void History::fill_overlay() const {
  int dim = spec_.head_dim;
  size_t group_size = static_cast<size_t>(dim) * group_keys;
  int first_group = cached_groups(segment_);
  for (int g = 0; g < overlay_groups(segment_); ++g) {
    float* to = overlay_ + g * group_size;
    size_t position = static_cast<size_t>(first_group + g) * group_keys;
    size_t block = position / block_keys;
    if (block * block_keys < static_cast<size_t>(segment_.block_rows)) {
      const float* from = key_block(static_cast<int>(block)) + position % block_keys;
      for (int d = 0; d < dim; ++d) {
        std::memcpy(to + d * group_keys, from + static_cast<size_t>(d) * block_keys, group_keys * sizeof(float));
      }
    } else {
      // Scores of slots without a row are never looked at: no need of zeros but to keep denormals away.
      std::memset(to, 0, group_size * sizeof(float));
    }
  }
  int slot = segment_.block_rows - first_group * group_keys;
  size_t row = static_cast<size_t>(spec_.kv_heads) * dim;
  auto append = [&](const float* k, int count) {
    for (int i = 0; i < count; ++i, ++slot) {
      const float* from = k + i * row + static_cast<size_t>(head_) * dim;
      float* to = overlay_ + slot / group_keys * group_size + slot % group_keys;
      for (int d = 0; d < dim; ++d) {
        to[static_cast<size_t>(d) * group_keys] = from[d];
      }
    }
  };
  for (const auto& e : segment_.extra) {
    append(e.k, e.count);
  }
  append(new_k_ + segment_.row_begin * row, segment_.row_count);
}

} // namespace mtplx::kernels
