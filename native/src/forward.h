#pragma once

#include "native/src/sequence.h"

// The trunk and the MTP head over ragged rows: rows of several sequences stand one
// after the other, and a segment says whose they are.
namespace mtplx::native {

struct TrunkSegment {
  Sequence* sequence; // positions continue from its length
  int begin;
  int count;
  bool kept = false; // all rows will be committed
};

// What is wanted of the trunk's rows.
struct TrunkWants {
  bool whole;  // see TrunkRows
  bool logits; // of all rows
};

// One id a row. The sequences keep their committed state, unless their segment is kept: then all of it must be
// committed next. Rows that a state owes are applied.
TrunkRows trunk_forward(const Model& model,
                        const std::vector<int32_t>& ids,
                        const std::vector<TrunkSegment>& segments,
                        TrunkWants wants);

// Whether the pool helps; alone, no core is taken from JavaScript.
enum class Threads { all, own };

// Rows of the head after those in `kv` and the extra ones.
struct MtpSegment {
  int begin;
  int count;
  const KvCache* kv;
  std::vector<kernels::KvRows> extra = {};
};

struct MtpRows {
  mx::array hidden; // f32 [R, H], after mtp.norm
  mx::array logits; // f32 [R, V], of the draft head where there is one
  mx::array k;      // f32 [R, kv_heads, head_dim]
  mx::array v;
};

// Row p of a segment reads hidden row p and the embedding of token p + 1 (`next`, one a row).
// hidden f32 [R, H]: the trunk's post-norm rows, or the head's own output when it recurses.
MtpRows mtp_forward(const Model& model,
                    const float* hidden,
                    const std::vector<int32_t>& next,
                    const std::vector<MtpSegment>& segments);

// As mtp_forward, of rows that others will look at and whose own output nobody wants: the head has one layer, so they
// need neither its attention nor its MLP.
MtpKv mtp_new_kv(const Model& model,
                 const float* hidden,
                 const std::vector<int32_t>& next,
                 const std::vector<MtpSegment>& segments,
                 Threads threads = Threads::all);

} // namespace mtplx::native
