#pragma once

#include <optional>

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

// What the recurrence needs of some rows in a row: S = decay S + k delta.
struct GatedDeltaUpdates {
  mx::array k;     // f32 [M, Hk, Dk], after conv, silu and l2 norm
  mx::array delta; // f32 [M, Hv, Dv], beta * (v - S k)
  mx::array decay; // f32 [M, Hv], g
};

// State of one sequence in one layer. Replaced, never changed in place.
struct GatedDeltaState {
  mx::array recurrent; // f32 [Hv, Dk, Dv]: a vector of value dims for each key dim
  mx::array conv;      // f32 [taps-1, C], raw rows before conv and silu, oldest first
  // The last rows, at most most_owed_rows, are not in `recurrent` yet: the next forward pass applies them on its way,
  // which spares a partial commit reading and writing the whole state.
  std::optional<GatedDeltaUpdates> owed = std::nullopt;
};

inline constexpr int most_owed_rows = 8;

GatedDeltaState gated_delta_zero_state(const GatedDeltaSpec& spec);

// The same state, nothing owed.
GatedDeltaState gated_delta_settled(const GatedDeltaState& state, const GatedDeltaSpec& spec);

struct GatedDeltaSegment {
  int row_begin;
  int row_count;
  GatedDeltaState state;
};

struct GatedDeltaRows {
  int begin;
  int count;
};

// What a commit of some rows needs of each.
struct GatedDeltaSteps {
  mx::array qkv; // f32 [M, C], the conv input rows
  GatedDeltaUpdates updates;
};

// What a commit needs of the rows that were computed.
struct GatedDeltaTape {
  // For each segment its rows and the state after the last of them.
  std::vector<GatedDeltaRows> segments;
  std::vector<GatedDeltaState> final;
  // Who will keep a segment whole or not at all may drop them: 1 MB for 128 rows of the embedded model.
  std::optional<GatedDeltaSteps> steps;
};

struct GatedDeltaOutput {
  mx::array y; // f32 [M, Hv * Dv], after the gated norm
  GatedDeltaTape tape;
};

// Conv, silu, gates, q/k normalisation, recurrence and gated norm of M rows,
// one step after the other (never the chunked form). Writes no state.
// qkv f32 [M, C] rows q | k | v, z f32 [M, Hv*Dv], b and a f32 [M, Hv].
GatedDeltaOutput gated_delta(const mx::array& qkv,
                             const mx::array& z,
                             const mx::array& b,
                             const mx::array& a,
                             const GatedDeltaWeights& weights,
                             const GatedDeltaSpec& spec,
                             const std::vector<GatedDeltaSegment>& segments);

// The state after the first `keep` of the tape's rows from row_begin on: the same
// bits that the forward pass held after that row. keep = 0 gives the state back; all rows of a segment take the
// tape's final state without any work; others are owed.
GatedDeltaState gated_delta_commit(
    const GatedDeltaState& state, const GatedDeltaTape& tape, const GatedDeltaSpec& spec, int row_begin, int keep);

} // namespace mtplx::kernels
