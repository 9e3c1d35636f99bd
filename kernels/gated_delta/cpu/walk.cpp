#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/common/fixed_math64.h"
#include "kernels/common/scratch.h"
#include "kernels/common/thread_pool.h"
#include "kernels/gated_delta/cpu/call.h"
#include "kernels/gated_delta/cpu/shape.h"
#include "kernels/gated_delta/cpu/steps.h"

namespace mtplx::kernels {

namespace {

// Rows that a task prepares at once: what they need (16 KB for two heads of 128) stays in a first-level cache.
constexpr int tile_rows = 16;
static_assert(most_owed_rows <= tile_rows, "a segment without a last state is one tile");

// A smaller gate is 0. It keeps nothing that a float beside it shows, and its products would be denormal, which takes
// an Intel core a hundred times as long: a quarter of a cycle (reports/LOG.md, 2026-11-28).
constexpr float least_gate = 0x1p-64f;

// One task: some value heads of one key head through all rows of a segment.
struct Task {
  int segment, key_head, head_begin, head_end;
  bool writes_k; // into the tape; the others make it for themselves
};

// A tile's rows in a task's scratch.
struct Tile {
  float* q;     // [rows, Dk], normalised and scaled
  float* k;     // [rows, Dk], normalised
  float* kq;    // [rows], k . q
  float* v;     // [rows, Dv] of the current head
  float* beta;  // [rows] of the current head
  float* state; // [Dk, delta_chunk]
};

size_t tile_bytes(const GatedDeltaSpec& g) {
  return 2 * Parts::bytes(static_cast<size_t>(tile_rows) * g.key_dim) +
         Parts::bytes(static_cast<size_t>(tile_rows) * g.value_dim) + 2 * Parts::bytes(tile_rows) +
         Parts::bytes(static_cast<size_t>(g.key_dim) * delta_chunk);
}

Tile tile_in(const GatedDeltaSpec& g, std::byte* memory) {
  Parts parts(memory);
  size_t key_rows = static_cast<size_t>(tile_rows) * g.key_dim;
  return {parts.take(key_rows),  parts.take(key_rows),
          parts.take(tile_rows), parts.take(static_cast<size_t>(tile_rows) * g.value_dim),
          parts.take(tile_rows), parts.take(static_cast<size_t>(g.key_dim) * delta_chunk)};
}

class Walk {
 public:
  Walk(const DeltaCall& call, const Task& task)
      : call_(call), g_(call.spec), task_(task), segment_(call.segments[task.segment]) {
    thread_local Scratch scratch;
    tile_ = tile_in(g_, scratch.bytes(tile_bytes(g_)));
  }

  void run() const {
    for (int begin = 0; begin < segment_.row_count; begin += tile_rows) {
      int rows = std::min(tile_rows, segment_.row_count - begin);
      prepare_keys(begin, rows);
      for (int head = task_.head_begin; head < task_.head_end; ++head) {
        prepare_head(head, begin, rows);
        step(head, begin, rows);
        finish(head, begin, rows);
      }
    }
    conv_rows();
  }

 private:
  size_t row(int tile_row) const { return static_cast<size_t>(segment_.row_begin) + tile_row; }
  // Of a value head's dims in y, z and delta.
  size_t value(int head, int tile_row) const { return (row(tile_row) * g_.value_heads + head) * g_.value_dim; }
  size_t gate(int head, int tile_row) const { return row(tile_row) * g_.value_heads + head; }

  // The conv state after the last row, this task's channels.
  void conv_rows() const {
    int keys = g_.key_heads * g_.key_dim;
    auto after = [&](int begin, int width) {
      conv_after(g_, segment_.conv, call_.qkv + row(0) * channels_of(g_), segment_.row_count, begin, begin + width,
                 segment_.conv_after);
    };
    if (task_.writes_k) {
      after(task_.key_head * g_.key_dim, g_.key_dim);
      after(keys + task_.key_head * g_.key_dim, g_.key_dim);
    }
    after(2 * keys + task_.head_begin * g_.value_dim, (task_.head_end - task_.head_begin) * g_.value_dim);
  }

  void conv(int row_of_segment, int begin, int width, float* to) const {
    int channels = channels_of(g_);
    MTPLX_SELECT_ISA(conv_silu)
    (segment_.conv, call_.qkv + row(0) * channels, call_.conv, g_.conv_kernel, row_of_segment, channels, begin,
     begin + width, to);
  }

  void prepare_keys(int begin, int rows) const {
    int keys = g_.key_heads * g_.key_dim;
    int at = task_.key_head * g_.key_dim;
    float q_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(g_.key_dim)));
    auto normalise = MTPLX_SELECT_ISA(l2_normalise);
    for (int i = 0; i < rows; ++i) {
      float* q = tile_.q + static_cast<size_t>(i) * g_.key_dim;
      float* k = tile_.k + static_cast<size_t>(i) * g_.key_dim;
      conv(begin + i, at, g_.key_dim, q);
      normalise(q, g_.key_dim, q_scale, q);
      conv(begin + i, keys + at, g_.key_dim, k);
      normalise(k, g_.key_dim, 1.0f, k);
      tile_.kq[i] = MTPLX_SELECT_ISA(dot)(k, q, g_.key_dim);
      if (task_.writes_k && call_.k) {
        std::memcpy(call_.k + row(begin + i) * keys + at, k, g_.key_dim * sizeof(float));
      }
    }
  }

  void prepare_head(int head, int begin, int rows) const {
    int first = 2 * g_.key_heads * g_.key_dim + head * g_.value_dim;
    double rate = fixed64::exp(call_.a_log[head]);
    double bias = call_.dt_bias[head];
    for (int i = 0; i < rows; ++i) {
      conv(begin + i, first, g_.value_dim, tile_.v + static_cast<size_t>(i) * g_.value_dim);
      size_t at = gate(head, begin + i);
      double a = static_cast<double>(call_.a[at]) + bias;
      double b = call_.b[at];
      auto g = static_cast<float>(fixed64::exp(-rate * fixed64::softplus(a)));
      call_.decay[at] = g < least_gate ? 0.0f : g;
      tile_.beta[i] = static_cast<float>(1.0 / (1.0 + fixed64::exp(-b)));
    }
  }

  void step(int head, int begin, int rows) const {
    const PlainGatedDeltaSegment& s = segment_;
    size_t state = static_cast<size_t>(head) * g_.key_dim * g_.value_dim;
    // Only the first tile begins with the state of before.
    bool first = begin == 0;
    bool owed = first && s.owed_rows > 0;
    const float* from = (first ? s.recurrent : s.last) + state;
    size_t key_head = static_cast<size_t>(task_.key_head) * g_.key_dim;
    size_t value_head = static_cast<size_t>(head) * g_.value_dim;
    auto kernel = MTPLX_SELECT_ISA(delta_rows);
    for (int chunk = 0; chunk < g_.value_dim; chunk += delta_chunk) {
      size_t at = value(head, begin) + chunk;
      kernel({.key_dim = g_.key_dim,
              .width = std::min(delta_chunk, g_.value_dim - chunk),
              .rows = rows,
              .scratch = tile_.state,
              .from = from + chunk,
              .settled = first && s.settled ? s.settled + state + chunk : nullptr,
              .to = s.last ? s.last + state + chunk : nullptr,
              .state_stride = static_cast<size_t>(g_.value_dim),
              .owed_rows = owed ? s.owed_rows : 0,
              .owed_k = owed ? s.owed_k + key_head : nullptr,
              .owed_k_stride = static_cast<size_t>(g_.key_heads) * g_.key_dim,
              .owed_u = owed ? s.owed_delta + value_head + chunk : nullptr,
              .owed_decay = owed ? s.owed_decay + head : nullptr,
              .q = tile_.q,
              .k = tile_.k,
              .kq = tile_.kq,
              .v = tile_.v + chunk,
              .v_stride = static_cast<size_t>(g_.value_dim),
              .beta = tile_.beta,
              .decay = call_.decay + gate(head, begin),
              .gate_stride = static_cast<size_t>(g_.value_heads),
              .u = (call_.delta ? call_.delta : call_.y) + at,
              .y = call_.y + at,
              .y_stride = static_cast<size_t>(g_.value_heads) * g_.value_dim});
    }
  }

  void finish(int head, int begin, int rows) const {
    auto norm = MTPLX_SELECT_ISA(gated_norm);
    for (int i = 0; i < rows; ++i) {
      size_t at = value(head, begin + i);
      norm(call_.y + at, call_.norm, call_.z + at, g_.eps, g_.value_dim);
    }
  }

  const DeltaCall& call_;
  const GatedDeltaSpec& g_;
  Task task_;
  const PlainGatedDeltaSegment& segment_;
  Tile tile_;
};

// Where whole key heads leave threads idle, each value head is a task of its own and makes q and k for itself.
int parts_of(const DeltaCall& call) {
  int units = static_cast<int>(call.segments.size()) * call.spec.key_heads;
  return units < 2 * threads() && units % threads() != 0 ? call.spec.value_heads / call.spec.key_heads : 1;
}

} // namespace

int gated_delta_tasks(const DeltaCall& call) {
  return static_cast<int>(call.segments.size()) * call.spec.key_heads * parts_of(call);
}

void run_gated_delta_task(const DeltaCall& call, int task) {
  const GatedDeltaSpec& g = call.spec;
  int ratio = g.value_heads / g.key_heads;
  int parts = parts_of(call);
  int unit = task / parts;
  int part = task % parts;
  int key_head = unit % g.key_heads;
  int first = key_head * ratio + part * (ratio / parts);
  Walk(call, {unit / g.key_heads, key_head, first, first + ratio / parts, part == 0}).run();
}

} // namespace mtplx::kernels
