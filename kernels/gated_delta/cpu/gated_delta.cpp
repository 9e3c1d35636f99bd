#include "kernels/gated_delta/gated_delta.h"

#include <cstring>

#include "kernels/gated_delta/cpu/call.h"
#include "kernels/gated_delta/cpu/shape.h"

namespace mtplx::kernels {

namespace {

enum Input { in_qkv, in_z, in_b, in_a, in_conv, in_a_log, in_dt_bias, in_norm, in_first_state };
enum Output { out_y, out_k, out_delta, out_decay, out_first_state };

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

void check_segment(const GatedDeltaSegment& s, const GatedDeltaSpec& g, int rows) {
  check_gated_delta(s.row_begin >= 0 && s.row_count > 0 && s.row_begin + s.row_count <= rows,
                    "a segment's rows lie outside the input.");
  check_gated_delta(s.state.recurrent.shape() == mx::Shape({g.value_heads, g.key_dim, g.value_dim}) &&
                        s.state.conv.shape() == mx::Shape({g.conv_kernel - 1, channels_of(g)}),
                    "a segment's state does not fit the heads.");
}

// Whether the forward makes the state after the last row; else the rows that are kept will be owed.
bool makes_last(const GatedDeltaSegment& s) {
  return s.row_count > most_owed_rows;
}

// The arrays of a segment among the outputs.
struct SegmentOutputs {
  size_t conv;
  std::optional<size_t> recurrent; // the last, or a settled copy; what is owed is applied in place without one
};

DeltaSegment plain(const GatedDeltaSegment& s,
                   const GatedDeltaSpec& g,
                   const SegmentOutputs& to,
                   std::vector<mx::array>& out) {
  DeltaSegment segment{.row_begin = s.row_begin,
                       .row_count = s.row_count,
                       .conv = s.state.conv.data<float>(),
                       .conv_after = out[to.conv].data<float>(),
                       .recurrent = s.state.recurrent.data<float>()};
  if (makes_last(s)) {
    segment.last = out[*to.recurrent].data<float>();
  } else if (s.state.owed) {
    segment.settled = to.recurrent ? out[*to.recurrent].data<float>() : const_cast<float*>(segment.recurrent);
  }
  if (const auto& owed = s.state.owed) {
    size_t begin = owed->begin;
    segment.owed_rows = owed->count;
    segment.owed_k = owed->rows.k.data<float>() + begin * g.key_heads * g.key_dim;
    segment.owed_delta = owed->rows.delta.data<float>() + begin * g.value_heads * g.value_dim;
    segment.owed_decay = owed->rows.decay.data<float>() + begin * g.value_heads;
  }
  return segment;
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
                             std::vector<GatedDeltaSegment> segments) {
  check_inputs(qkv, z, b, a, weights, spec);
  int rows = qkv.shape(0);
  std::vector<mx::array> inputs;
  inputs.reserve(in_first_state + 5 * segments.size());
  for (const mx::array* x : {&qkv, &z, &b, &a, &weights.conv, &weights.a_log, &weights.dt_bias, &weights.norm}) {
    inputs.push_back(*x); // an initialiser list would copy each twice
  }
  std::vector<OutputSpec> outputs = {{{rows, spec.value_heads * spec.value_dim}, mx::float32},
                                     {{rows, spec.key_heads, spec.key_dim}, mx::float32},
                                     {{rows, spec.value_heads, spec.value_dim}, mx::float32},
                                     {{rows, spec.value_heads}, mx::float32}};
  outputs.reserve(out_first_state + 2 * segments.size());
  std::vector<SegmentOutputs> places;
  places.reserve(segments.size());
  for (auto& s : segments) {
    check_segment(s, spec, rows);
    SegmentOutputs to{outputs.size(), std::nullopt};
    outputs.push_back({s.state.conv.shape(), mx::float32});
    if (makes_last(s) || (s.state.owed && !sole_owner(s.state.recurrent))) {
      to.recurrent = outputs.size();
      outputs.push_back({s.state.recurrent.shape(), mx::float32, Life::state});
    }
    places.push_back(to);
    inputs.push_back(s.state.recurrent);
    inputs.push_back(s.state.conv);
    if (const auto& owed = s.state.owed) {
      inputs.insert(inputs.end(), {owed->rows.k, owed->rows.delta, owed->rows.decay});
    }
  }
  auto out = cpu_task("gated_delta", inputs, outputs, [&](const auto& in, std::vector<mx::array>& out) {
    DeltaCall call{.spec = spec,
                   .conv = in[in_conv].template data<float>(),
                   .a_log = in[in_a_log].template data<float>(),
                   .dt_bias = in[in_dt_bias].template data<float>(),
                   .norm = in[in_norm].template data<float>(),
                   .qkv = in[in_qkv].template data<float>(),
                   .z = in[in_z].template data<float>(),
                   .b = in[in_b].template data<float>(),
                   .a = in[in_a].template data<float>(),
                   .y = out[out_y].data<float>(),
                   .k = out[out_k].data<float>(),
                   .delta = out[out_delta].data<float>(),
                   .decay = out[out_decay].data<float>(),
                   .segments = {}};
    call.segments.reserve(segments.size());
    for (size_t i = 0; i < segments.size(); ++i) {
      call.segments.push_back(plain(segments[i], spec, places[i], out));
    }
    run_gated_delta(call);
  });
  GatedDeltaOutput result{out[out_y], {}, {}};
  result.tape.steps = GatedDeltaSteps{qkv, {out[out_k], out[out_delta], out[out_decay]}};
  result.before.reserve(segments.size());
  result.tape.segments.reserve(segments.size());
  for (size_t i = 0; i < segments.size(); ++i) {
    GatedDeltaSegment& s = segments[i];
    const SegmentOutputs& to = places[i];
    GatedDeltaTapeSegment segment{s.row_begin, s.row_count, out[to.conv], std::nullopt};
    if (makes_last(s)) {
      segment.recurrent = out[*to.recurrent];
    } else {
      if (to.recurrent) {
        s.state.recurrent = out[*to.recurrent];
      }
      s.state.owed.reset();
    }
    result.before.push_back(std::move(s.state));
    result.tape.segments.push_back(std::move(segment));
  }
  return result;
}

} // namespace mtplx::kernels
