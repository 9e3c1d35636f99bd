#pragma once

#include "native/src/cycle.h"

// What is refused before a cycle changes anything. All throw EngineError MTPLX_E_ENGINE_USAGE, check_usable
// MTPLX_E_SEQUENCE_LOST.
namespace mtplx::native {

[[noreturn]] void misuse(const std::string& message);

void check_usable(const Sequence& q);
void check_keep(const Sequence& q, int keep);

// What the kernels would refuse half-way, when the sequences are lost: filters, noise, candidates, edits of `rows`
// rows.
void check_rows(const Sequence& q,
                int rows,
                const std::vector<kernels::RowEdits>& edits,
                const CandidateRequest& candidates,
                const std::optional<DrawRequest>& draw);

void check_cycle(const std::vector<CycleEntry>& batch);

} // namespace mtplx::native
