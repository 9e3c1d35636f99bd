#include <algorithm>
#include <cstring>

#include "kernels/common/thread_pool.h"
#include "kernels/gated_delta/cpu/shape.h"
#include "kernels/gated_delta/cpu/steps.h"

namespace mtplx::kernels {

void conv_after(
    const GatedDeltaSpec& g, const mx::array& past, const mx::array& qkv, int row_begin, int keep, mx::array& out) {
  size_t channels = channels_of(g);
  int rows = g.conv_kernel - 1;
  for (int t = 0; t < rows; ++t) {
    int at = keep - rows + t;
    const float* from =
        at < 0 ? past.data<float>() + (keep + t) * channels : qkv.data<float>() + (row_begin + at) * channels;
    std::memcpy(out.data<float>() + t * channels, from, channels * sizeof(float));
  }
}

namespace {

// A key dim's state stands alone in a replay: 16 KB a task with 128 value dims.
constexpr int keys_a_task = 32;

enum Input { in_conv, in_qkv, in_recurrent, in_k, in_delta, in_decay };

void replay(const GatedDeltaSpec& g, int row_begin, int keep, const std::vector<mx::array>& in, mx::array& out) {
  size_t keys = static_cast<size_t>(g.key_heads) * g.key_dim;
  size_t values = static_cast<size_t>(g.value_heads) * g.value_dim;
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
            .rows = keep,
            .from = in[in_recurrent].data<float>() + state,
            .to = out.data<float>() + state,
            .k = in[in_k].data<float>() + row_begin * keys + static_cast<size_t>(key_head) * g.key_dim,
            .key_stride = keys,
            .u = in[in_delta].data<float>() + row_begin * values + static_cast<size_t>(head) * g.value_dim,
            .u_stride = values,
            .decay = in[in_decay].data<float>() + static_cast<size_t>(row_begin) * g.value_heads + head,
            .gate_stride = static_cast<size_t>(g.value_heads)});
  });
}

// The tape's state after all rows of a segment, if these are they.
const GatedDeltaState* final_state(const GatedDeltaTape& tape, int row_begin, int keep) {
  for (size_t i = 0; i < tape.segments.size(); ++i) {
    if (tape.segments[i].begin == row_begin && tape.segments[i].count == keep) {
      return &tape.final[i];
    }
  }
  return nullptr;
}

} // namespace

GatedDeltaState gated_delta_commit(
    const GatedDeltaState& state, const GatedDeltaTape& tape, const GatedDeltaSpec& spec, int row_begin, int keep) {
  check_gated_delta(keep >= 0 && row_begin >= 0, "the tape has no such rows.");
  if (keep == 0) {
    return state;
  }
  if (const GatedDeltaState* last = final_state(tape, row_begin, keep)) {
    return *last;
  }
  check_gated_delta(tape.steps.has_value(), "the tape's steps were dropped: a segment is kept whole or not at all.");
  const GatedDeltaSteps& steps = *tape.steps;
  check_gated_delta(row_begin + keep <= steps.qkv.shape(0), "the tape has no such rows.");
  auto out = cpu_task("gated_delta_commit", {state.conv, steps.qkv, state.recurrent, steps.k, steps.delta, steps.decay},
                      {{state.conv.shape(), mx::float32}, {state.recurrent.shape(), mx::float32, Life::state}},
                      [&](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
                        conv_after(spec, in[in_conv], in[in_qkv], row_begin, keep, out[0]);
                        replay(spec, row_begin, keep, in, out[1]);
                      });
  return {out[1], out[0]};
}

} // namespace mtplx::kernels
