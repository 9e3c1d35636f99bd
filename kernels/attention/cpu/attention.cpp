#include "kernels/attention/attention.h"

#include <memory>
#include <stdexcept>
#include <string>

#include "kernels/attention/cpu/head.h"
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

void check_segment(const AttentionSegment& s, const AttentionSpec& spec, int rows) {
  check(s.row_begin >= 0 && s.row_count > 0 && s.row_begin + s.row_count <= rows,
        "a segment's rows lie outside the input.");
  size_t blocks = static_cast<size_t>((s.block_rows + block_keys - 1) / block_keys);
  check(s.k_blocks.size() == blocks && s.v_blocks.size() == blocks, "a segment needs one block for every 64 rows.");
  mx::Shape keys = {spec.kv_heads, spec.head_dim, block_keys};
  mx::Shape values = {spec.kv_heads, block_keys, spec.head_dim};
  for (size_t b = 0; b < blocks; ++b) {
    check(s.k_blocks[b].shape() == keys && s.v_blocks[b].shape() == values, "a block has the wrong shape.");
  }
  int known = s.block_rows;
  for (const auto& e : s.extra) {
    check(e.k.shape() == e.v.shape() && e.k.ndim() == 3 && e.k.shape(1) == spec.kv_heads &&
              e.k.shape(2) == spec.head_dim && e.row_begin >= 0 && e.row_begin + e.count <= e.k.shape(0),
          "extra rows have the wrong shape.");
    known += e.count;
  }
  if (known != s.position) {
    throw std::invalid_argument("[attention] block rows and extra rows make " + std::to_string(known) +
                                " positions, but the first new row is at " + std::to_string(s.position) + ".");
  }
}

void check_spec(const AttentionSpec& spec) {
  if (spec.head_dim % 16 != 0) {
    throw std::invalid_argument("[attention] head_dim must be a multiple of 16, got " + std::to_string(spec.head_dim) +
                                ".");
  }
  check(spec.query_heads % spec.kv_heads == 0, "query heads must be a multiple of the KV heads.");
  check(spec.rotary_dim % 2 == 0 && spec.rotary_dim <= spec.head_dim, "rotary_dim must be even and fit the head.");
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
  check(q.ndim() == 2 && k.ndim() == 2, "q, k and v do not fit the heads.");
  int rows = q.shape(0);
  check_spec(spec);
  check(q.shape(1) == spec.query_heads * spec.head_dim * (spec.gated ? 2 : 1) && k.shape() == v.shape() &&
            k.shape(0) == rows && k.shape(1) == spec.kv_heads * spec.head_dim,
        "q, k and v do not fit the heads.");
  check(q_norm.shape() == mx::Shape({spec.head_dim}) && k_norm.shape() == q_norm.shape(),
        "the norms must be f32 [head_dim].");
  for (const auto& s : segments) {
    check_segment(s, spec, rows);
  }
  std::vector<mx::array> inputs = {q, k, v, q_norm, k_norm};
  Segments arrays{segments};
  arrays.add_inputs(inputs);
  mx::Shape kv = {rows, spec.kv_heads, spec.head_dim};
  auto frequency = frequencies(spec.rotary_dim, spec.rope_theta);
  auto out = cpu_task("attention", inputs,
                      {{{rows, spec.query_heads * spec.head_dim}, mx::float32}, {kv, mx::float32}, {kv, mx::float32}},
                      [&](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
                        std::vector<std::vector<const float*>> blocks;
                        std::vector<PlainAttentionSegment> plain = arrays.plain(blocks);
                        run_attention({spec, frequency->data(), plain, rows, in[0].data<float>(), in[1].data<float>(),
                                       in[2].data<float>(), in[3].data<float>(), in[4].data<float>(),
                                       out[0].data<float>(), out[1].data<float>(), out[2].data<float>()});
                      });
  return {out[0], out[1], out[2]};
}

PlanCall planned_attention(PlanRows q,
                           PlanRows k,
                           PlanRows v,
                           const mx::array& q_norm,
                           const mx::array& k_norm,
                           const AttentionSpec& spec,
                           const std::vector<PlainAttentionSegment>* segments,
                           PlanRows y,
                           PlanRows new_k,
                           PlanRows new_v) {
  check_spec(spec);
  int width = spec.query_heads * spec.head_dim;
  int kv = spec.kv_heads * spec.head_dim;
  check(q.width == width * (spec.gated ? 2 : 1) && y.width == width && k.width == kv && v.width == kv &&
            new_k.width == kv && new_v.width == kv,
        "q, k and v do not fit the heads.");
  auto frequency = frequencies(spec.rotary_dim, spec.rope_theta);
  return {"attention",
          {q, k, v},
          {y, new_k, new_v},
          [=, f = frequency->data(), qn = q_norm.data<float>(), kn = k_norm.data<float>()](const PlanMemory& memory) {
            run_attention({spec, f, *segments, memory.rows(), memory[q], memory[k], memory[v], qn, kn, memory[y],
                           memory[new_k], memory[new_v]});
          },
          frequency};
}

} // namespace mtplx::kernels
