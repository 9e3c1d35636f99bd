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

enum Input { in_recurrent, in_k, in_delta, in_decay };

void replay(const GatedDeltaSpec& g, const std::vector<mx::array>& in, mx::array& out) {
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
            .rows = in[in_k].shape(0),
            .from = in[in_recurrent].data<float>() + state,
            .to = out.data<float>() + state,
            .k = in[in_k].data<float>() + static_cast<size_t>(key_head) * g.key_dim,
            .key_stride = keys,
            .u = in[in_delta].data<float>() + static_cast<size_t>(head) * g.value_dim,
            .u_stride = values,
            .decay = in[in_decay].data<float>() + head,
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

// `old` rows of a, then `count` of b from `begin` on.
void join(const mx::array* a, int old, const mx::array& b, int begin, int count, mx::array& out) {
  size_t width = out.size() / static_cast<size_t>(old + count);
  if (a) {
    std::memcpy(out.data<float>(), a->data<float>(), old * width * sizeof(float));
  }
  std::memcpy(out.data<float>() + old * width, b.data<float>() + begin * width, count * width * sizeof(float));
}

} // namespace

GatedDeltaState gated_delta_settled(const GatedDeltaState& state, const GatedDeltaSpec& spec) {
  if (!state.owed) {
    return state;
  }
  const auto& [k, delta, decay] = *state.owed;
  return {cpu_task1("gated_delta_settle", {state.recurrent, k, delta, decay},
                    {state.recurrent.shape(), mx::float32, Life::state},
                    [&](const std::vector<mx::array>& in, std::vector<mx::array>& out) { replay(spec, in, out[0]); }),
          state.conv};
}

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
  const auto& [qkv, updates] = *tape.steps;
  check_gated_delta(row_begin + keep <= qkv.shape(0), "the tape has no such rows.");
  int old = state.owed ? state.owed->k.shape(0) : 0;
  int rows = old + keep;
  std::vector<mx::array> inputs = {state.conv, qkv, updates.k, updates.delta, updates.decay};
  if (state.owed) {
    inputs.insert(inputs.end(), {state.owed->k, state.owed->delta, state.owed->decay});
  }
  auto out = cpu_task("gated_delta_commit", inputs,
                      {{state.conv.shape(), mx::float32},
                       {{rows, spec.key_heads, spec.key_dim}, mx::float32},
                       {{rows, spec.value_heads, spec.value_dim}, mx::float32},
                       {{rows, spec.value_heads}, mx::float32}},
                      [&](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
                        conv_after(spec, in[0], in[1], row_begin, keep, out[0]);
                        for (size_t i = 1; i < out.size(); ++i) {
                          join(old ? &in[i + 4] : nullptr, old, in[i + 1], row_begin, keep, out[i]);
                        }
                      });
  GatedDeltaState next{state.recurrent, out[0], GatedDeltaUpdates{out[1], out[2], out[3]}};
  return rows > most_owed_rows ? gated_delta_settled(next, spec) : next;
}

} // namespace mtplx::kernels
