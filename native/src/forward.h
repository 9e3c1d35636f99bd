#pragma once

#include "native/src/sequence.h"

// Graphs of the trunk and of the MTP head over ragged rows: rows of several sequences stand one
// after the other, and a segment says whose they are.
namespace mtplx::native {

struct TrunkSegment {
  Sequence* sequence; // positions continue from its length
  int begin;
  int count;
};

// ids i32 [R]. The sequences keep their committed state; rows that it owes are applied. whole: see TrunkRows.
TrunkRows trunk_forward(const Model& model,
                        const mx::array& ids,
                        const std::vector<TrunkSegment>& segments,
                        bool whole);

struct MtpRows {
  mx::array hidden; // f32 [R, H], after mtp.norm
  mx::array k;      // f32 [R, kv_heads, head_dim]
  mx::array v;
};

// Row p of a segment reads hidden row p and the embedding of token p + 1 (`next`, i32 [R]).
// hidden f32 [R, H]: the trunk's post-norm rows, or the head's own output when it recurses.
MtpRows mtp_forward(const Model& model,
                    const mx::array& hidden,
                    const mx::array& next,
                    const std::vector<kernels::AttentionSegment>& segments);

} // namespace mtplx::native
