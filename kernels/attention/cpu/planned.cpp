#include <algorithm>

#include "kernels/attention/cpu/head.h"
#include "kernels/attention/cpu/pass.h"

namespace mtplx::kernels {

namespace {

using Segments = std::vector<PlainAttentionSegment>;

// A row is a task.
struct AnglesCall {
  const AttentionSpec* spec;
  const Segments* segments;
  PlanRows angles;

  int tasks(const PlanMemory& memory) const { return memory.rows(); }
  void run(const PlanMemory& memory, int row) const {
    for (const auto& s : *segments) {
      if (row >= s.row_begin && row < s.row_begin + s.row_count) {
        float* to = memory[angles] + static_cast<size_t>(row) * angles.width;
        write_angles(*spec, s.position + row - s.row_begin, to);
      }
    }
  }
};

// Of the call that a thread is in.
struct Split {
  std::vector<AttentionTask> tasks;
  bool whole;
};
thread_local Split split_here;

struct LayerCall {
  const AttentionSpec* spec;
  const Segments* segments;
  const AttentionOverlays* overlays;
  const float* q_norm;
  const float* k_norm;
  AttentionRows rows;

  void split() const { split_here.whole = split_attention(*spec, *segments, split_here.tasks); }

  AttentionCall call(const PlanMemory& memory) const {
    return {.spec = *spec,
            .segments = *segments,
            .q = memory[rows.q],
            .k = memory[rows.k],
            .v = memory[rows.v],
            .q_norm = q_norm,
            .k_norm = k_norm,
            .y = memory[rows.y],
            .new_k = memory[rows.k],
            .new_v = memory[rows.v],
            .angles = memory[rows.angles],
            .overlay = overlays->data(),
            .overlay_at = overlays->at()};
  }
};

// The keys of heads that several tasks read, in a round before them.
struct KeysCall : LayerCall {
  int tasks(const PlanMemory&) const {
    split();
    return split_here.whole ? 0 : static_cast<int>(segments->size()) * spec->kv_heads;
  }
  void run(const PlanMemory& memory, int task) const {
    prepare_keys(call(memory), task / spec->kv_heads, task % spec->kv_heads);
  }
};

struct AttendCall : LayerCall {
  int tasks(const PlanMemory&) const {
    split();
    return static_cast<int>(split_here.tasks.size());
  }
  void prepare(const PlanMemory&) const { split(); }
  void run(const PlanMemory& memory, int task) const {
    const AttentionTask& t = split_here.tasks[task];
    AttentionCall c = call(memory);
    if (split_here.whole) {
      prepare_keys(c, t.segment, t.kv_head);
    }
    attend(c, t);
  }
};

// Some rows are a task.
struct NewKeysCall {
  static constexpr int rows_a_task = 8;

  const AttentionSpec* spec;
  const float* k_norm;
  PlanRows k, angles;

  int tasks(const PlanMemory& memory) const { return (memory.rows() + rows_a_task - 1) / rows_a_task; }
  void run(const PlanMemory& memory, int task) const {
    int end = std::min((task + 1) * rows_a_task, memory.rows());
    for (int row = task * rows_a_task; row < end; ++row) {
      const float* row_angles = memory[angles] + static_cast<size_t>(row) * angles.width;
      float* key = memory[k] + static_cast<size_t>(row) * k.width;
      for (int head = 0; head < spec->kv_heads; ++head, key += spec->head_dim) {
        norm_key(*spec, key, k_norm, row_angles, key);
      }
    }
  }
};

} // namespace

void AttentionOverlays::fit(const AttentionSpec& spec, const Segments& segments) {
  size_t groups = place_overlays(segments, at_);
  mx::Shape shape = {static_cast<int>(groups) * spec.kv_heads, group_keys, spec.head_dim};
  if (!memory_ || memory_->shape() != shape) {
    memory_ = fresh(shape, mx::float32);
    data_ = memory_->data<float>();
  }
}

PlanRows plan_angles(Plan& plan, const AttentionSpec& spec, const Segments* segments) {
  PlanRows angles = plan.own(spec.rotary_dim);
  plan.record({"attention", {}, {angles}, AnglesCall{&spec, segments, angles}});
  return angles;
}

void plan_attention(Plan& plan,
                    const AttentionRows& rows,
                    const mx::array& q_norm,
                    const mx::array& k_norm,
                    const AttentionSpec& spec,
                    const Segments* segments,
                    const AttentionOverlays* overlays) {
  check_attention(spec);
  int width = spec.query_heads * spec.head_dim;
  int kv = spec.kv_heads * spec.head_dim;
  check_attention(rows.q.width == width * (spec.gated ? 2 : 1) && rows.y.width == width && rows.k.width == kv &&
                      rows.v.width == kv && rows.angles.width == spec.rotary_dim,
                  "q, k and v do not fit the heads.");
  LayerCall layer{&spec, segments, overlays, q_norm.data<float>(), k_norm.data<float>(), rows};
  plan.record({"attention", {rows.k, rows.v, rows.angles}, {rows.k, rows.v}, KeysCall{layer}});
  plan.record({"attention", {rows.q, rows.k, rows.v, rows.angles}, {rows.y, rows.k, rows.v}, AttendCall{layer}});
}

void plan_new_keys(Plan& plan, PlanRows k, PlanRows angles, const mx::array& k_norm, const AttentionSpec& spec) {
  check_attention(spec);
  check_attention(k.width == spec.kv_heads * spec.head_dim && angles.width == spec.rotary_dim,
                  "k does not fit the heads.");
  plan.record({"new_keys", {k, angles}, {k}, NewKeysCall{&spec, k_norm.data<float>(), k, angles}});
}

} // namespace mtplx::kernels
