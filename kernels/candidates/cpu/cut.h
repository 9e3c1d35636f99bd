#pragma once

#include <cstdint>
#include <vector>

#include "kernels/common/function_ref.h"

namespace mtplx::kernels {

// The largest logits of a row and its log-sum-exp.
struct CutSpec {
  int count;          // 1 .. V
  bool plain;         // whether the sum at temperature 1 is wanted
  double temperature; // of the other sum; 0: not wanted
};

struct Cut {
  const int32_t* ids; // by falling logit, ties by rising id
  int count;
  double log_sum;
  double log_sum_tempered;
};

// Cuts rows of logits [specs.size(), vocab] and calls take(row, cut) for each, on any thread. A row of more than 16,384
// ids is divided into parts of that many, for the threads: the sums of the parts are added in order. A row whose
// largest logit is not finite has no sums: `take` should throw.
void cut_rows(const float* logits,
              int vocab,
              const std::vector<CutSpec>& specs,
              FunctionRef<void(int row, const Cut& cut)> take);

} // namespace mtplx::kernels
