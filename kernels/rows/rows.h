#pragma once

#include "kernels/common/task.h"

namespace mtplx::kernels {

// Rows [begin, begin + count) of an array [R, ..].
struct RowsPart {
  mx::array rows;
  int begin;
  int count;
};

// The parts one below the other, [sum of counts, ..]; a part that is a whole array comes back as it is. All parts have
// the same width and dtype. At least one row in all.
mx::array gather_rows(const std::vector<RowsPart>& parts);

// The given rows of x [R, ..], in this order; x itself where they are all of them.
mx::array take_rows(const mx::array& x, const std::vector<int32_t>& rows);

} // namespace mtplx::kernels
