#include "kernels/attention/cpu/pass.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/attention/cpu/history.h"
#include "kernels/common/scratch.h"
#include "kernels/common/thread_pool.h"

namespace mtplx::kernels {

namespace {

// Query rows that share a pass over the keys and values: with their sums 32 KB at 128 dims.
constexpr int queries_a_task = 32;

// Some query heads of one KV head, rows [row_begin, row_end) of a segment.
struct Task {
  int segment, kv_head, head_begin, head_end, row_begin, row_end;
  int heads() const { return head_end - head_begin; }
};

// One evaluation of a call.
class Pass {
 public:
  explicit Pass(const AttentionCall& call) : call_(call), spec_(call.spec), dim_(call.spec.head_dim) {}

  void run() {
    thread_local Scratch scratch;
    thread_local std::vector<size_t> places;
    places.clear();
    size_t groups = 0; // of all segments, for one head
    for (const auto& s : call_.segments) {
      places.push_back(groups);
      groups += overlay_groups(s);
    }
    overlay_at_ = places.data();
    size_t angles = static_cast<size_t>(call_.rows) * half();
    size_t overlay = groups * spec_.kv_heads * group_size();
    Parts parts(scratch.bytes(2 * Parts::bytes(angles) + Parts::bytes(overlay)));
    cosine_ = parts.take(angles);
    sine_ = parts.take(angles);
    overlay_ = parts.take(overlay);
    rotate();

    thread_local std::vector<Task> shared;
    std::vector<Task>& tasks = shared; // the lambdas below run on other threads
    bool whole = split(tasks);
    int heads = static_cast<int>(call_.segments.size()) * spec_.kv_heads;
    if (!whole) {
      parallel_for(heads, [&](int i) { prepare(i / spec_.kv_heads, i % spec_.kv_heads); });
    }
    parallel_for(static_cast<int>(tasks.size()), [&](int i) {
      if (whole) {
        prepare(tasks[i].segment, tasks[i].kv_head);
      }
      attend(tasks[i]);
    });
  }

 private:
  int half() const { return spec_.rotary_dim / 2; }
  int group() const { return spec_.query_heads / spec_.kv_heads; }
  int query_width() const { return dim_ * (spec_.gated ? 2 : 1); }
  size_t group_size() const { return static_cast<size_t>(group_keys) * dim_; }

  // Angles of all rows.
  void rotate() {
    constexpr int rows_a_task = 16;
    auto angles = MTPLX_SELECT_ISA(rotation_angles);
    int count = half();
    for (const auto& segment : call_.segments) {
      parallel_for((segment.row_count + rows_a_task - 1) / rows_a_task, [&](int task) {
        int end = std::min((task + 1) * rows_a_task, segment.row_count);
        for (int i = task * rows_a_task; i < end; ++i) {
          size_t at = static_cast<size_t>(segment.row_begin + i) * count;
          angles(segment.position + i, call_.frequency, count, cosine_ + at, sine_ + at);
        }
      });
    }
  }

  // Divides the work; tells whether every KV head of a segment is one task.
  bool split(std::vector<Task>& tasks) const {
    int heads = group();
    int units = 0;
    auto row_groups = [&](const PlainAttentionSegment& s) {
      return (s.row_count * heads + queries_a_task - 1) / queries_a_task;
    };
    for (const auto& s : call_.segments) {
      units += spec_.kv_heads * row_groups(s);
    }
    int parts = units < threads() ? std::min(heads, (threads() + units - 1) / units) : 1;
    bool whole = parts == 1;
    tasks.clear();
    for (size_t s = 0; s < call_.segments.size(); ++s) {
      int rows = call_.segments[s].row_count;
      int groups = std::min(row_groups(call_.segments[s]), rows);
      whole = whole && groups == 1;
      for (int g = 0; g < groups; ++g) {
        for (int h = 0; h < spec_.kv_heads; ++h) {
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

  History history(int segment, int kv_head) const {
    const PlainAttentionSegment& s = call_.segments[segment];
    size_t at = overlay_at_[segment] * spec_.kv_heads + static_cast<size_t>(kv_head) * overlay_groups(s);
    return {s, spec_, kv_head, call_.new_k, call_.new_v, overlay_ + at * group_size()};
  }

  // New rows of one KV head: keys normed and rotated, values copied, keys laid out.
  void prepare(int segment, int kv_head) const {
    const PlainAttentionSegment& s = call_.segments[segment];
    for (int i = 0; i < s.row_count; ++i) {
      size_t row = static_cast<size_t>(s.row_begin) + i;
      size_t at = (row * spec_.kv_heads + kv_head) * dim_;
      norm_row(call_.k + at, call_.k_norm, row, 1.0f, call_.new_k + at);
      std::memcpy(call_.new_v + at, call_.v + at, dim_ * sizeof(float));
    }
    history(segment, kv_head).fill_overlay();
  }

  void norm_row(const float* x, const float* weight, size_t row, float scale, float* y) const {
    size_t angle = row * half();
    MTPLX_SELECT_ISA(norm_and_rotate)
    (x, weight, spec_.eps, dim_, cosine_ + angle, sine_ + angle, half(), scale, y);
  }

  const float* query_source(size_t row, int head) const {
    return call_.q + (row * spec_.query_heads + head) * query_width();
  }

  // Queries are ordered by row, then head.
  void attend(const Task& t) const {
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
      norm_row(query_source(row, t.head_begin + q % t.heads()), call_.q_norm, row, scale,
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

  void attend_block(const Task& t,
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
  float* cosine_; // [rows, half]
  float* sine_;
  float* overlay_;           // of each segment, for each KV head
  const size_t* overlay_at_; // a segment's, in groups of one head
};

} // namespace

void run_attention(const AttentionCall& call) {
  Pass(call).run();
}

} // namespace mtplx::kernels
