#pragma once

#include "kernels/candidates/candidates.h"
#include "kernels/draw/draw.h"
#include "native/src/sequence.h"

namespace mtplx::native {

// Filter and randomness of several draws; `uniforms` holds one number a draw.
struct DrawRequest {
  kernels::Filter filter;
  kernels::Noise::Kind noise;
  std::vector<double> uniforms;
  uint64_t seed;
  uint32_t choice;
};

enum class LogitsRows { none, last, all };

struct CandidateRequest {
  double temperature;
  int count;
};

// See CycleEntry in native/types.ts.
struct CycleEntry {
  Sequence* sequence;
  int keep;
  std::vector<int32_t> tokens;
  int depth;
  bool commits;
  std::optional<DrawRequest> draft;
  LogitsRows logits;
  CandidateRequest candidates;
  std::optional<DrawRequest> draw;
  std::vector<kernels::RowEdits> edits;
};

struct RowResults {
  std::vector<int32_t> ids;
  std::vector<float> logits;
  std::vector<double> log_sums;
  std::vector<int32_t> drawn;
};

struct CycleResult {
  std::vector<int32_t> draft_tokens;
  std::vector<int32_t> draft_counts;
  std::vector<int32_t> draft_ids;
  std::vector<double> draft_probabilities;
  RowResults rows;
};

inline constexpr int max_depth = 8;

// Commit, draft, verify and candidates of every entry, one after the other, and of entries that say so the commit of
// all rows. All sequences are of one model and stand in the batch once. Throws MTPLX_E_ENGINE_USAGE before anything
// has changed.
CycleResult run_cycle(const std::vector<CycleEntry>& batch, kernels::Timings& timings);

// Candidates (and draws) of the logits rows that the last cycle of the sequence kept, edited anew.
RowResults recut(const Sequence& sequence,
                 const std::vector<kernels::RowEdits>& edits,
                 const CandidateRequest& candidates,
                 const std::optional<DrawRequest>& draw);

// Commits without a cycle.
void commit_now(Sequence& sequence, int keep);

// Makes the MTP rows whose next token is known, so that at length n the state holds n - 1 MTP rows and the
// hidden row n - 1 alone.
void settle_now(Sequence& sequence);

} // namespace mtplx::native
