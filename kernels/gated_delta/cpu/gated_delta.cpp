#include "kernels/gated_delta/gated_delta.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/common/fixed_math64.h"
#include "kernels/common/scratch.h"
#include "kernels/common/thread_pool.h"
#include "kernels/gated_delta/cpu/shape.h"
#include "kernels/gated_delta/cpu/steps.h"

namespace mtplx::kernels {

namespace {

// Rows that a task prepares at once: what they need (16 KB for two heads of 128) stays in a first-level cache.
constexpr int tile_rows = 16;

enum Input { in_qkv, in_z, in_b, in_a, in_conv, in_a_log, in_dt_bias, in_norm, in_first_state };
enum Output { out_y, out_k, out_delta, out_decay, out_first_state };
constexpr int state_outputs = 2; // a segment: recurrent, conv

// Of a segment's state among the inputs.
enum StateInput { recurrent_in, conv_in, owed_k_in, owed_delta_in, owed_decay_in };

struct Segment {
  int row_begin, row_count;
  int first_input;
  int owed_rows;
};

struct Call {
  GatedDeltaSpec spec;
  std::vector<Segment> segments;
};

// One task: some value heads of one key head through all rows of a segment.
struct Task {
  int segment, key_head, head_begin, head_end;
  bool writes_k; // into the tape; the others make it for themselves
};

// A tile's rows in a task's scratch.
struct Tile {
  float* q;     // [rows, Dk], normalised and scaled
  float* k;     // [rows, Dk], normalised
  float* v;     // [rows, Dv] of the current head
  float* beta;  // [rows] of the current head
  float* state; // [Dk, delta_chunk]
};

size_t tile_bytes(const GatedDeltaSpec& g) {
  return 2 * Parts::bytes(static_cast<size_t>(tile_rows) * g.key_dim) +
         Parts::bytes(static_cast<size_t>(tile_rows) * g.value_dim) + Parts::bytes(tile_rows) +
         Parts::bytes(static_cast<size_t>(g.key_dim) * delta_chunk);
}

Tile tile_in(const GatedDeltaSpec& g, std::byte* memory) {
  Parts parts(memory);
  size_t key_rows = static_cast<size_t>(tile_rows) * g.key_dim;
  return {parts.take(key_rows), parts.take(key_rows), parts.take(static_cast<size_t>(tile_rows) * g.value_dim),
          parts.take(tile_rows), parts.take(static_cast<size_t>(g.key_dim) * delta_chunk)};
}

class Walk {
 public:
  Walk(const Call& call, const Task& task, const std::vector<mx::array>& in, std::vector<mx::array>& out)
      : g_(call.spec),
        task_(task),
        segment_(call.segments[task.segment]),
        in_(in),
        out_(out),
        past_(state_input(conv_in)),
        before_(state_input(recurrent_in)),
        after_(out[out_first_state + state_outputs * task.segment].data<float>()) {
    thread_local Scratch scratch;
    tile_ = tile_in(g_, scratch.bytes(tile_bytes(g_)));
  }

  void run() {
    for (int begin = 0; begin < segment_.row_count; begin += tile_rows) {
      int rows = std::min(tile_rows, segment_.row_count - begin);
      prepare_keys(begin, rows);
      for (int head = task_.head_begin; head < task_.head_end; ++head) {
        prepare_head(head, begin, rows);
        step(head, begin, rows);
        finish(head, begin, rows);
      }
    }
  }

 private:
  const float* state_input(StateInput which) const { return in_[segment_.first_input + which].data<float>(); }
  size_t row(int tile_row) const { return static_cast<size_t>(segment_.row_begin) + tile_row; }
  // Of a value head's dims in y, z and delta.
  size_t value(int head, int tile_row) const { return (row(tile_row) * g_.value_heads + head) * g_.value_dim; }
  size_t gate(int head, int tile_row) const { return row(tile_row) * g_.value_heads + head; }

  void conv(int row_of_segment, int begin, int width, float* to) const {
    int channels = channels_of(g_);
    MTPLX_SELECT_ISA(conv_silu)
    (past_, in_[in_qkv].data<float>() + row(0) * channels, in_[in_conv].data<float>(), g_.conv_kernel, row_of_segment,
     channels, begin, begin + width, to);
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
      if (task_.writes_k) {
        std::memcpy(out_[out_k].data<float>() + row(begin + i) * keys + at, k, g_.key_dim * sizeof(float));
      }
    }
  }

  void prepare_head(int head, int begin, int rows) const {
    int first = 2 * g_.key_heads * g_.key_dim + head * g_.value_dim;
    double rate = fixed64::exp(in_[in_a_log].data<float>()[head]);
    double bias = in_[in_dt_bias].data<float>()[head];
    for (int i = 0; i < rows; ++i) {
      conv(begin + i, first, g_.value_dim, tile_.v + static_cast<size_t>(i) * g_.value_dim);
      size_t at = gate(head, begin + i);
      double a = static_cast<double>(in_[in_a].data<float>()[at]) + bias;
      double b = in_[in_b].data<float>()[at];
      out_[out_decay].data<float>()[at] = static_cast<float>(fixed64::exp(-rate * fixed64::softplus(a)));
      tile_.beta[i] = static_cast<float>(1.0 / (1.0 + fixed64::exp(-b)));
    }
  }

  void step(int head, int begin, int rows) const {
    size_t size = static_cast<size_t>(g_.key_dim) * g_.value_dim;
    const float* from = (begin == 0 ? before_ : after_) + head * size;
    // Only the first tile begins with the state of before.
    bool owed = begin == 0 && segment_.owed_rows > 0;
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
              .to = after_ + head * size + chunk,
              .state_stride = static_cast<size_t>(g_.value_dim),
              .owed_rows = owed ? segment_.owed_rows : 0,
              .owed_k = owed ? state_input(owed_k_in) + key_head : nullptr,
              .owed_k_stride = static_cast<size_t>(g_.key_heads) * g_.key_dim,
              .owed_u = owed ? state_input(owed_delta_in) + value_head + chunk : nullptr,
              .owed_decay = owed ? state_input(owed_decay_in) + head : nullptr,
              .q = tile_.q,
              .k = tile_.k,
              .v = tile_.v + chunk,
              .v_stride = static_cast<size_t>(g_.value_dim),
              .beta = tile_.beta,
              .decay = out_[out_decay].data<float>() + gate(head, begin),
              .gate_stride = static_cast<size_t>(g_.value_heads),
              .u = out_[out_delta].data<float>() + at,
              .y = out_[out_y].data<float>() + at,
              .y_stride = static_cast<size_t>(g_.value_heads) * g_.value_dim});
    }
  }

  void finish(int head, int begin, int rows) const {
    auto norm = MTPLX_SELECT_ISA(gated_norm);
    for (int i = 0; i < rows; ++i) {
      size_t at = value(head, begin + i);
      norm(out_[out_y].data<float>() + at, in_[in_norm].data<float>(), in_[in_z].data<float>() + at, g_.eps,
           g_.value_dim);
    }
  }

  const GatedDeltaSpec& g_;
  const Task& task_;
  const Segment& segment_;
  const std::vector<mx::array>& in_;
  std::vector<mx::array>& out_;
  const float* past_;
  const float* before_;
  float* after_;
  Tile tile_;
};

void run(const Call& call, const std::vector<mx::array>& in, std::vector<mx::array>& out) {
  const GatedDeltaSpec& g = call.spec;
  for (size_t i = 0; i < call.segments.size(); ++i) {
    const Segment& s = call.segments[i];
    conv_after(g, in[s.first_input + conv_in], in[in_qkv], s.row_begin, s.row_count,
               out[out_first_state + state_outputs * i + 1]);
  }
  int ratio = g.value_heads / g.key_heads;
  int units = static_cast<int>(call.segments.size()) * g.key_heads;
  // Where whole key heads leave threads idle, each value head is a task of its own and makes q and k for itself.
  int parts = units < 2 * threads() && units % threads() != 0 ? ratio : 1;
  parallel_for(units * parts, [&](int i) {
    int unit = i / parts;
    int part = i % parts;
    int key_head = unit % g.key_heads;
    int first = key_head * ratio + part * (ratio / parts);
    Task task{unit / g.key_heads, key_head, first, first + ratio / parts, part == 0};
    Walk(call, task, in, out).run();
  });
}

void check_inputs(const mx::array& qkv,
                  const mx::array& z,
                  const mx::array& b,
                  const mx::array& a,
                  const GatedDeltaWeights& weights,
                  const GatedDeltaSpec& spec) {
  check_gated_delta(qkv.ndim() == 2, "the inputs do not fit the heads.");
  int rows = qkv.shape(0);
  check_gated_delta(spec.key_dim % 16 == 0 && spec.value_dim % 16 == 0 && spec.value_heads % spec.key_heads == 0,
                    "head dims must be multiples of 16 and value heads a multiple of the key heads.");
  check_gated_delta(
      qkv.shape(1) == channels_of(spec) && z.shape() == mx::Shape({rows, spec.value_heads * spec.value_dim}) &&
          b.shape() == mx::Shape({rows, spec.value_heads}) && a.shape() == b.shape() &&
          weights.conv.shape() == mx::Shape({spec.conv_kernel, channels_of(spec)}) &&
          weights.a_log.shape() == mx::Shape({spec.value_heads}) && weights.dt_bias.shape() == weights.a_log.shape() &&
          weights.norm.shape() == mx::Shape({spec.value_dim}),
      "the inputs do not fit the heads.");
}

} // namespace

GatedDeltaState gated_delta_zero_state(const GatedDeltaSpec& spec) {
  GatedDeltaState state{fresh({spec.value_heads, spec.key_dim, spec.value_dim}, mx::float32, Life::state),
                        fresh({spec.conv_kernel - 1, channels_of(spec)}, mx::float32)};
  for (mx::array* a : {&state.recurrent, &state.conv}) {
    std::memset(a->data<float>(), 0, a->nbytes());
  }
  return state;
}

GatedDeltaOutput gated_delta(const mx::array& qkv,
                             const mx::array& z,
                             const mx::array& b,
                             const mx::array& a,
                             const GatedDeltaWeights& weights,
                             const GatedDeltaSpec& spec,
                             const std::vector<GatedDeltaSegment>& segments) {
  check_inputs(qkv, z, b, a, weights, spec);
  int rows = qkv.shape(0);
  Call call{spec, {}};
  std::vector<GatedDeltaRows> ranges;
  std::vector<mx::array> inputs;
  inputs.reserve(in_first_state + 5 * segments.size());
  for (const mx::array* x : {&qkv, &z, &b, &a, &weights.conv, &weights.a_log, &weights.dt_bias, &weights.norm}) {
    inputs.push_back(*x); // an initialiser list would copy each twice
  }
  mx::Shape recurrent = {spec.value_heads, spec.key_dim, spec.value_dim};
  std::vector<OutputSpec> outputs = {{{rows, spec.value_heads * spec.value_dim}, mx::float32},
                                     {{rows, spec.key_heads, spec.key_dim}, mx::float32},
                                     {{rows, spec.value_heads, spec.value_dim}, mx::float32},
                                     {{rows, spec.value_heads}, mx::float32}};
  outputs.reserve(out_first_state + state_outputs * segments.size());
  call.segments.reserve(segments.size());
  ranges.reserve(segments.size());
  for (const auto& segment : segments) {
    check_gated_delta(segment.row_begin >= 0 && segment.row_count > 0 && segment.row_begin + segment.row_count <= rows,
                      "a segment's rows lie outside the input.");
    check_gated_delta(segment.state.recurrent.shape() == recurrent &&
                          segment.state.conv.shape() == mx::Shape({spec.conv_kernel - 1, channels_of(spec)}),
                      "a segment's state does not fit the heads.");
    const auto& owed = segment.state.owed;
    int owed_rows = owed ? owed->k.shape(0) : 0;
    call.segments.push_back({segment.row_begin, segment.row_count, static_cast<int>(inputs.size()), owed_rows});
    ranges.push_back({segment.row_begin, segment.row_count});
    inputs.push_back(segment.state.recurrent);
    inputs.push_back(segment.state.conv);
    if (owed) {
      inputs.insert(inputs.end(), {owed->k, owed->delta, owed->decay});
    }
    outputs.push_back({recurrent, mx::float32, Life::state});
    outputs.push_back({segment.state.conv.shape(), mx::float32});
  }
  auto out = cpu_task("gated_delta", inputs, outputs,
                      [&](const std::vector<mx::array>& in, std::vector<mx::array>& out) { run(call, in, out); });
  std::vector<GatedDeltaState> final;
  for (size_t i = out_first_state; i < out.size(); i += state_outputs) {
    final.push_back({out[i], out[i + 1]});
  }
  return {out[out_y],
          {std::move(ranges), std::move(final), GatedDeltaSteps{qkv, {out[out_k], out[out_delta], out[out_decay]}}}};
}

} // namespace mtplx::kernels
