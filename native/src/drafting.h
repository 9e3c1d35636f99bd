#pragma once

#include "native/src/cycle.h"
#include "native/src/forward.h"

// The head's half of a cycle: K drafts for each entry, and the rows that the trunk then verifies.
namespace mtplx::native {

// Spec of draw number `index`, for the token at absolute `position`.
kernels::DrawSpec draw_spec(const DrawRequest& request, int index, int position);

// Rows [begin, begin + count) of a batch, after the MTP rows that the sequence has.
MtpSegment mtp_segment(const Sequence& q, int begin, int count);

// The MTP rows whose next token is history, where a sequence has not got them yet.
void make_known_mtp_rows(const std::vector<Sequence*>& sequences);

// The same for the drafts of the last cycle, before anybody knows which are kept, where the head is so small that this
// takes no longer than the decision. Changes nothing that is history.
void make_mtp_rows_ahead(Sequence& sequence);

// Everything that the drafting of one batch leaves behind.
struct Drafts {
  std::vector<kernels::DrawOutput> steps; // step j holds the entries with depth > j
  std::vector<std::vector<int>> members;  // their indices in the batch
};

// Makes the MTP rows that are missing and drafts `depth` tokens for each entry.
Drafts draft(const std::vector<CycleEntry>& batch);

// Token ids of all trunk rows: the fed tokens of each entry and then its drafts.
std::vector<int32_t> row_ids(const std::vector<CycleEntry>& batch, const Drafts& drafts);

// The drafted tokens, and the supports and probabilities that they were drawn from.
void read_drafts(const std::vector<CycleEntry>& batch, const Drafts& drafts, CycleResult& result);

} // namespace mtplx::native
