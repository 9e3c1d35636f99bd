#pragma once

#include <utility>
#include <vector>

#include "kernels/candidates/candidates.h"

namespace mtplx::kernels {

struct CandidateReference {
  std::vector<std::pair<int, float>> best; // id and edited logit, by falling logit, ties by rising id
  double log_sum;                          // at T = 1
  double log_sum_tempered;                 // at the spec's temperature
};

// One row by the definitions of candidates.h. NaN counts as -inf.
CandidateReference candidates_reference(std::vector<float> logits, const CandidateSpec& spec, const RowEdits& edits);

} // namespace mtplx::kernels
