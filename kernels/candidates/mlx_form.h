#pragma once

#include "kernels/candidates/candidates.h"

namespace mtplx::kernels {

// candidates() of one count and temperature (above 0) for all rows, without edits, in stock ops: argpartition, sort of
// the part, logsumexp in f32 (log_sum f32 [R, 2]). Ties come in no promised order, NaN is the largest number.
CandidateOutput candidates_mlx(const mx::array& logits, int count, double temperature, mx::Stream s);

} // namespace mtplx::kernels
