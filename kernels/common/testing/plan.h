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
  PlanRows out(const mx::array& wanted) { return in_place(mx::zeros(wanted.shape(), mx::float32), wanted); }
  // Read, and then written.
  PlanRows in_place(const mx::array& rows, const mx::array& wanted) {
    out_.push_back({plan.bound(width(wanted)), floats(rows), floats(wanted)});
    return out_.back().rows;
  }

  // Whether every output has the wanted bits, twice in a row with each number of threads, and alone.
  bool same(const std::vector<int>& segments) {
    plan.finish();
    int before = threads();
    bool same = same_once([&] { plan.run_alone(); });
    for (int n : {1, 2, 3, 2}) {
      set_threads(n);
      for (int run = 0; run < 2; ++run) {
        same = same && same_once([&] { plan.run(segments); });
      }
    }
    set_threads(before);
    return same;
  }
  bool same() { return same({plan.rows()}); }

  Plan plan;

 private:
  struct Out {
    PlanRows rows;
    Floats before, wanted;
  };

  static int width(const mx::array& rows) { return static_cast<int>(rows.size() / rows.shape(0)); }

  template <class Run>
  bool same_once(Run run) {
    for (auto& [rows, values] : in_) {
      plan.bind(rows, values.data());
    }
    std::vector<Floats> got;
    got.reserve(out_.size());
    for (const Out& out : out_) {
      got.push_back(out.before);
      plan.bind(out.rows, got.back().data());
    }
    run();
    bool same = true;
    for (size_t i = 0; i < out_.size(); ++i) {
      same = same && std::memcmp(got[i].data(), out_[i].wanted.data(), got[i].size() * sizeof(float)) == 0;
    }
    return same;
  }

  std::vector<std::pair<PlanRows, Floats>> in_;
  std::vector<Out> out_;
};

} // namespace mtplx::kernels::testing
