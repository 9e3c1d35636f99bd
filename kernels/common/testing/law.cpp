#include "kernels/common/testing/law.h"

#include <algorithm>
#include <limits>

#include "kernels/common/testing/compare.h"
#include "kernels/common/thread_pool.h"

namespace mtplx::kernels::testing {

namespace {

mx::array evaluated(const RowOp& op, const std::vector<mx::array>& inputs) {
  mx::array y = op(inputs);
  mx::eval(y);
  return y;
}

std::vector<mx::array> part(const std::vector<mx::array>& inputs, int begin, int end) {
  std::vector<mx::array> result;
  for (const mx::array& a : inputs) {
    result.push_back(rows(a, begin, end));
  }
  return result;
}

// The rows one by one, joined: what every other pass must equal.
std::vector<mx::array> alone(const RowOp& op, const std::vector<mx::array>& inputs) {
  std::vector<mx::array> result;
  for (int r = 0; r < inputs[0].shape(0); ++r) {
    result.push_back(evaluated(op, part(inputs, r, r + 1)));
  }
  return result;
}

std::string chunk_difference(
    const RowOp& op, const std::vector<mx::array>& inputs, const std::vector<mx::array>& single, int begin, int end) {
  mx::array y = evaluated(op, part(inputs, begin, end));
  for (int r = begin; r < end; ++r) {
    std::string difference = bit_difference(single[r], rows(y, r - begin, r - begin + 1));
    if (!difference.empty()) {
      return "row " + std::to_string(r) + " alone and among rows " + std::to_string(begin) + ".." +
             std::to_string(end - 1) + ": " + difference;
    }
  }
  return "";
}

} // namespace

std::string batch_difference(const RowOp& op, const std::vector<mx::array>& inputs) {
  int M = inputs[0].shape(0);
  std::vector<mx::array> single = alone(op, inputs);
  std::string difference;
  for (int count = 2; count <= M && difference.empty(); ++count) {
    difference = chunk_difference(op, inputs, single, 0, count);
  }
  for (int chunk : {2, 3, 4, 5, 7}) {
    for (int begin = chunk; begin < M && difference.empty(); begin += chunk) {
      difference = chunk_difference(op, inputs, single, begin, std::min(M, begin + chunk));
    }
  }
  return difference;
}

std::string neighbour_difference(const RowOp& op, const std::vector<mx::array>& inputs) {
  mx::array clean = evaluated(op, inputs);
  int M = inputs[0].shape(0);
  for (float poison : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (int odd : {0, 1}) {
      std::vector<mx::array> dirty;
      for (const mx::array& a : inputs) {
        mx::array copy = rows(a, 0, M);
        size_t width = copy.size() / static_cast<size_t>(M);
        for (int r = odd; r < M && copy.dtype() == mx::float32; r += 2) {
          std::fill_n(copy.data<float>() + width * r, width, poison);
        }
        dirty.push_back(copy);
      }
      mx::array y = evaluated(op, dirty);
      for (int r = 1 - odd; r < M; r += 2) {
        std::string difference = bit_difference(rows(clean, r, r + 1), rows(y, r, r + 1));
        if (!difference.empty()) {
          return "row " + std::to_string(r) + " beside rows of " + std::to_string(poison) + ": " + difference;
        }
      }
    }
  }
  return "";
}

std::string thread_difference(const RowOp& op, const std::vector<mx::array>& inputs) {
  std::vector<mx::array> results;
  for (int count : {1, 2, 3}) {
    ThreadScope scope(count);
    results.push_back(evaluated(op, inputs));
    std::string difference = bit_difference(results[0], results.back());
    if (!difference.empty()) {
      return "1 thread and " + std::to_string(count) + ": " + difference;
    }
  }
  return "";
}

std::string isa_difference(const RowOp& op, const std::vector<mx::array>& inputs) {
  std::vector<mx::array> results;
  for (Isa isa : isas_here()) {
    IsaScope scope(isa);
    results.push_back(evaluated(op, inputs));
    std::string difference = bit_difference(results[0], results.back());
    if (!difference.empty()) {
      return std::string("scalar and ") + isa_name(isa) + ": " + difference;
    }
  }
  return "";
}

std::string law_difference(const RowOp& op, const std::vector<mx::array>& inputs) {
  for (auto check : {batch_difference, neighbour_difference, thread_difference, isa_difference}) {
    std::string difference = check(op, inputs);
    if (!difference.empty()) {
      return difference;
    }
  }
  return "";
}

std::vector<Isa> isas_here() {
  std::vector<Isa> result;
  for (Isa isa : all_isas) {
    if (isa_runs_here(isa)) {
      result.push_back(isa);
    }
  }
  return result;
}

ThreadScope::ThreadScope(int count) : saved_(threads()) {
  set_threads(count);
}

ThreadScope::~ThreadScope() {
  set_threads(saved_);
}

IsaScope::IsaScope(Isa isa) : saved_(active_isa()) {
  force_isa(isa);
}

IsaScope::~IsaScope() {
  force_isa(saved_);
}

} // namespace mtplx::kernels::testing
