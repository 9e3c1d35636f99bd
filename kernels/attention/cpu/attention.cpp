#include "kernels/attention/attention.h"

#include <stdexcept>
#include <string>

#include "kernels/attention/cpu/head.h"
#include "kernels/attention/cpu/pass.h"

namespace mtplx::kernels {

static_assert(block_keys == kv_block_tokens);

namespace {

void check_segment(const AttentionSegment& s, const AttentionSpec& spec, int rows) {
  check_attention(s.row_begin >= 0 && s.row_count > 0 && s.row_begin + s.row_count <= rows,
                  "a segment's rows lie outside the input.");
  size_t blocks = static_cast<size_t>((s.block_rows + block_keys - 1) / block_keys);
  check_attention(s.k_blocks.size() == blocks && s.v_blocks.size() == blocks,
                  "a segment needs one block for every 64 rows.");
  mx::Shape keys = {spec.kv_heads, spec.head_dim, block_keys};
  mx::Shape values = {spec.kv_heads, block_keys, spec.head_dim};
  for (size_t b = 0; b < blocks; ++b) {
    check_attention(s.k_blocks[b].shape() == keys && s.v_blocks[b].shape() == values, "a block has the wrong shape.");
  }
  int known = s.block_rows;
  for (const auto& e : s.extra) {
    check_attention(e.k.shape() == e.v.shape() && e.k.ndim() == 3 && e.k.shape(1) == spec.kv_heads &&
                        e.k.shape(2) == spec.head_dim && e.row_begin >= 0 && e.row_begin + e.count <= e.k.shape(0),
                    "extra rows have the wrong shape.");
    known += e.count;
  }
  if (known != s.position) {
    throw std::invalid_argument("[attention] block rows and extra rows make " + std::to_string(known) +
                                " positions, but the first new row is at " + std::to_string(s.position) + ".");
  }
}

// The arrays of one call's segments, as the task's inputs and as plain memory.
struct Segments {
  const std::vector<AttentionSegment>& from;

  void add_inputs(std::vector<mx::array>& inputs) const {
    for (const auto& s : from) {
      inputs.insert(inputs.end(), s.k_blocks.begin(), s.k_blocks.end());
      inputs.insert(inputs.end(), s.v_blocks.begin(), s.v_blocks.end());
      for (const auto& e : s.extra) {
        inputs.insert(inputs.end(), {e.k, e.v});
      }
    }
  }

  // `blocks` keeps what the segments point to.
  std::vector<PlainAttentionSegment> plain(std::vector<std::vector<const float*>>& blocks) const {
    std::vector<PlainAttentionSegment> segments;
    for (const auto& s : from) {
      for (const auto* arrays : {&s.k_blocks, &s.v_blocks}) {
        blocks.emplace_back();
        for (const auto& block : *arrays) {
          blocks.back().push_back(block.data<float>());
        }
      }
      size_t last = blocks.size() - 1;
      segments.push_back(
          {s.row_begin, s.row_count, s.position, s.block_rows, blocks[last - 1].data(), blocks[last].data(), {}});
      for (const auto& e : s.extra) {
        size_t at = static_cast<size_t>(e.row_begin) * (e.k.size() / e.k.shape(0));
        segments.back().extra.push_back({e.k.data<float>() + at, e.v.data<float>() + at, e.count});
      }
    }
    return segments;
  }
};

} // namespace

AttentionOutput attention(const mx::array& q,
                          const mx::array& k,
                          const mx::array& v,
                          const mx::array& q_norm,
                          const mx::array& k_norm,
                          const AttentionSpec& spec,
                          const std::vector<AttentionSegment>& segments) {
  check_attention(q.ndim() == 2 && k.ndim() == 2, "q, k and v do not fit the heads.");
  int rows = q.shape(0);
  check_attention(spec);
  check_attention(q.shape(1) == spec.query_heads * spec.head_dim * (spec.gated ? 2 : 1) && k.shape() == v.shape() &&
                      k.shape(0) == rows && k.shape(1) == spec.kv_heads * spec.head_dim,
                  "q, k and v do not fit the heads.");
  check_attention(q_norm.shape() == mx::Shape({spec.head_dim}) && k_norm.shape() == q_norm.shape(),
                  "the norms must be f32 [head_dim].");
  for (const auto& s : segments) {
    check_segment(s, spec, rows);
  }
  std::vector<mx::array> inputs = {q, k, v, q_norm, k_norm};
  Segments arrays{segments};
  arrays.add_inputs(inputs);
  mx::Shape kv = {rows, spec.kv_heads, spec.head_dim};
  auto out = cpu_task("attention", inputs,
                      {{{rows, spec.query_heads * spec.head_dim}, mx::float32}, {kv, mx::float32}, {kv, mx::float32}},
                      [&](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
                        std::vector<std::vector<const float*>> blocks;
                        std::vector<PlainAttentionSegment> plain = arrays.plain(blocks);
                        run_attention({spec, plain, in[0].data<float>(), in[1].data<float>(), in[2].data<float>(),
                                       in[3].data<float>(), in[4].data<float>(), out[0].data<float>(),
                                       out[1].data<float>(), out[2].data<float>(), nullptr, nullptr, nullptr},
                                      rows);
                      });
  return {out[0], out[1], out[2]};
}

} // namespace mtplx::kernels
