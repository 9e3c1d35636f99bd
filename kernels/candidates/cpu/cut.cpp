#include "kernels/candidates/cpu/cut.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/candidates/cpu/row.h"
#include "kernels/common/fixed_math64.h"
#include "kernels/common/scratch.h"
#include "kernels/common/thread_pool.h"

namespace mtplx::kernels {

namespace {

// Ids that one task sums: part of the definition of the sum.
constexpr int part_ids = 16384;

struct Part {
  int count;                 // of its candidates
  double plain[sum_lanes64]; // running sums by id mod 16
  double tempered[sum_lanes64];
};

// The largest of x as ids from `first` on.
int candidates_of(const float* x, int size, int count, int first, int32_t* best) {
  int found = 0;
  if (count <= size / 4) {
    found = MTPLX_SELECT_ISA(select_largest)(x, size, count, best);
  } else {
    // Most are wanted: sort.
    for (int i = 0; i < size; ++i) {
      if (x[i] > -std::numeric_limits<float>::infinity()) {
        best[found++] = i;
      }
    }
    std::sort(best, best + found, [&](int32_t a, int32_t b) { return x[a] != x[b] ? x[a] > x[b] : a < b; });
    found = std::min(found, count);
  }
  for (int i = 0; i < found; ++i) {
    best[i] += first;
  }
  return found;
}

double tree(double* sum) {
  for (int half = sum_lanes64 / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      sum[i] = sum[i] + sum[i + half];
    }
  }
  return sum[0];
}

class Cutter {
 public:
  Cutter(const float* logits, int vocab, const std::vector<CutSpec>& specs)
      : logits_(logits), vocab_(vocab), specs_(specs), parts_((vocab + part_ids - 1) / part_ids) {
    // A sort begins with all ids of a part, which then are fewer than four times the count.
    for (const auto& spec : specs) {
      slots_ = std::max(slots_, std::min<size_t>(part_ids, static_cast<size_t>(4) * spec.count));
    }
  }

  void run(FunctionRef<void(int row, const Cut& cut)> take) {
    int rows = static_cast<int>(specs_.size());
    size_t count = static_cast<size_t>(rows) * parts_;
    thread_local Scratch scratch;
    Parts memory(scratch.bytes(Parts::bytes<Part>(count) + Parts::bytes<int32_t>(count * slots_)));
    part_ = memory.take<Part>(count);
    best_ = memory.take<int32_t>(count * slots_);
    if (parts_ == 1) {
      parallel_for(rows, [&](int r) {
        select(r, 0);
        sum(r, 0);
        finish(r, take);
      });
      return;
    }
    parallel_for(static_cast<int>(count), [&](int i) { select(i / parts_, i % parts_); });
    parallel_for(static_cast<int>(count), [&](int i) { sum(i / parts_, i % parts_); });
    parallel_for(rows, [&](int r) { finish(r, take); });
  }

 private:
  const float* row(int r) const { return logits_ + static_cast<size_t>(r) * vocab_; }
  Part& part(int r, int p) const { return part_[static_cast<size_t>(r) * parts_ + p]; }
  int32_t* best(int r, int p) const { return best_ + (static_cast<size_t>(r) * parts_ + p) * slots_; }
  int size(int p) const { return std::min(part_ids, vocab_ - p * part_ids); }

  void select(int r, int p) const {
    int first = p * part_ids;
    part(r, p).count = candidates_of(row(r) + first, size(p), specs_[r].count, first, best(r, p));
  }

  float top(int r) const {
    float top = -std::numeric_limits<float>::infinity();
    for (int p = 0; p < parts_; ++p) {
      if (part(r, p).count > 0) {
        top = std::max(top, row(r)[best(r, p)[0]]);
      }
    }
    return top;
  }

  void sum(int r, int p) const {
    Part& part = this->part(r, p);
    std::fill_n(part.plain, sum_lanes64, 0.0);
    std::fill_n(part.tempered, sum_lanes64, 0.0);
    float top = this->top(r);
    if (std::isfinite(top)) {
      const CutSpec& spec = specs_[r];
      MTPLX_SELECT_ISA(add_exps)
      (row(r) + p * part_ids, size(p), top, spec.temperature, spec.plain ? part.plain : nullptr,
       spec.temperature != 0.0 ? part.tempered : nullptr);
    }
  }

  void finish(int r, FunctionRef<void(int row, const Cut& cut)> take) const {
    const CutSpec& spec = specs_[r];
    double top = this->top(r);
    double scaled_top = spec.temperature != 0.0 ? top / spec.temperature : 0.0;
    Part& all = part(r, 0);
    for (int p = 1; p < parts_; ++p) {
      for (int i = 0; i < sum_lanes64; ++i) {
        all.plain[i] = all.plain[i] + part(r, p).plain[i];
        all.tempered[i] = all.tempered[i] + part(r, p).tempered[i];
      }
    }
    Cut cut{best(r, 0), all.count, 0.0, 0.0};
    if (spec.plain) {
      cut.log_sum = top + fixed64::log(tree(all.plain));
    }
    if (spec.temperature != 0.0) {
      cut.log_sum_tempered = scaled_top + fixed64::log(tree(all.tempered));
    }
    thread_local std::vector<int32_t> merged;
    if (parts_ > 1) {
      merge(r, merged);
      cut.ids = merged.data();
      cut.count = static_cast<int>(merged.size());
    }
    take(r, cut);
  }

  // The parts' candidates in one order, cut to the count.
  void merge(int r, std::vector<int32_t>& merged) const {
    const float* x = row(r);
    merged.clear();
    for (int p = 0; p < parts_; ++p) {
      size_t before = merged.size();
      merged.insert(merged.end(), best(r, p), best(r, p) + part(r, p).count);
      // Stable, and ids of later parts are larger: ties keep the lower id first.
      std::inplace_merge(merged.begin(), merged.begin() + static_cast<ptrdiff_t>(before), merged.end(),
                         [&](int32_t a, int32_t b) { return x[a] > x[b]; });
      merged.resize(std::min(merged.size(), static_cast<size_t>(specs_[r].count)));
    }
  }

  const float* logits_;
  int vocab_;
  const std::vector<CutSpec>& specs_;
  int parts_;
  size_t slots_ = 1;
  Part* part_ = nullptr;
  int32_t* best_ = nullptr;
};

} // namespace

void cut_rows(const float* logits,
              int vocab,
              const std::vector<CutSpec>& specs,
              FunctionRef<void(int row, const Cut& cut)> take) {
  Cutter(logits, vocab, specs).run(take);
}

} // namespace mtplx::kernels
