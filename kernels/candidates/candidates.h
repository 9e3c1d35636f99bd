#pragma once

#include "kernels/common/task.h"
#include "kernels/draw/draw.h"

namespace mtplx::kernels {

// Applied to a row before any cut: logit = logit * multiply + add, then ids whose
// bit in the mask is 0 become -inf.
struct LogitEdit {
  int32_t id;
  float multiply;
  float add;
};

struct RowEdits {
  std::vector<LogitEdit> edits; // in order; an id may appear more than once
  std::vector<uint32_t> mask;   // empty, or ceil(V / 32) words, bit i%32 of word i/32
};

struct CandidateSpec {
  double temperature; // for the second log-sum-exp; 0 repeats the first, else in [1e-30, 1e30]
  int count;          // candidates wanted, 1 .. V
};

struct CandidateOutput {
  mx::array ids;     // i32 [R, W] by falling logit, ties to the lower id; -1 beyond
  mx::array logits;  // f32 [R, W] raw (edited) logits, -inf beyond
  mx::array log_sum; // f64 [R, 2]: log-sum-exp at T = 1 and at the temperature
};

// logits f32 [R, V]; edits empty or one entry a row. W is the largest count.
// Both throw std::invalid_argument: a count or temperature that cannot be used; an id outside the vocabulary, a mask
// of another size or one that allows no id.
void check_candidates(const CandidateSpec& spec, int vocab);
void check_edits(const RowEdits& edits, int vocab);

CandidateOutput candidates(const mx::array& logits,
                           const std::vector<CandidateSpec>& specs,
                           const std::vector<RowEdits>& edits);

// logits with the edits applied, f32 [R, V].
mx::array edited(const mx::array& logits, const std::vector<RowEdits>& edits);

} // namespace mtplx::kernels
