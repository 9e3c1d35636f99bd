#include "kernels/attention/cpu/pass.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "kernels/attention/cpu/history.h"
#include "kernels/common/fixed_math64.h"
#include "kernels/common/scratch.h"
#include "kernels/common/thread_pool.h"

namespace mtplx::kernels {

namespace {

// Query rows that share a pass over the keys and values: with their sums 32 KB at 128 dims.
constexpr int queries_a_task = 32;

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

void norm_row(
    const AttentionSpec& spec, const float* x, const float* weight, const float* angles, float scale, float* y) {
  int half = spec.rotary_dim / 2;
  MTPLX_SELECT_ISA(norm_and_rotate)(x, weight, spec.eps, spec.head_dim, angles, angles + half, half, scale, y);
}

// One evaluation of a call.
class Pass {
 public:
  explicit Pass(const AttentionCall& call) : call_(call), spec_(call.spec), dim_(call.spec.head_dim) {}

  // New rows of one KV head: keys normed and rotated, values copied, keys laid out.
  void prepare(int segment, int kv_head) const {
    const PlainAttentionSegment& s = call_.segments[segment];
    for (int i = 0; i < s.row_count; ++i) {
      size_t row = static_cast<size_t>(s.row_begin) + i;
      size_t at = (row * spec_.kv_heads + kv_head) * dim_;
      norm_key(spec_, call_.k + at, call_.k_norm, angles_of(row), call_.new_k + at);
      if (call_.new_v != call_.v) {
        std::memcpy(call_.new_v + at, call_.v + at, dim_ * sizeof(float));
      }
    }
    history(segment, kv_head).fill_overlay();
  }

  // Queries are ordered by row, then head.
  void attend(const AttentionTask& t) const {
    const PlainAttentionSegment& s = call_.segments[t.segment];
    int count = (t.row_end - t.row_begin) * t.heads();
    thread_local Scratch scratch;
    size_t size = static_cast<size_t>(count) * dim_;
    size_t scores_size = static_cast<size_t>(count) * block_keys;
    Parts parts(scratch.bytes(2 * Parts::bytes(size) + Parts::bytes(scores_size) + 2 * Parts::bytes(count) +
                              Parts::bytes<SoftmaxState>(count)));
    float* queries = parts.take(size);
    float* acc = parts.take(size);
    float* scores = parts.take(scores_size);
    float* keep = parts.take(count);
    float* ones = parts.take(count);
    auto* states = parts.take<SoftmaxState>(count);
    float scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(dim_)));
    for (int q = 0; q < count; ++q) {
      size_t row = static_cast<size_t>(s.row_begin) + t.row_begin + q / t.heads();
      norm_row(spec_, query_source(row, t.head_begin + q % t.heads()), call_.q_norm, angles_of(row), scale,
               queries + static_cast<size_t>(q) * dim_);
      states[q] = {-std::numeric_limits<float>::infinity(), 0.0f};
      ones[q] = 1.0f;
    }
    std::fill_n(acc, size, 0.0f);
    History keys_and_values = history(t.segment, t.kv_head);
    for (int b = 0; b * block_keys < s.position + t.row_end; ++b) {
      attend_block(t, keys_and_values, b, queries, scores, keep, ones, states, acc);
    }
    auto finish = MTPLX_SELECT_ISA(finish_row);
    for (int q = 0; q < count; ++q) {
      size_t row = static_cast<size_t>(s.row_begin) + t.row_begin + q / t.heads();
      int head = t.head_begin + q % t.heads();
      finish(acc + static_cast<size_t>(q) * dim_, states[q].sum, spec_.gated ? query_source(row, head) + dim_ : nullptr,
             dim_, call_.y + (row * spec_.query_heads + head) * dim_);
    }
  }

 private:
  int query_width() const { return dim_ * (spec_.gated ? 2 : 1); }
  size_t group_size() const { return static_cast<size_t>(group_keys) * dim_; }

  History history(int segment, int kv_head) const {
    const PlainAttentionSegment& s = call_.segments[segment];
    size_t at = call_.overlay_at[segment] * spec_.kv_heads + static_cast<size_t>(kv_head) * overlay_groups(s);
    return {s, spec_, kv_head, call_.new_k, call_.new_v, call_.overlay + at * group_size()};
  }

  const float* angles_of(size_t row) const { return call_.angles + row * spec_.rotary_dim; }

  const float* query_source(size_t row, int head) const {
    return call_.q + (row * spec_.query_heads + head) * query_width();
  }

  void attend_block(const AttentionTask& t,
                    const History& history,
                    int block,
                    const float* queries,
                    float* scores,
                    float* keep,
                    const float* ones,
                    SoftmaxState* states,
                    float* acc) const {
    int start = block * block_keys;
    int position = call_.segments[t.segment].position;
    // Positions of the block that a row of the segment sees.
    auto seen = [&](int row) { return std::min(block_keys, position + row + 1 - start); };
    int first_row = std::max(t.row_begin, start - position);
    int first = (first_row - t.row_begin) * t.heads();
    int count = (t.row_end - first_row) * t.heads();
    int groups = (seen(t.row_end - 1) + group_keys - 1) / group_keys;
    queries += static_cast<size_t>(first) * dim_;
    acc += static_cast<size_t>(first) * dim_;
    states += first;
    auto score = MTPLX_SELECT_ISA(score_keys);
    history.each_keys(block, groups, [&](const float* keys, size_t group_stride, size_t dim_stride, int at, int some) {
      score(queries, count, dim_, keys, group_stride, dim_stride, some, scores + at * group_keys);
    });
    auto soft = MTPLX_SELECT_ISA(soften);
    for (int q = 0; q < count; ++q) {
      keep[q] = soft(scores + static_cast<size_t>(q) * block_keys, seen(first_row + q / t.heads()), states[q]);
    }
    // What all rows see, then what only later rows see.
    auto weigh = MTPLX_SELECT_ISA(add_values);
    int common = seen(first_row);
    const float* factor = keep;
    history.each_values(block, 0, common, [&](const float* values, size_t stride, int at, int rows) {
      weigh(scores + at, factor, count, values, stride, rows, dim_, acc);
      factor = ones;
    });
    for (int row = first_row + 1; row < t.row_end && common < block_keys; ++row) {
      int q = (row - first_row) * t.heads();
      history.each_values(block, common, seen(row), [&](const float* values, size_t stride, int at, int rows) {
        weigh(scores + static_cast<size_t>(q) * block_keys + at, ones, t.heads(), values, stride, rows, dim_,
              acc + static_cast<size_t>(q) * dim_);
      });
    }
  }

  const AttentionCall& call_;
  const AttentionSpec& spec_;
  int dim_;
};

} // namespace

void check_attention(const AttentionSpec& spec) {
  if (spec.head_dim % 16 != 0) {
    throw std::invalid_argument("[attention] head_dim must be a multiple of 16, got " + std::to_string(spec.head_dim) +
                                ".");
  }
  check_attention(spec.query_heads % spec.kv_heads == 0, "query heads must be a multiple of the KV heads.");
  check_attention(spec.rotary_dim % 2 == 0 && spec.rotary_dim <= spec.head_dim,
                  "rotary_dim must be even and fit the head.");
}

void norm_key(const AttentionSpec& spec, const float* x, const float* weight, const float* angles, float* y) {
  norm_row(spec, x, weight, angles, 1.0f, y);
}

void write_angles(const AttentionSpec& spec, int position, float* angles) {
  int half = spec.rotary_dim / 2;
  auto frequency = frequencies(spec.rotary_dim, spec.rope_theta);
  MTPLX_SELECT_ISA(rotation_angles)(position, frequency->data(), half, angles, angles + half);
}

size_t place_overlays(std::span<const PlainAttentionSegment> segments, std::vector<size_t>& overlay_at) {
  overlay_at.clear();
  size_t groups = 0;
  for (const auto& s : segments) {
    overlay_at.push_back(groups);
    groups += overlay_groups(s);
  }
  return groups;
}

bool split_attention(const AttentionSpec& spec,
                     std::span<const PlainAttentionSegment> segments,
                     std::vector<AttentionTask>& tasks) {
  int heads = spec.query_heads / spec.kv_heads;
  int units = 0;
  auto row_groups = [&](const PlainAttentionSegment& s) {
    return (s.row_count * heads + queries_a_task - 1) / queries_a_task;
  };
  for (const auto& s : segments) {
    units += spec.kv_heads * row_groups(s);
  }
  int parts = units < threads() ? std::min(heads, (threads() + units - 1) / units) : 1;
  bool whole = parts == 1;
  tasks.clear();
  for (size_t s = 0; s < segments.size(); ++s) {
    int rows = segments[s].row_count;
    int groups = std::min(row_groups(segments[s]), rows);
    whole = whole && groups == 1;
    for (int g = 0; g < groups; ++g) {
      for (int h = 0; h < spec.kv_heads; ++h) {
        for (int p = 0; p < parts; ++p) {
          tasks.push_back({static_cast<int>(s), h, h * heads + heads * p / parts, h * heads + heads * (p + 1) / parts,
                           static_cast<int>(static_cast<int64_t>(rows) * g / groups),
                           static_cast<int>(static_cast<int64_t>(rows) * (g + 1) / groups)});
        }
      }
    }
  }
  return whole;
}

void prepare_keys(const AttentionCall& call, int segment, int kv_head) {
  Pass(call).prepare(segment, kv_head);
}

void attend(const AttentionCall& call, const AttentionTask& task) {
  Pass(call).attend(task);
}

void run_attention(AttentionCall call, int rows) {
  const AttentionSpec& spec = call.spec;
  thread_local Scratch scratch;
  thread_local std::vector<size_t> places;
  size_t angles = static_cast<size_t>(rows) * spec.rotary_dim;
  size_t overlay = place_overlays(call.segments, places) * spec.kv_heads * group_keys * spec.head_dim;
  Parts parts(scratch.bytes(Parts::bytes(angles) + Parts::bytes(overlay)));
  float* angles_made = parts.take(angles);
  call.angles = angles_made;
  call.overlay = parts.take(overlay);
  call.overlay_at = places.data();
  for (const auto& s : call.segments) {
    parallel_for(s.row_count, [&](int i) {
      write_angles(spec, s.position + i, angles_made + static_cast<size_t>(s.row_begin + i) * spec.rotary_dim);
    });
  }
  std::vector<AttentionTask> tasks;
  bool whole = split_attention(spec, call.segments, tasks);
  if (!whole) {
    parallel_for(static_cast<int>(call.segments.size()) * spec.kv_heads,
                 [&](int i) { prepare_keys(call, i / spec.kv_heads, i % spec.kv_heads); });
  }
  parallel_for(static_cast<int>(tasks.size()), [&](int i) {
    if (whole) {
      prepare_keys(call, tasks[i].segment, tasks[i].kv_head);
    }
    attend(call, tasks[i]);
  });
}

} // namespace mtplx::kernels
