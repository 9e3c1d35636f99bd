#include "kernels/gated_delta/gated_delta.h"

#include <cmath>
#include <cstring>

#include "kernels/common/fixed_math64.h"
#include "kernels/common/thread_pool.h"
#include "kernels/gated_delta/cpu/steps.h"

namespace mtplx::kernels {

namespace {

void check(bool ok, const std::string& message) {
  if (!ok) {
    throw std::invalid_argument("[gated_delta] " + message);
  }
}

int channels_of(const GatedDeltaSpec& g) {
  return 2 * g.key_heads * g.key_dim + g.value_heads * g.value_dim;
}

int chunks_of(const GatedDeltaSpec& g) {
  return (g.value_dim + delta_chunk - 1) / delta_chunk;
}

enum Input { in_qkv, in_z, in_b, in_a, in_conv, in_a_log, in_dt_bias, in_norm, in_first_state };
enum Output { out_y, out_k, out_delta, out_decay };

struct Segment {
  int row_begin, row_count, state; // state: input index of the recurrent state, its conv rows follow
};

struct Call {
  GatedDeltaSpec spec;
  std::vector<Segment> segments;
  int rows;
};

// Conv outputs of all rows, q normalised and scaled, k (into the tape) normalised, and the gates.
struct Rows {
  std::vector<float> conv; // [M, C]
  std::vector<float> q;    // [M, Hk, Dk]
  std::vector<float> beta; // [M, Hv]
};

void prepare_row(
    const Call& call, const Segment& seg, int i, const std::vector<mx::array>& in, Rows& rows, float* k, float* decay) {
  const GatedDeltaSpec& g = call.spec;
  int C = channels_of(g);
  int m = seg.row_begin + i;
  const float* qkv = in[in_qkv].data<float>();
  const float* past = in[seg.state + 1].data<float>();
  std::vector<const float*> taps(g.conv_kernel);
  for (int t = 0; t < g.conv_kernel; ++t) {
    int at = i - (g.conv_kernel - 1) + t;
    taps[t] = at < 0 ? past + static_cast<size_t>(g.conv_kernel - 1 + at) * C
                     : qkv + static_cast<size_t>(seg.row_begin + at) * C;
  }
  float* c = rows.conv.data() + static_cast<size_t>(m) * C;
  MTPLX_SELECT_ISA(conv_silu)(taps.data(), in[in_conv].data<float>(), g.conv_kernel, 0, C, C, c);
  int keys = g.key_heads * g.key_dim;
  float q_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(g.key_dim)));
  auto normalise = MTPLX_SELECT_ISA(l2_normalise);
  for (int h = 0; h < g.key_heads; ++h) {
    size_t at = static_cast<size_t>(m) * keys + static_cast<size_t>(h) * g.key_dim;
    normalise(c + h * g.key_dim, g.key_dim, q_scale, rows.q.data() + at);
    normalise(c + keys + h * g.key_dim, g.key_dim, 1.0f, k + at);
  }
  for (int h = 0; h < g.value_heads; ++h) {
    size_t at = static_cast<size_t>(m) * g.value_heads + h;
    double b = in[in_b].data<float>()[at];
    double a = static_cast<double>(in[in_a].data<float>()[at]) + in[in_dt_bias].data<float>()[h];
    rows.beta[at] = static_cast<float>(1.0 / (1.0 + fixed64::exp(-b)));
    decay[at] = static_cast<float>(fixed64::exp(-fixed64::exp(in[in_a_log].data<float>()[h]) * fixed64::softplus(a)));
  }
}

// Walks one chunk of a head's value dims through the segment's rows.
void recur(const Call& call,
           const Segment& seg,
           int head,
           int chunk,
           const std::vector<mx::array>& in,
           const Rows& rows,
           std::vector<mx::array>& out) {
  const GatedDeltaSpec& g = call.spec;
  int begin = chunk * delta_chunk;
  int width = std::min(delta_chunk, g.value_dim - begin);
  const float* from = in[seg.state].data<float>() + static_cast<size_t>(head) * g.key_dim * g.value_dim + begin;
  thread_local std::vector<float> scratch;
  scratch.resize(static_cast<size_t>(g.key_dim) * delta_chunk);
  float* state = scratch.data();
  for (int d = 0; d < g.key_dim; ++d) {
    std::memcpy(state + static_cast<size_t>(d) * delta_chunk, from + static_cast<size_t>(d) * g.value_dim,
                width * sizeof(float));
  }
  int C = channels_of(g);
  int keys = g.key_heads * g.key_dim;
  int key_head = head / (g.value_heads / g.key_heads);
  auto step = MTPLX_SELECT_ISA(delta_step);
  for (int i = 0; i < seg.row_count; ++i) {
    size_t m = seg.row_begin + i;
    size_t key = m * keys + static_cast<size_t>(key_head) * g.key_dim;
    size_t value = (m * g.value_heads + head) * g.value_dim + begin;
    size_t gate = m * g.value_heads + head;
    step(state, delta_chunk, g.key_dim, width, rows.q.data() + key, out[out_k].data<float>() + key,
         rows.conv.data() + m * C + 2 * keys + static_cast<size_t>(head) * g.value_dim + begin,
         out[out_decay].data<float>()[gate], rows.beta[gate], out[out_delta].data<float>() + value,
         out[out_y].data<float>() + value);
  }
}

void run(const Call& call, const std::vector<mx::array>& in, std::vector<mx::array>& out) {
  const GatedDeltaSpec& g = call.spec;
  int keys = g.key_heads * g.key_dim;
  Rows rows;
  rows.conv.resize(static_cast<size_t>(call.rows) * channels_of(g));
  rows.q.resize(static_cast<size_t>(call.rows) * keys);
  rows.beta.resize(static_cast<size_t>(call.rows) * g.value_heads);
  std::vector<std::pair<int, int>> row_list; // segment, row
  for (size_t s = 0; s < call.segments.size(); ++s) {
    for (int i = 0; i < call.segments[s].row_count; ++i) {
      row_list.emplace_back(static_cast<int>(s), i);
    }
  }
  parallel_for(static_cast<int>(row_list.size()), [&](int r) {
    auto [s, i] = row_list[r];
    prepare_row(call, call.segments[s], i, in, rows, out[out_k].data<float>(), out[out_decay].data<float>());
  });
  int chunks = chunks_of(g);
  int heads = static_cast<int>(call.segments.size()) * g.value_heads;
  parallel_for(heads * chunks, [&](int t) {
    const Segment& seg = call.segments[t / (g.value_heads * chunks)];
    recur(call, seg, t / chunks % g.value_heads, t % chunks, in, rows, out);
  });
  auto norm = MTPLX_SELECT_ISA(gated_norm);
  parallel_for(static_cast<int>(row_list.size()), [&](int r) {
    auto [s, i] = row_list[r];
    size_t m = call.segments[s].row_begin + i;
    for (int h = 0; h < g.value_heads; ++h) {
      size_t at = (m * g.value_heads + h) * g.value_dim;
      norm(out[out_y].data<float>() + at, in[in_norm].data<float>(), in[in_z].data<float>() + at, g.eps, g.value_dim);
    }
  });
}

} // namespace

GatedDeltaState gated_delta_zero_state(const GatedDeltaSpec& spec) {
  GatedDeltaState state{mx::zeros({spec.value_heads, spec.key_dim, spec.value_dim}, mx::float32),
                        mx::zeros({spec.conv_kernel - 1, channels_of(spec)}, mx::float32)};
  mx::eval(state.recurrent, state.conv);
  return state;
}

GatedDeltaOutput gated_delta(const mx::array& qkv,
                             const mx::array& z,
                             const mx::array& b,
                             const mx::array& a,
                             const GatedDeltaWeights& weights,
                             const GatedDeltaSpec& spec,
                             const std::vector<GatedDeltaSegment>& segments,
                             mx::Stream s) {
  check(qkv.ndim() == 2, "the inputs do not fit the heads.");
  int rows = qkv.shape(0);
  check(spec.key_dim % 16 == 0 && spec.value_dim % 16 == 0 && spec.value_heads % spec.key_heads == 0,
        "head dims must be multiples of 16 and value heads a multiple of the key heads.");
  check(qkv.shape(1) == channels_of(spec) && z.shape() == mx::Shape({rows, spec.value_heads * spec.value_dim}) &&
            b.shape() == mx::Shape({rows, spec.value_heads}) && a.shape() == b.shape() &&
            weights.conv.shape() == mx::Shape({spec.conv_kernel, channels_of(spec)}) &&
            weights.a_log.shape() == mx::Shape({spec.value_heads}) &&
            weights.dt_bias.shape() == weights.a_log.shape() && weights.norm.shape() == mx::Shape({spec.value_dim}),
        "the inputs do not fit the heads.");
  Call call{spec, {}, rows};
  std::vector<mx::array> inputs = {qkv, z, b, a, weights.conv, weights.a_log, weights.dt_bias, weights.norm};
  for (const auto& segment : segments) {
    check(segment.row_begin >= 0 && segment.row_count > 0 && segment.row_begin + segment.row_count <= rows,
          "a segment's rows lie outside the input.");
    check(segment.state.recurrent.shape() == mx::Shape({spec.value_heads, spec.key_dim, spec.value_dim}) &&
              segment.state.conv.shape() == mx::Shape({spec.conv_kernel - 1, channels_of(spec)}),
          "a segment's state does not fit the heads.");
    call.segments.push_back({segment.row_begin, segment.row_count, static_cast<int>(inputs.size())});
    inputs.push_back(segment.state.recurrent);
    inputs.push_back(segment.state.conv);
  }
  mx::Shape y = {rows, spec.value_heads * spec.value_dim};
  mx::Shape k = {rows, spec.key_heads, spec.key_dim};
  mx::Shape delta = {rows, spec.value_heads, spec.value_dim};
  mx::Shape decay = {rows, spec.value_heads};
  auto out = cpu_task(
      "gated_delta", inputs, {{y, mx::float32}, {k, mx::float32}, {delta, mx::float32}, {decay, mx::float32}},
      [call = std::move(call)](const std::vector<mx::array>& in, std::vector<mx::array>& out) { run(call, in, out); },
      s);
  return {out[0], {qkv, out[1], out[2], out[3]}};
}

GatedDeltaState gated_delta_commit(const GatedDeltaState& state,
                                   const GatedDeltaTape& tape,
                                   const GatedDeltaSpec& spec,
                                   int row_begin,
                                   int keep,
                                   mx::Stream s) {
  check(keep >= 0 && row_begin >= 0 && row_begin + keep <= tape.qkv.shape(0), "the tape has no such rows.");
  if (keep == 0) {
    return state;
  }
  auto out = cpu_task(
      "gated_delta_commit", {state.recurrent, state.conv, tape.qkv, tape.k, tape.delta, tape.decay},
      {{state.recurrent.shape(), mx::float32}, {state.conv.shape(), mx::float32}},
      [g = spec, row_begin, keep](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
        float* to = out[0].data<float>();
        size_t head_size = static_cast<size_t>(g.key_dim) * g.value_dim;
        int keys = g.key_heads * g.key_dim;
        auto replay = MTPLX_SELECT_ISA(delta_replay);
        parallel_for(g.value_heads, [&](int h) {
          float* head = to + h * head_size;
          std::memcpy(head, in[0].data<float>() + h * head_size, head_size * sizeof(float));
          int key_head = h / (g.value_heads / g.key_heads);
          for (int c = 0; c < g.value_dim; c += delta_chunk) {
            for (int i = 0; i < keep; ++i) {
              size_t m = row_begin + i;
              replay(head + c, g.value_dim, g.key_dim, std::min(delta_chunk, g.value_dim - c),
                     in[3].data<float>() + m * keys + static_cast<size_t>(key_head) * g.key_dim,
                     in[4].data<float>() + (m * g.value_heads + h) * g.value_dim + c,
                     in[5].data<float>()[m * g.value_heads + h]);
            }
          }
        });
        int C = channels_of(g);
        int past = g.conv_kernel - 1;
        for (int t = 0; t < past; ++t) {
          int at = keep - past + t;
          const float* from = at < 0 ? in[1].data<float>() + static_cast<size_t>(past + at) * C
                                     : in[2].data<float>() + static_cast<size_t>(row_begin + at) * C;
          std::memcpy(out[1].data<float>() + static_cast<size_t>(t) * C, from, C * sizeof(float));
        }
      },
      s);
  return {out[0], out[1]};
}

} // namespace mtplx::kernels
