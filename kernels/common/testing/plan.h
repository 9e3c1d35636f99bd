#pragma once

#include <cstring>
#include <utility>
#include <vector>

#include "kernels/common/plan.h"
#include "kernels/common/testing/arrays.h"
#include "kernels/common/thread_pool.h"

namespace mtplx::kernels::testing {

// Calls of a plan over given rows, against what the same kernel gives on arrays.
class PlanCheck {
 public:
  explicit PlanCheck(int rows) : plan(rows) {}

  // f32 [rows, ..].
  PlanRows in(const mx::array& rows) {
    in_.push_back({plan.bound(width(rows)), floats(rows)});
    return in_.back().first;
  }
  PlanRows out(const mx::array& wanted) {
    out_.push_back({plan.bound(width(wanted)), floats(wanted)});
    return out_.back().first;
  }

  // Whether every output has the wanted bits, twice in a row with each number of threads.
  bool same(const std::vector<int>& segments) {
    plan.finish();
    int before = threads();
    bool same = true;
    for (int n : {1, 2, 3, 2}) {
      set_threads(n);
      for (int run = 0; run < 2; ++run) {
        same = same && same_once(segments);
      }
    }
    set_threads(before);
    return same;
  }
  bool same() { return same({plan.rows()}); }

  Plan plan;

 private:
  static int width(const mx::array& rows) { return static_cast<int>(rows.size() / rows.shape(0)); }

  bool same_once(const std::vector<int>& segments) {
    for (auto& [rows, values] : in_) {
      plan.bind(rows, values.data());
    }
    std::vector<Floats> got;
    for (auto& [rows, wanted] : out_) {
      got.emplace_back(wanted.size(), 0.0f);
      plan.bind(rows, got.back().data());
    }
    plan.run(segments);
    bool same = true;
    for (size_t i = 0; i < out_.size(); ++i) {
      same = same && std::memcmp(got[i].data(), out_[i].second.data(), got[i].size() * sizeof(float)) == 0;
    }
    return same;
  }

  std::vector<std::pair<PlanRows, Floats>> in_;
  std::vector<std::pair<PlanRows, Floats>> out_;
};

} // namespace mtplx::kernels::testing
