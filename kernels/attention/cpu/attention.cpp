#include "kernels/attention/attention.h"

#include <cstring>
#include <limits>

#include "kernels/attention/cpu/head.h"
#include "kernels/common/fixed_math64.h"
#include "kernels/common/thread_pool.h"

namespace mtplx::kernels {

namespace {

constexpr int tokens = kv_block_tokens;
constexpr int rows_a_task = 8;

// base^(-2i / rotary_dim) for i < rotary_dim / 2.
std::vector<double> frequencies(const AttentionSpec& spec) {
  std::vector<double> f(spec.rotary_dim / 2);
  double log_base = fixed64::log(spec.rope_theta);
  for (size_t i = 0; i < f.size(); ++i) {
    f[i] = fixed64::exp(-(2.0 * static_cast<double>(i) / spec.rotary_dim) * log_base);
  }
  return f;
}

// One segment with its arrays as indices into the task's inputs.
struct Segment {
  int row_begin, row_count, position, block_rows;
  std::vector<int> k_blocks, v_blocks;
  struct Extra {
    int k, v, row_begin, count;
  };
  std::vector<Extra> extra;
  size_t tail; // offset of its tail blocks in the scratch, in blocks of one head

  int first_tail() const { return block_rows / tokens; }
  int tail_blocks() const { return (position + row_count + tokens - 1) / tokens - first_tail(); }
};

enum Input { in_q, in_k, in_v, in_q_norm, in_k_norm, in_first_block };

void check(bool ok, const std::string& message) {
  if (!ok) {
    throw std::invalid_argument("[attention] " + message);
  }
}

Segment take_segment(const AttentionSegment& from,
                     const AttentionSpec& spec,
                     int rows,
                     std::vector<mx::array>& inputs) {
  Segment to{from.row_begin, from.row_count, from.position, from.block_rows, {}, {}, {}, 0};
  check(from.row_begin >= 0 && from.row_count > 0 && from.row_begin + from.row_count <= rows,
        "a segment's rows lie outside the input.");
  int blocks = (from.block_rows + tokens - 1) / tokens;
  check(static_cast<int>(from.k_blocks.size()) == blocks && from.v_blocks.size() == from.k_blocks.size(),
        "a segment needs one block for every 64 rows.");
  for (int b = 0; b < blocks; ++b) {
    check(from.k_blocks[b].shape() == mx::Shape({spec.kv_heads, spec.head_dim, tokens}) &&
              from.v_blocks[b].shape() == mx::Shape({spec.kv_heads, tokens, spec.head_dim}),
          "a block has the wrong shape.");
    to.k_blocks.push_back(static_cast<int>(inputs.size()));
    inputs.push_back(from.k_blocks[b]);
    to.v_blocks.push_back(static_cast<int>(inputs.size()));
    inputs.push_back(from.v_blocks[b]);
  }
  int known = from.block_rows;
  for (const auto& e : from.extra) {
    check(e.k.shape() == e.v.shape() && e.k.ndim() == 3 && e.k.shape(1) == spec.kv_heads &&
              e.k.shape(2) == spec.head_dim && e.row_begin >= 0 && e.row_begin + e.count <= e.k.shape(0),
          "extra rows have the wrong shape.");
    int k = static_cast<int>(inputs.size());
    inputs.push_back(e.k);
    inputs.push_back(e.v);
    to.extra.push_back({k, k + 1, e.row_begin, e.count});
    known += e.count;
  }
  check(known == from.position, "block rows and extra rows make " + std::to_string(known) +
                                    " positions, but the first new row is at " + std::to_string(from.position) + ".");
  return to;
}

struct Call {
  AttentionSpec spec;
  std::vector<double> frequency;
  std::vector<Segment> segments;
  int rows;
  size_t tail_blocks; // of all segments, for one head

  size_t head_block() const { return static_cast<size_t>(tokens) * spec.head_dim; }
  int query_width() const { return spec.head_dim * (spec.gated ? 2 : 1); }
};

// Positions that are not in full blocks, gathered into blocks of their own: keys and values of every head.
struct Tails {
  std::vector<float> keys, values;
};

struct Rotation {
  std::vector<float> cosine, sine; // [rows, half]
};

Rotation rotation(const Call& call) {
  size_t half = call.frequency.size();
  Rotation r{std::vector<float>(call.rows * half), std::vector<float>(call.rows * half)};
  for (const auto& seg : call.segments) {
    for (int i = 0; i < seg.row_count; ++i) {
      for (size_t f = 0; f < half; ++f) {
        double sine = 0;
        double cosine = 0;
        fixed64::sincos((seg.position + i) * call.frequency[f], &sine, &cosine);
        size_t at = static_cast<size_t>(seg.row_begin + i) * half + f;
        r.sine[at] = static_cast<float>(sine);
        r.cosine[at] = static_cast<float>(cosine);
      }
    }
  }
  return r;
}

void put(const Call& call, float* keys, float* values, int slot, const float* k, const float* v) {
  int D = call.spec.head_dim;
  for (int d = 0; d < D; ++d) {
    keys[static_cast<size_t>(d) * tokens + slot] = k[d];
  }
  std::memcpy(values + static_cast<size_t>(slot) * D, v, D * sizeof(float));
}

void fill_tail(const Call& call,
               const Segment& seg,
               int head,
               const std::vector<mx::array>& in,
               const float* new_k,
               const float* new_v,
               Tails& tails) {
  int D = call.spec.head_dim;
  int H = call.spec.kv_heads;
  size_t block = call.head_block();
  size_t base = (seg.tail * H + static_cast<size_t>(head) * seg.tail_blocks()) * block;
  float* keys = tails.keys.data() + base;
  float* values = tails.values.data() + base;
  if (seg.block_rows % tokens != 0) {
    std::memcpy(keys, in[seg.k_blocks.back()].data<float>() + head * block, block * sizeof(float));
    std::memcpy(values, in[seg.v_blocks.back()].data<float>() + head * block, block * sizeof(float));
  }
  int at = seg.block_rows % tokens;
  auto append = [&](const float* k, const float* v, int row) {
    size_t from = (static_cast<size_t>(row) * H + head) * D;
    put(call, keys + at / tokens * block, values + at / tokens * block, at % tokens, k + from, v + from);
    ++at;
  };
  for (const auto& e : seg.extra) {
    for (int i = 0; i < e.count; ++i) {
      append(in[e.k].data<float>(), in[e.v].data<float>(), e.row_begin + i);
    }
  }
  for (int i = 0; i < seg.row_count; ++i) {
    append(new_k, new_v, seg.row_begin + i);
  }
}

// Query rows [begin, end) of one head of a segment.
void attend_rows(const Call& call,
                 const Segment& seg,
                 int head,
                 int begin,
                 int end,
                 const std::vector<mx::array>& in,
                 const Rotation& rotation,
                 const Tails& tails,
                 float* y) {
  const AttentionSpec& spec = call.spec;
  int D = spec.head_dim;
  int half = static_cast<int>(call.frequency.size());
  int kv_head = head / (spec.query_heads / spec.kv_heads);
  size_t block = call.head_block();
  float scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(D)));
  thread_local std::vector<float> scratch;
  scratch.assign(static_cast<size_t>(2 * rows_a_task) * D, 0.0f);
  float* queries = scratch.data();
  SoftmaxState states[rows_a_task];
  const float* q = in[in_q].data<float>();
  auto source = [&](int i) {
    return q + (static_cast<size_t>(seg.row_begin + i) * spec.query_heads + head) * call.query_width();
  };
  for (int i = begin; i < end; ++i) {
    float* query = queries + static_cast<size_t>(i - begin) * D;
    size_t angle = static_cast<size_t>(seg.row_begin + i) * half;
    MTPLX_SELECT_ISA(norm_and_rotate)
    (source(i), in[in_q_norm].data<float>(), spec.eps, D, rotation.cosine.data() + angle, rotation.sine.data() + angle,
     half, query);
    for (int d = 0; d < D; ++d) {
      query[d] *= scale;
    }
    states[i - begin] = {-std::numeric_limits<float>::infinity(), 0.0f,
                         scratch.data() + static_cast<size_t>(rows_a_task + i - begin) * D};
  }
  auto attend = MTPLX_SELECT_ISA(attend_block);
  int last = seg.position + end - 1;
  for (int b = 0; b * tokens <= last; ++b) {
    const float* keys;
    const float* values;
    if (b < seg.first_tail()) {
      keys = in[seg.k_blocks[b]].data<float>() + kv_head * block;
      values = in[seg.v_blocks[b]].data<float>() + kv_head * block;
    } else {
      size_t at =
          (seg.tail * spec.kv_heads + static_cast<size_t>(kv_head) * seg.tail_blocks() + b - seg.first_tail()) * block;
      keys = tails.keys.data() + at;
      values = tails.values.data() + at;
    }
    for (int i = begin; i < end; ++i) {
      int count = std::min(tokens, seg.position + i + 1 - b * tokens);
      if (count > 0) {
        attend(queries + static_cast<size_t>(i - begin) * D, keys, values, D, count, states[i - begin]);
      }
    }
  }
  for (int i = begin; i < end; ++i) {
    size_t row = static_cast<size_t>(seg.row_begin + i);
    MTPLX_SELECT_ISA(finish_row)
    (states[i - begin], spec.gated ? source(i) + D : nullptr, D, y + (row * spec.query_heads + head) * D);
  }
}

void run(const Call& call, const std::vector<mx::array>& in, std::vector<mx::array>& out) {
  const AttentionSpec& spec = call.spec;
  int D = spec.head_dim;
  int H = spec.kv_heads;
  int half = static_cast<int>(call.frequency.size());
  Rotation angles = rotation(call);
  float* k = out[1].data<float>();
  float* v = out[2].data<float>();
  std::memcpy(v, in[in_v].data<float>(), out[2].nbytes());
  parallel_for(call.rows >= 16 ? threads() : 1, [&](int task) {
    int tasks = call.rows >= 16 ? threads() : 1;
    int end = static_cast<int>(static_cast<int64_t>(call.rows) * (task + 1) / tasks);
    for (int r = static_cast<int>(static_cast<int64_t>(call.rows) * task / tasks); r < end; ++r) {
      for (int h = 0; h < H; ++h) {
        size_t at = (static_cast<size_t>(r) * H + h) * D;
        size_t angle = static_cast<size_t>(r) * half;
        MTPLX_SELECT_ISA(norm_and_rotate)
        (in[in_k].data<float>() + at, in[in_k_norm].data<float>(), spec.eps, D, angles.cosine.data() + angle,
         angles.sine.data() + angle, half, k + at);
      }
    }
  });

  Tails tails;
  tails.keys.resize(call.tail_blocks * H * call.head_block());
  tails.values.resize(tails.keys.size());
  struct Task {
    int segment, head, begin, end;
  };
  std::vector<Task> work;
  for (size_t s = 0; s < call.segments.size(); ++s) {
    const Segment& seg = call.segments[s];
    for (int h = 0; h < H; ++h) {
      fill_tail(call, seg, h, in, k, v, tails);
    }
    for (int begin = 0; begin < seg.row_count; begin += rows_a_task) {
      for (int h = 0; h < spec.query_heads; ++h) {
        work.push_back({static_cast<int>(s), h, begin, std::min(begin + rows_a_task, seg.row_count)});
      }
    }
  }
  parallel_for(static_cast<int>(work.size()), [&](int i) {
    const Task& t = work[i];
    attend_rows(call, call.segments[t.segment], t.head, t.begin, t.end, in, angles, tails, out[0].data<float>());
  });
}

} // namespace

AttentionOutput attention(const mx::array& q,
                          const mx::array& k,
                          const mx::array& v,
                          const mx::array& q_norm,
                          const mx::array& k_norm,
                          const AttentionSpec& spec,
                          const std::vector<AttentionSegment>& segments,
                          mx::Stream s) {
  check(q.ndim() == 2 && k.ndim() == 2, "q, k and v do not fit the heads.");
  int rows = q.shape(0);
  check(spec.head_dim % 16 == 0, "head_dim must be a multiple of 16, got " + std::to_string(spec.head_dim) + ".");
  check(spec.query_heads % spec.kv_heads == 0, "query heads must be a multiple of the KV heads.");
  check(spec.rotary_dim % 2 == 0 && spec.rotary_dim <= spec.head_dim, "rotary_dim must be even and fit the head.");
  check(q.shape(1) == spec.query_heads * spec.head_dim * (spec.gated ? 2 : 1) && k.shape() == v.shape() &&
            k.shape(0) == rows && k.shape(1) == spec.kv_heads * spec.head_dim,
        "q, k and v do not fit the heads.");
  check(q_norm.shape() == mx::Shape({spec.head_dim}) && k_norm.shape() == q_norm.shape(),
        "the norms must be f32 [head_dim].");
  Call call{spec, frequencies(spec), {}, rows, 0};
  std::vector<mx::array> inputs = {q, k, v, q_norm, k_norm};
  for (const auto& segment : segments) {
    Segment taken = take_segment(segment, spec, rows, inputs);
    taken.tail = call.tail_blocks;
    call.tail_blocks += taken.tail_blocks();
    call.segments.push_back(std::move(taken));
  }
  mx::Shape kv = {rows, spec.kv_heads, spec.head_dim};
  auto out = cpu_task(
      "attention", inputs,
      {{{rows, spec.query_heads * spec.head_dim}, mx::float32}, {kv, mx::float32}, {kv, mx::float32}},
      [call = std::move(call)](const std::vector<mx::array>& in, std::vector<mx::array>& out) { run(call, in, out); },
      s);
  return {out[0], out[1], out[2]};
}

} // namespace mtplx::kernels
