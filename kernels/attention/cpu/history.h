#pragma once

#include <algorithm>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/attention/cpu/head.h"

namespace mtplx::kernels {

// Groups of 16 positions that lie wholly in the cache; the rest is laid over them.
inline int cached_groups(const PlainAttentionSegment& s) {
  return s.block_rows / group_keys;
}
inline int overlay_groups(const PlainAttentionSegment& s) {
  return (s.position + s.row_count + group_keys - 1) / group_keys - cached_groups(s);
}

// Keys and values of one KV head of a segment, whatever they lie in: cache blocks, extra rows, the new rows.
class History {
 public:
  // overlay: [overlay_groups, dim, 16] of this head. new_k and new_v: f32 [M, kv_heads, dim].
  History(const PlainAttentionSegment& segment,
          const AttentionSpec& spec,
          int head,
          const float* new_k,
          const float* new_v,
          float* overlay)
      : segment_(segment), spec_(spec), head_(head), new_k_(new_k), new_v_(new_v), overlay_(overlay) {}

  // Lays out the keys of every group that is not wholly in the cache.
  void fill_overlay() const;

  // Calls body(keys, group_stride, dim_stride, first, count) for groups of block `block`, up to `groups` of them, that
  // lie side by side; `first` counts from the block's first group.
  template <class Body>
  void each_keys(int block, int groups, Body body) const {
    constexpr int block_groups = block_keys / group_keys;
    int dim = spec_.head_dim;
    int cached = std::clamp(cached_groups(segment_) - block * block_groups, 0, groups);
    if (cached > 0) {
      body(key_block(block), group_keys, block_keys, 0, cached);
    }
    if (cached < groups) {
      int first = block * block_groups + cached - cached_groups(segment_);
      size_t group_size = static_cast<size_t>(dim) * group_keys;
      body(overlay_ + first * group_size, group_size, group_keys, cached, groups - cached);
    }
  }

  // Calls body(values, stride, first, count) for positions [begin, end) of block `block`, counted from its start, in
  // rising order.
  template <class Body>
  void each_values(int block, int begin, int end, Body body) const {
    int start = block * block_keys;
    size_t row = static_cast<size_t>(spec_.kv_heads) * spec_.head_dim;
    // A run of rows at positions first .. first + count - 1, the first of them at `values`.
    auto run = [&](int first, int count, const float* values, size_t stride) {
      int from = std::max(begin, first - start);
      int to = std::min(end, first + count - start);
      if (from < to) {
        body(values + (start + from - first) * stride, stride, from, to - from);
      }
    };
    if (start < segment_.block_rows) {
      run(start, std::min(block_keys, segment_.block_rows - start), value_block(block), spec_.head_dim);
    }
    int at = segment_.block_rows;
    for (const auto& e : segment_.extra) {
      run(at, e.count, e.v + head_ * spec_.head_dim, row);
      at += e.count;
    }
    run(at, segment_.row_count, new_v_ + segment_.row_begin * row + head_ * spec_.head_dim, row);
  }

 private:
  size_t head_block() const { return static_cast<size_t>(block_keys) * spec_.head_dim; }
  const float* key_block(int b) const { return segment_.k_blocks[b] + head_ * head_block(); }
  const float* value_block(int b) const { return segment_.v_blocks[b] + head_ * head_block(); }

  const PlainAttentionSegment& segment_;
  const AttentionSpec& spec_;
  int head_;
  const float* new_k_;
  const float* new_v_;
  float* overlay_;
};

} // namespace mtplx::kernels
