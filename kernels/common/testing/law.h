#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/common/isa.h"
#include "kernels/common/testing/arrays.h"

// The law: a row's bits depend on that row alone. Each check returns "" when the law is kept, else the first breach,
// so that a test can also state that a stock op breaks it.
namespace mtplx::kernels::testing {

// An op over rows: axis 0 of every input and of the output is M.
using RowOp = std::function<mx::array(const std::vector<mx::array>& rows)>;

// Row by row (M = 1) against M = 2..all, and against passes in chunks of 2, 3, 4, 5 and 7 rows.
std::string batch_difference(const RowOp& op, const std::vector<mx::array>& rows);

// Every second row of the float inputs becomes NaN, then infinite: the others keep their bits.
std::string neighbour_difference(const RowOp& op, const std::vector<mx::array>& rows);

// 1, 2 and 3 threads.
std::string thread_difference(const RowOp& op, const std::vector<mx::array>& rows);

// Every instruction set that runs here against the scalar one.
std::string isa_difference(const RowOp& op, const std::vector<mx::array>& rows);

// All four; the first breach, with the name of its check.
std::string law_difference(const RowOp& op, const std::vector<mx::array>& rows);

std::vector<Isa> isas_here();

// The number of threads, or the instruction set, while alive.
class ThreadScope {
 public:
  explicit ThreadScope(int threads);
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int saved_;
};

class IsaScope {
 public:
  explicit IsaScope(Isa isa);
  ~IsaScope();
  IsaScope(const IsaScope&) = delete;
  IsaScope& operator=(const IsaScope&) = delete;

 private:
  Isa saved_;
};

} // namespace mtplx::kernels::testing
