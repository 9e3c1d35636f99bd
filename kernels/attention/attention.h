#pragma once

#include <optional>
#include <vector>

#include "kernels/common/plan.h"
#include "kernels/common/task.h"
#include "kernels/kv_cache/kv_cache.h"

namespace mtplx::kernels {

struct AttentionSpec {
  int query_heads;
  int kv_heads;
  int head_dim;
  int rotary_dim; // first dims that rotate, half-split pairs
  double rope_theta;
  float eps;
  bool gated; // q projection carries [query | gate] for each head
};

// Rows of earlier positions that are not in blocks yet: f32 [.., kv_heads, D].
struct KvRows {
  mx::array k;
  mx::array v;
  int row_begin;
  int count;
};

// The new rows of one sequence and what they may look at.
struct AttentionSegment {
  int row_begin; // in q, k, v
  int row_count;
  int position;                    // of the first new row
  std::vector<mx::array> k_blocks; // positions 0 .. block_rows-1, see kv_cache.h
  std::vector<mx::array> v_blocks;
  int block_rows;
  std::vector<KvRows> extra; // positions block_rows .. position-1, in order
};

struct AttentionOutput {
  mx::array y; // f32 [M, query_heads * head_dim], output gate applied
  mx::array k; // f32 [M, kv_heads, head_dim], normed and rotated
  mx::array v; // f32 [M, kv_heads, head_dim]
};

// Causal attention of the new rows over their own sequence.
// q f32 [M, query_heads * head_dim * (gated ? 2 : 1)], k and v
// f32 [M, kv_heads * head_dim], norms f32 [head_dim] (effective weights).
// block_rows plus the extra rows equal `position`. The softmax is summed in blocks of
// 64 absolute positions, merged in order: a row's bits depend on its own history alone.
AttentionOutput attention(const mx::array& q,
                          const mx::array& k,
                          const mx::array& v,
                          const mx::array& q_norm,
                          const mx::array& k_norm,
                          const AttentionSpec& spec,
                          const std::vector<AttentionSegment>& segments);

// A segment as plain memory, shapes as above.
struct PlainAttentionSegment {
  int row_begin, row_count, position, block_rows;
  const float* const* k_blocks;
  const float* const* v_blocks;
  struct Rows {
    const float* k;
    const float* v;
    int count;
  };
  std::vector<Rows> extra;
};

// Memory for keys that are not in whole groups of their blocks. To be fitted before each run of a plan, whose attention
// layers share it: their segments differ in their blocks alone.
class AttentionOverlays {
 public:
  void fit(const AttentionSpec& spec, const std::vector<PlainAttentionSegment>& segments);

  float* data() const { return data_; }
  const size_t* at() const { return at_.data(); }

 private:
  std::vector<size_t> at_; // a segment's, in groups of one head
  std::optional<mx::array> memory_;
  float* data_ = nullptr;
};

struct AttentionRows {
  PlanRows q;      // read
  PlanRows k, v;   // read, and become the new rows: keys normed and rotated
  PlanRows angles; // of plan_angles
  PlanRows y;      // written
};

// Attention as calls of a plan: *segments is looked at when it runs. All that is referred to must outlive the plan. The
// rotation of the rows is the same for all layers: plan_angles comes once.
PlanRows plan_angles(Plan& plan, const AttentionSpec& spec, const std::vector<PlainAttentionSegment>* segments);
void plan_attention(Plan& plan,
                    const AttentionRows& rows,
                    const mx::array& q_norm,
                    const mx::array& k_norm,
                    const AttentionSpec& spec,
                    const std::vector<PlainAttentionSegment>* segments,
                    const AttentionOverlays* overlays);

// The new keys alone, of a layer whose y nobody wants: k is read, and becomes the new rows, as by plan_attention.
void plan_new_keys(Plan& plan, PlanRows k, PlanRows angles, const mx::array& k_norm, const AttentionSpec& spec);

} // namespace mtplx::kernels
