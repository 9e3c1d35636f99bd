#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "native/src/cycle.h"

// The numbers in which cycles cross from TypeScript and back: one array each way is cheaper than objects and their
// properties. The twin of runtime/engine/wire.ts, where the layout stands.
namespace mtplx::native::wire {

// A cycle entry whose sequence is still a handle.
struct Entry {
  int sequence;
  CycleEntry entry;
};

struct Candidates {
  int sequence;
  CandidateRequest request;
  std::optional<DrawRequest> draw;
  std::vector<kernels::RowEdits> edits;
};

// Both throw MTPLX_E_ENGINE_USAGE for numbers that are not of the layout.
std::vector<Entry> read_batch(const std::vector<double>& numbers);
Candidates read_candidates(const std::vector<double>& numbers);

// Nanoseconds of commit, draft, verify, candidates and the whole call.
using Times = std::array<double, 5>;

std::vector<std::byte> write_result(const CycleResult& result, const Times& times);

} // namespace mtplx::native::wire
