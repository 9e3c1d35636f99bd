#pragma once

#include <deque>
#include <memory>

#include "kernels/rows/rows.h"
#include "native/src/model.h"

namespace mtplx::native {

// Keys and values of one attention layer in blocks of kernels::kv_block_tokens positions. Blocks may
// be shared with forks: kv_append copies a shared one before it writes.
struct KvCache {
  std::vector<mx::array> k_blocks;
  std::vector<mx::array> v_blocks;
  std::vector<const float*> k_data; // where the blocks lie
  std::vector<const float*> v_data;
  int rows = 0;

  // Appends rows [begin, begin + count) of k and v, f32 [M, kv_heads, head_dim].
  void append(const mx::array& k, const mx::array& v, int begin, int count);
};

// Rows of a batch-wide array that belong to one sequence.
using RowRange = kernels::RowsPart;

// A prompt's chunk longer than this is kept whole or not at all, so that no layer holds what a part would need.
inline constexpr int most_rows_in_parts = kernels::most_owed_rows;

// What the trunk gives for the rows of a batch.
struct TrunkRows {
  mx::array hidden;         // f32 [R, H], after the final norm
  std::vector<mx::array> k; // one an attention layer, f32 [R, kv_heads, head_dim]
  std::vector<mx::array> v;
  std::vector<kernels::GatedDeltaTape> tapes;     // one a GDN layer
  bool whole = false;                             // the tapes hold no steps
  std::optional<mx::array> logits = std::nullopt; // f32 [R, V], where those of all rows are wanted
};

// K and V of MTP rows, f32 [R, kv_heads, head_dim].
struct MtpKv {
  mx::array k;
  mx::array v;
};

// What the last cycle computed for this sequence and nobody has committed yet.
struct PendingRows {
  std::vector<int32_t> tokens;            // one a row; drafts are filled in when they are drawn
  int begin;                              // first row in the batch's
  std::shared_ptr<const TrunkRows> trunk; // shared by the batch; null until the cycle has come so far
  std::optional<RowRange> logits;         // f32 [.., V], the rows that were asked for
  // K and V of MTP row length - 1, built from the first fed token: true once that token is kept.
  std::optional<RowRange> mtp_k;
  std::optional<RowRange> mtp_v;
  // The rows after it, one a draft, each true once its draft is kept: made while nobody waits for the engine.
  std::optional<MtpKv> ahead;

  int rows() const { return static_cast<int>(tokens.size()); }
};

// One growing text in the model. At length n it has consumed n tokens: n trunk rows; MTP rows
// 0 .. mtp.rows - 1 (row p needs token p + 1), and the post-norm hidden rows mtp.rows .. n - 1,
// from which the missing MTP rows are made when they are needed.
struct Sequence {
  std::shared_ptr<const Model> model;
  bool use_mtp;
  std::vector<int32_t> tokens;
  std::vector<KvCache> kv;                           // one an attention layer
  std::vector<kernels::GatedDeltaState> gated_delta; // one a GDN layer
  KvCache mtp;
  std::deque<RowRange> hidden; // rows mtp.rows .. length - 1; without MTP the last row alone
  std::optional<PendingRows> pending;
  bool lost = false; // a cycle failed half-way: the state is unknown

  int length() const { return static_cast<int>(tokens.size()); }
  // Makes the first `keep` (0 .. pending rows, checked by the caller) pending rows history and drops the others.
  void commit(int keep);
  // The first `count` of the hidden rows, or all where they are fewer.
  std::vector<RowRange> hidden_rows(int count) const;
  void drop_hidden(int count);
};

Sequence new_sequence(std::shared_ptr<const Model> model, bool use_mtp);
// Shares all state; pending rows are not carried over.
Sequence fork(const Sequence& sequence);

} // namespace mtplx::native
