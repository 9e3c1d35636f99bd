#include "kernels/gated_delta/gated_delta.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/common/scratch.h"
#include "kernels/common/thread_pool.h"
#include "kernels/gated_delta/cpu/call.h"
#include "kernels/gated_delta/cpu/shape.h"

namespace mtplx::kernels {

namespace {

enum Input { in_qkv, in_z, in_b, in_a, in_conv, in_a_log, in_dt_bias, in_norm };
enum Output { out_y, out_steps };

// Floats of a row of qkv, k, delta and decay.
std::array<size_t, 4> step_widths(const GatedDeltaSpec& g) {
  auto keys = static_cast<size_t>(g.key_heads) * g.key_dim;
  auto values = static_cast<size_t>(g.value_heads) * g.value_dim;
  return {static_cast<size_t>(channels_of(g)), keys, values, static_cast<size_t>(g.value_heads)};
}

void check_inputs(const mx::array& qkv,
                  const mx::array& z,
                  const mx::array& b,
                  const mx::array& a,
                  const GatedDeltaWeights& weights,
                  const GatedDeltaSpec& spec) {
  check_gated_delta(qkv.ndim() == 2, "the inputs do not fit the heads.");
  int rows = qkv.shape(0);
  check_gated_delta(spec);
  check_gated_delta(
      qkv.shape(1) == channels_of(spec) && z.shape() == mx::Shape({rows, spec.value_heads * spec.value_dim}) &&
          b.shape() == mx::Shape({rows, spec.value_heads}) && a.shape() == b.shape() &&
          weights.conv.shape() == mx::Shape({spec.conv_kernel, channels_of(spec)}) &&
          weights.a_log.shape() == mx::Shape({spec.value_heads}) && weights.dt_bias.shape() == weights.a_log.shape() &&
          weights.norm.shape() == mx::Shape({spec.value_dim}),
      "the inputs do not fit the heads.");
}

void check_segment(const GatedDeltaSegment& s, const GatedDeltaSpec& g, int rows) {
  check_gated_delta(s.row_begin >= 0 && s.row_count > 0 && s.row_begin + s.row_count <= rows,
                    "a segment's rows lie outside the input.");
  check_gated_delta(s.state.recurrent.shape() == mx::Shape({g.value_heads, g.key_dim, g.value_dim}) &&
                        s.state.conv.shape() == mx::Shape({g.conv_kernel - 1, channels_of(g)}),
                    "a segment's state does not fit the heads.");
}

// A state that MLX has made, as tests do, may be a graph or a view.
void make_plain(GatedDeltaState& state) {
  for (mx::array* a : {&state.recurrent, &state.conv}) {
    a->eval();
    check_gated_delta(a->flags().row_contiguous, "a segment's state is not row-contiguous.");
  }
}

// Whether the forward makes the state after the last row; else the rows that are kept will be owed.
bool makes_last(const GatedDeltaSegment& s) {
  return s.row_count > most_owed_rows;
}

PlainGatedDeltaSegment plain_segment(const GatedDeltaSegment& s,
                                     const GatedDeltaSpec& g,
                                     const mx::array& conv_after,
                                     const std::optional<mx::array>& recurrent) {
  PlainGatedDeltaSegment segment{.row_begin = s.row_begin,
                                 .row_count = s.row_count,
                                 .conv = s.state.conv.data<float>(),
                                 .conv_after = const_cast<float*>(conv_after.data<float>()),
                                 .recurrent = s.state.recurrent.data<float>()};
  if (makes_last(s)) {
    segment.last = const_cast<float*>(recurrent->data<float>());
  } else if (s.state.owed) {
    segment.settled = const_cast<float*>(recurrent ? recurrent->data<float>() : segment.recurrent);
  }
  if (const auto& owed = s.state.owed) {
    size_t begin = owed->begin;
    segment.owed_rows = owed->count;
    segment.owed_k = owed->rows.k + begin * g.key_heads * g.key_dim;
    segment.owed_delta = owed->rows.delta + begin * g.value_heads * g.value_dim;
    segment.owed_decay = owed->rows.decay + begin * g.value_heads;
  }
  return segment;
}

} // namespace

size_t gated_delta_step_floats(const GatedDeltaSpec& spec, int rows) {
  size_t bytes = 0;
  for (size_t width : step_widths(spec)) {
    bytes += Parts::bytes(rows * width);
  }
  return bytes / sizeof(float);
}

GatedDeltaSteps gated_delta_steps_in(const GatedDeltaSpec& spec, int rows, const mx::array& memory, size_t at) {
  Parts parts(reinterpret_cast<std::byte*>(const_cast<float*>(memory.data<float>() + at)));
  auto [qkv, k, delta, decay] = step_widths(spec);
  const float* qkv_rows = parts.take(rows * qkv);
  const float* k_rows = parts.take(rows * k);
  const float* delta_rows = parts.take(rows * delta);
  return {memory, qkv_rows, k_rows, delta_rows, parts.take(rows * decay)};
}

GatedDeltaPass::GatedDeltaPass(const GatedDeltaSpec& spec, std::vector<GatedDeltaSegment> segments)
    : spec_(spec), segments_(std::move(segments)) {
  made_.reserve(segments_.size());
  for (auto& s : segments_) {
    Made made{fresh(s.state.conv.shape(), mx::float32), std::nullopt};
    if (makes_last(s) && s.kept && sole_owner(s.state.recurrent)) {
      made.recurrent = s.state.recurrent;
    } else if (makes_last(s) || (s.state.owed && !sole_owner(s.state.recurrent))) {
      made.recurrent = fresh(s.state.recurrent.shape(), mx::float32, Life::state);
    }
    made_.push_back(std::move(made));
  }
}

void GatedDeltaPass::plain(std::vector<PlainGatedDeltaSegment>& segments) const {
  segments.clear();
  for (size_t i = 0; i < segments_.size(); ++i) {
    segments.push_back(plain_segment(segments_[i], spec_, made_[i].conv, made_[i].recurrent));
  }
}

std::vector<GatedDeltaState> GatedDeltaPass::before() {
  std::vector<GatedDeltaState> states;
  states.reserve(segments_.size());
  for (size_t i = 0; i < segments_.size(); ++i) {
    GatedDeltaState& state = segments_[i].state;
    if (!makes_last(segments_[i])) {
      if (made_[i].recurrent) {
        state.recurrent = *made_[i].recurrent;
      }
      state.owed.reset();
    }
    states.push_back(std::move(state));
  }
  return states;
}

GatedDeltaTape GatedDeltaPass::tape(std::optional<GatedDeltaSteps> steps) const {
  GatedDeltaTape tape{{}, std::move(steps)};
  tape.segments.reserve(segments_.size());
  for (size_t i = 0; i < segments_.size(); ++i) {
    const GatedDeltaSegment& s = segments_[i];
    tape.segments.push_back(
        {s.row_begin, s.row_count, made_[i].conv, makes_last(s) ? made_[i].recurrent : std::nullopt});
  }
  return tape;
}

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
                             std::vector<GatedDeltaSegment> segments) {
  check_inputs(qkv, z, b, a, weights, spec);
  int rows = qkv.shape(0);
  std::vector<mx::array> inputs;
  for (const mx::array* x : {&qkv, &z, &b, &a, &weights.conv, &weights.a_log, &weights.dt_bias, &weights.norm}) {
    inputs.push_back(*x); // an initialiser list would copy each twice
  }
  for (auto& s : segments) {
    check_segment(s, spec, rows);
    make_plain(s.state);
  }
  GatedDeltaPass pass(spec, std::move(segments));
  auto floats = static_cast<int>(gated_delta_step_floats(spec, rows));
  auto out = cpu_task(
      "gated_delta", inputs, {{{rows, spec.value_heads * spec.value_dim}, mx::float32}, {{floats}, mx::float32}},
      [&](const auto& in, std::vector<mx::array>& out) {
        GatedDeltaSteps steps = gated_delta_steps_in(spec, rows, out[out_steps], 0);
        std::copy_n(in[in_qkv].template data<float>(), in[in_qkv].size(), const_cast<float*>(steps.qkv));
        std::vector<PlainGatedDeltaSegment> plain;
        pass.plain(plain);
        DeltaCall call{.spec = spec,
                       .conv = in[in_conv].template data<float>(),
                       .a_log = in[in_a_log].template data<float>(),
                       .dt_bias = in[in_dt_bias].template data<float>(),
                       .norm = in[in_norm].template data<float>(),
                       .qkv = steps.qkv,
                       .z = in[in_z].template data<float>(),
                       .b = in[in_b].template data<float>(),
                       .a = in[in_a].template data<float>(),
                       .y = out[out_y].data<float>(),
                       .decay = const_cast<float*>(steps.decay),
                       .k = const_cast<float*>(steps.k),
                       .delta = const_cast<float*>(steps.delta),
                       .segments = plain};
        parallel_for(gated_delta_tasks(call), [&](int task) { run_gated_delta_task(call, task); });
      });
  return {out[out_y], pass.before(), pass.tape(gated_delta_steps_in(spec, rows, out[out_steps], 0))};
}

} // namespace mtplx::kernels
