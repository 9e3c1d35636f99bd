#include "kernels/attention/attention.h"

#include <memory>
#include <stdexcept>
#include <string>

#include "kernels/attention/cpu/pass.h"
#include "kernels/common/fixed_math64.h"

namespace mtplx::kernels {

static_assert(block_keys == kv_block_tokens);

namespace {

// base^(-2i / rotary_dim) for i < rotary_dim / 2. Kept by each thread for the last two kinds that it met.
std::shared_ptr<const std::vector<double>> frequencies(int rotary_dim, double theta) {
  struct Known {
    int dim = 0;
    double theta = 0.0;
    std::shared_ptr<const std::vector<double>> values;
  };
  thread_local Known known[2];
  for (const Known& k : known) {
    if (k.values && k.dim == rotary_dim && k.theta == theta) {
      return k.values;
    }
  }
  std::vector<double> f(rotary_dim / 2);
  double log_base = fixed64::log(theta);
  for (size_t i = 0; i < f.size(); ++i) {
    f[i] = fixed64::exp(-(2.0 * static_cast<double>(i) / rotary_dim) * log_base);
  }
  known[1] = std::move(known[0]);
  known[0] = {rotary_dim, theta, std::make_shared<const std::vector<double>>(std::move(f))};
  return known[0].values;
}

void check(bool ok, const char* message) {
  if (!ok) {
    throw std::invalid_argument(std::string("[attention] ") + message);
  }
}

HistorySegment take_segment(const AttentionSegment& from,
                            const AttentionSpec& spec,
                            int rows,
                            std::vector<mx::array>& inputs) {
  HistorySegment to{from.row_begin, from.row_count, from.position, from.block_rows, {}, {}, {}, 0};
  check(from.row_begin >= 0 && from.row_count > 0 && from.row_begin + from.row_count <= rows,
        "a segment's rows lie outside the input.");
  int blocks = (from.block_rows + block_keys - 1) / block_keys;
  check(static_cast<int>(from.k_blocks.size()) == blocks && from.v_blocks.size() == from.k_blocks.size(),
        "a segment needs one block for every 64 rows.");
  to.k_blocks.reserve(blocks);
  to.v_blocks.reserve(blocks);
  mx::Shape keys = {spec.kv_heads, spec.head_dim, block_keys};
  mx::Shape values = {spec.kv_heads, block_keys, spec.head_dim};
  for (int b = 0; b < blocks; ++b) {
    check(from.k_blocks[b].shape() == keys && from.v_blocks[b].shape() == values, "a block has the wrong shape.");
    to.k_blocks.push_back(static_cast<int>(inputs.size()));
    inputs.push_back(from.k_blocks[b]);
    to.v_blocks.push_back(static_cast<int>(inputs.size()));
    inputs.push_back(from.v_blocks[b]);
  }
  int known = from.block_rows;
  for (const auto& e : from.extra) {
    check(e.k.shape() == e.v.shape() && e.k.ndim() == 3 && e.k.shape(1) == spec.kv_heads &&
              e.k.shape(2) == spec.head_dim && e.row_begin >= 0 && e.row_begin + e.count <= e.k.shape(0),
          "extra rows have the wrong shape.");
    int k = static_cast<int>(inputs.size());
    inputs.push_back(e.k);
    inputs.push_back(e.v);
    to.extra.push_back({k, k + 1, e.row_begin, e.count});
    known += e.count;
  }
  if (known != from.position) {
    throw std::invalid_argument("[attention] block rows and extra rows make " + std::to_string(known) +
                                " positions, but the first new row is at " + std::to_string(from.position) + ".");
  }
  return to;
}

} // namespace

AttentionOutput attention(const mx::array& q,
                          const mx::array& k,
                          const mx::array& v,
                          const mx::array& q_norm,
                          const mx::array& k_norm,
                          const AttentionSpec& spec,
                          const std::vector<AttentionSegment>& segments) {
  check(q.ndim() == 2 && k.ndim() == 2, "q, k and v do not fit the heads.");
  int rows = q.shape(0);
  if (spec.head_dim % 16 != 0) {
    throw std::invalid_argument("[attention] head_dim must be a multiple of 16, got " + std::to_string(spec.head_dim) +
                                ".");
  }
  check(spec.query_heads % spec.kv_heads == 0, "query heads must be a multiple of the KV heads.");
  check(spec.rotary_dim % 2 == 0 && spec.rotary_dim <= spec.head_dim, "rotary_dim must be even and fit the head.");
  check(q.shape(1) == spec.query_heads * spec.head_dim * (spec.gated ? 2 : 1) && k.shape() == v.shape() &&
            k.shape(0) == rows && k.shape(1) == spec.kv_heads * spec.head_dim,
        "q, k and v do not fit the heads.");
  check(q_norm.shape() == mx::Shape({spec.head_dim}) && k_norm.shape() == q_norm.shape(),
        "the norms must be f32 [head_dim].");
  auto call =
      std::make_shared<AttentionCall>(AttentionCall{spec, frequencies(spec.rotary_dim, spec.rope_theta), {}, rows, 0});
  std::vector<mx::array> inputs = {q, k, v, q_norm, k_norm};
  for (const auto& segment : segments) {
    HistorySegment taken = take_segment(segment, spec, rows, inputs);
    taken.overlay = call->overlay_groups;
    call->overlay_groups += taken.overlay_groups();
    call->segments.push_back(std::move(taken));
  }
  mx::Shape kv = {rows, spec.kv_heads, spec.head_dim};
  auto out =
      cpu_task("attention", inputs,
               {{{rows, spec.query_heads * spec.head_dim}, mx::float32}, {kv, mx::float32}, {kv, mx::float32}},
               [call = std::shared_ptr<const AttentionCall>(std::move(call))](
                   const std::vector<mx::array>& in, std::vector<mx::array>& out) { run_attention(*call, in, out); });
  return {out[out_y], out[out_k], out[out_v]};
}

} // namespace mtplx::kernels
