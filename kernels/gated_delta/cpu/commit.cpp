#include <algorithm>
#include <cstring>

#include "kernels/common/thread_pool.h"
#include "kernels/gated_delta/cpu/shape.h"
#include "kernels/gated_delta/cpu/steps.h"

namespace mtplx::kernels {

void conv_after(
    const GatedDeltaSpec& g, const float* past, const float* rows, int keep, int begin, int end, float* out) {
  size_t channels = channels_of(g);
  int old = g.conv_kernel - 1;
  for (int t = 0; t < old; ++t) {
    int at = keep - old + t;
    const float* from = at < 0 ? past + (keep + t) * channels : rows + at * channels;
    std::memcpy(out + t * channels + begin, from + begin, (end - begin) * sizeof(float));
  }
}

namespace {

// A key dim's state stands alone in a replay: 16 KB a task with 128 value dims.
constexpr int keys_a_task = 32;

void replay(const GatedDeltaSpec& g, const GatedDeltaOwed& owed, const float* from, float* to) {
  size_t keys = static_cast<size_t>(g.key_heads) * g.key_dim;
  size_t values = static_cast<size_t>(g.value_heads) * g.value_dim;
  const float* k = owed.rows.k + owed.begin * keys;
  const float* delta = owed.rows.delta + owed.begin * values;
  const float* decay = owed.rows.decay + static_cast<size_t>(owed.begin) * g.value_heads;
  int parts = (g.key_dim + keys_a_task - 1) / keys_a_task;
  auto kernel = MTPLX_SELECT_ISA(delta_replay);
  parallel_for(g.value_heads * parts, [&](int task) {
    int head = task / parts;
    int begin = task % parts * keys_a_task;
    int key_head = head / (g.value_heads / g.key_heads);
    size_t state = static_cast<size_t>(head) * g.key_dim * g.value_dim;
    kernel({.key_begin = begin,
            .key_end = std::min(begin + keys_a_task, g.key_dim),
            .value_dim = g.value_dim,
            .rows = owed.count,
            .from = from + state,
            .to = to + state,
            .k = k + static_cast<size_t>(key_head) * g.key_dim,
            .key_stride = keys,
            .u = delta + static_cast<size_t>(head) * g.value_dim,
            .u_stride = values,
            .decay = decay + head,
            .gate_stride = static_cast<size_t>(g.value_heads)});
  });
}

} // namespace

GatedDeltaState gated_delta_settled(const GatedDeltaState& state, const GatedDeltaSpec& spec) {
  if (!state.owed) {
    return state;
  }
  const GatedDeltaOwed& owed = *state.owed;
  return {cpu_task1("gated_delta_settle", {state.recurrent, owed.rows.memory},
                    {state.recurrent.shape(), mx::float32, Life::state},
                    [&](const auto& in, std::vector<mx::array>& out) {
                      replay(spec, owed, in[0].template data<float>(), out[0].data<float>());
                    }),
          state.conv};
}

GatedDeltaState gated_delta_commit(
    const GatedDeltaState& state, const GatedDeltaTape& tape, const GatedDeltaSpec& spec, int row_begin, int keep) {
  check_gated_delta(keep >= 0 && row_begin >= 0, "the tape has no such rows.");
  if (keep == 0) {
    return state;
  }
  auto segment = std::find_if(tape.segments.begin(), tape.segments.end(),
                              [&](const GatedDeltaTapeSegment& s) { return s.begin == row_begin && s.count >= keep; });
  check_gated_delta(segment != tape.segments.end(), "the tape has no such rows.");
  bool all = keep == segment->count;
  if (all && segment->recurrent) {
    return {*segment->recurrent, segment->conv};
  }
  check_gated_delta(tape.steps.has_value(), "the tape's steps were dropped: a segment is kept whole or not at all.");
  // Of more than most_owed_rows: the forward left what the state before owes.
  GatedDeltaState settled = gated_delta_settled(state, spec);
  mx::array conv = all ? segment->conv
                       : cpu_task1("gated_delta_commit", {state.conv}, {state.conv.shape(), mx::float32},
                                   [&](const auto& in, std::vector<mx::array>& out) {
                                     const float* rows =
                                         tape.steps->qkv + static_cast<size_t>(row_begin) * channels_of(spec);
                                     conv_after(spec, in[0].template data<float>(), rows, keep, 0, channels_of(spec),
                                                out[0].data<float>());
                                   });
  GatedDeltaState next{std::move(settled.recurrent), std::move(conv), GatedDeltaOwed{*tape.steps, row_begin, keep}};
  return keep > most_owed_rows ? gated_delta_settled(next, spec) : next;
}

} // namespace mtplx::kernels
