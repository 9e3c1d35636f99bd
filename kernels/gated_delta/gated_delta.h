#pragma once

#include <optional>
#include <vector>

#include "kernels/common/plan.h"
#include "kernels/common/task.h"

namespace mtplx::kernels {

struct GatedDeltaSpec {
  int key_heads;
  int value_heads; // a multiple of key_heads
  int key_dim;     // a multiple of 16
  int value_dim;   // a multiple of 16
  int conv_kernel; // taps
  float eps;       // of the gated norm; the l2 norm of q and k uses 1e-6 on the sum
};

struct GatedDeltaWeights {
  mx::array conv;    // f32 [taps, C], oldest tap first; C = 2*Hk*Dk + Hv*Dv
  mx::array a_log;   // f32 [Hv]
  mx::array dt_bias; // f32 [Hv]
  mx::array norm;    // f32 [Dv], plain weight
};

// What a commit and the recurrence after it need of M rows: S = decay S + k delta.
struct GatedDeltaSteps {
  mx::array memory;   // where all of it lies, and perhaps other layers'
  const float* qkv;   // [M, C], the conv input
  const float* k;     // [M, Hk, Dk], after conv, silu and l2 norm
  const float* delta; // [M, Hv, Dv], beta * (v - g S k)
  const float* decay; // [M, Hv], g
};

// Floats that the steps of M rows take, and the steps in `memory` from float `at` on, both multiples of a line.
size_t gated_delta_step_floats(const GatedDeltaSpec& spec, int rows);
GatedDeltaSteps gated_delta_steps_in(const GatedDeltaSpec& spec, int rows, const mx::array& memory, size_t at);

// Rows [begin, begin + count) of `rows`.
struct GatedDeltaOwed {
  GatedDeltaSteps rows;
  int begin;
  int count;
};

// State of one sequence in one layer.
struct GatedDeltaState {
  mx::array recurrent; // f32 [Hv, Dk, Dv]: a vector of value dims for each key dim
  mx::array conv;      // f32 [taps-1, C], raw rows before conv and silu, oldest first
  // The last rows are not in `recurrent` yet: the next forward pass applies them on its way through the state, so that
  // neither it nor a commit writes what may be taken back.
  std::optional<GatedDeltaOwed> owed = std::nullopt;
};

// A segment of more rows makes the state after its last one; of fewer, those kept are owed.
inline constexpr int most_owed_rows = 16;

GatedDeltaState gated_delta_zero_state(const GatedDeltaSpec& spec);

// The same state, nothing owed.
GatedDeltaState gated_delta_settled(const GatedDeltaState& state, const GatedDeltaSpec& spec);

struct GatedDeltaSegment {
  int row_begin;
  int row_count;
  GatedDeltaState state;
  // All rows will be kept: the state after the last of more than most_owed_rows may take the place of a state that was
  // handed over, which is then gone whatever happens.
  bool kept = false;
};

// What a commit needs of a segment's rows.
struct GatedDeltaTapeSegment {
  int begin, count;
  mx::array conv;                     // after the last row
  std::optional<mx::array> recurrent; // after the last row, of more than most_owed_rows
};

struct GatedDeltaTape {
  std::vector<GatedDeltaTapeSegment> segments;
  // Who will keep segments of more than most_owed_rows whole or not at all may drop them: 1 MB for 128 rows of the
  // embedded model.
  std::optional<GatedDeltaSteps> steps;
};

struct GatedDeltaOutput {
  mx::array y; // f32 [M, Hv * Dv], after the gated norm
  // The segments' states as they were, but what was owed of segments of at most most_owed_rows is applied. Of kept
  // segments good for a commit of all rows alone.
  std::vector<GatedDeltaState> before;
  GatedDeltaTape tape;
};

// Conv, silu, gates, q/k normalisation, recurrence and gated norm of M rows,
// one step after the other (never the chunked form). Writes a state that was handed over (moved, nobody else holds it)
// where it owed rows or its segment is kept; else a copy.
// qkv f32 [M, C] rows q | k | v, z f32 [M, Hv*Dv], b and a f32 [M, Hv].
GatedDeltaOutput gated_delta(const mx::array& qkv,
                             const mx::array& z,
                             const mx::array& b,
                             const mx::array& a,
                             const GatedDeltaWeights& weights,
                             const GatedDeltaSpec& spec,
                             std::vector<GatedDeltaSegment> segments);

// A segment as plain memory, shapes as above.
struct PlainGatedDeltaSegment {
  int row_begin, row_count;
  const float* conv;
  float* conv_after;
  const float* recurrent;
  float* settled = nullptr; // gets `recurrent` with what is owed; may be `recurrent`. Null: nobody wants it
  float* last =
      nullptr; // gets the state after the last row; may be `recurrent`. Null: at most most_owed_rows, to be owed
  int owed_rows = 0;
  const float* owed_k = nullptr; // from the first owed row on
  const float* owed_delta = nullptr;
  const float* owed_decay = nullptr;
};

// The arrays that one forward reads and makes for its segments, beside the rows: for a plan, whose calls see plain
// memory. The states are handed over, as to gated_delta().
class GatedDeltaPass {
 public:
  GatedDeltaPass(const GatedDeltaSpec& spec, std::vector<GatedDeltaSegment> segments);

  // What the call reads; it points into this pass.
  void plain(std::vector<PlainGatedDeltaSegment>& segments) const;

  // When the call has run: the segments' states as GatedDeltaOutput::before, and the tape.
  std::vector<GatedDeltaState> before();
  GatedDeltaTape tape(std::optional<GatedDeltaSteps> steps) const;

 private:
  // What the forward makes for a segment.
  struct Made {
    mx::array conv;
    // The last, which may be the state before, or a settled copy; what is owed is applied in place without one.
    std::optional<mx::array> recurrent;
  };
  const GatedDeltaSpec& spec_;
  std::vector<GatedDeltaSegment> segments_;
  std::vector<Made> made_;
};

// The rows of a call, f32; k, delta and decay as in GatedDeltaSteps.
struct GatedDeltaRows {
  PlanRows qkv, z, b, a; // read
  PlanRows y, decay;     // written
  // Written too where a tape will be kept.
  std::optional<PlanRows> k = std::nullopt;
  std::optional<PlanRows> delta = std::nullopt;
};

// The forward as a call of a plan: *segments is looked at when it runs. All that is referred to must outlive the plan.
void plan_gated_delta(Plan& plan,
                      const GatedDeltaRows& rows,
                      const GatedDeltaWeights& weights,
                      const GatedDeltaSpec& spec,
                      const std::vector<PlainGatedDeltaSegment>* segments);

// The state after the first `keep` of the tape's rows from row_begin on: the same
// bits that the forward pass held after that row. `state` is the segment's `before`. keep = 0 gives it back.
GatedDeltaState gated_delta_commit(
    const GatedDeltaState& state, const GatedDeltaTape& tape, const GatedDeltaSpec& spec, int row_begin, int keep);

} // namespace mtplx::kernels
