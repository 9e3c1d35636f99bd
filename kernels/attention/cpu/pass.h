#pragma once

#include <memory>
#include <vector>

#include "kernels/attention/cpu/history.h"

namespace mtplx::kernels {

struct AttentionCall {
  AttentionSpec spec;
  std::shared_ptr<const std::vector<double>> frequency;
  std::vector<HistorySegment> segments;
  int rows;
  size_t overlay_groups; // of all segments, for one head

  int half() const { return spec.rotary_dim / 2; }
  int group() const { return spec.query_heads / spec.kv_heads; }
  int query_width() const { return spec.head_dim * (spec.gated ? 2 : 1); }
  size_t group_size() const { return static_cast<size_t>(group_keys) * spec.head_dim; }
};

enum AttentionInput { in_q, in_k, in_v, in_q_norm, in_k_norm, in_first_block };
enum AttentionOutputs { out_y, out_k, out_v };

// One evaluation of a call.
void run_attention(const AttentionCall& call, const std::vector<mx::array>& in, std::vector<mx::array>& out);

} // namespace mtplx::kernels
