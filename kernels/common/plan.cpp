#include "kernels/common/plan.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "kernels/common/scratch.h"
#include "kernels/common/task.h"
#include "kernels/common/thread_pool.h"

namespace mtplx::kernels {

namespace {

constexpr size_t line_floats = 16;

// Between two runs weights drive a plan out of the caches; asked for while the call before it runs, a call is there.
void read_ahead(const void* begin, size_t bytes) {
  constexpr size_t line = 64;
  for (size_t at = 0; at < bytes + line; at += line) {
    __builtin_prefetch(static_cast<const char*>(begin) + at);
  }
}

// For the own rows of one run.
mx::array lines_for(size_t floats) {
  int lines = static_cast<int>(std::max(floats / line_floats, size_t{1}));
  return fresh({lines, static_cast<int>(line_floats)}, mx::float32);
}

} // namespace

PlanRows Plan::own(int width) {
  PlanRows rows = bound(width);
  size_t floats = static_cast<size_t>(memory_.rows()) * width;
  own_.push_back({rows.index, Parts::bytes(floats) / sizeof(float), std::nullopt});
  return rows;
}

PlanRows Plan::bound(int width) {
  memory_.at_.push_back(nullptr);
  return {static_cast<int>(memory_.at_.size()) - 1, width};
}

Plan::Own* Plan::own_of(PlanRows rows) {
  auto found = std::find_if(own_.begin(), own_.end(), [&](const Own& o) { return o.index == rows.index; });
  return found == own_.end() ? nullptr : &*found;
}

void Plan::record(PlanCall call) {
  int now = static_cast<int>(steps_.size());
  for (PlanRows rows : call.reads) {
    Own* own = own_of(rows);
    if (own && !own->uses) {
      throw std::logic_error(std::string("[plan] ") + call.name + " reads what no call before it wrote.");
    }
    if (own) {
      own->uses->last = now;
    }
  }
  for (PlanRows rows : call.writes) {
    if (Own* own = own_of(rows)) {
      own->uses = Uses{own->uses ? own->uses->first : now, now};
    }
  }
  steps_.push_back({call.name, call.body});
  if (call.keeps) {
    kept_.push_back(std::move(call.keeps));
  }
}

// The lowest place that nobody alive at the same time has.
void Plan::place(Own& own, const std::vector<const Own*>& placed) {
  std::vector<const Own*> beside;
  for (const Own* other : placed) {
    if (own.uses->first <= other->uses->last && other->uses->first <= own.uses->last) {
      beside.push_back(other);
    }
  }
  std::sort(beside.begin(), beside.end(), [](const Own* a, const Own* b) { return a->offset < b->offset; });
  for (const Own* other : beside) {
    if (own.offset + own.floats <= other->offset) {
      break;
    }
    own.offset = std::max(own.offset, other->offset + other->floats);
  }
}

void Plan::finish() {
  std::vector<Own*> used;
  for (Own& own : own_) {
    if (own.uses) {
      used.push_back(&own);
    }
  }
  // The long-lived ones lie together; with them between the others a prompt's chunk took a tenth more.
  auto steps = [](const Own* own) { return own->uses->last - own->uses->first; };
  std::stable_sort(used.begin(), used.end(), [&](const Own* a, const Own* b) { return steps(a) > steps(b); });
  std::vector<const Own*> placed;
  for (Own* own : used) {
    place(*own, placed);
    placed.push_back(own);
    floats_ = std::max(floats_, own->offset + own->floats);
  }
  for (size_t i = 0; i < steps_.size(); ++i) {
    bool alone = steps_[i].body.alone();
    if (alone || parts_.empty() || parts_.back().alone || i - parts_.back().begin == Rounds::most_rounds) {
      parts_.push_back({i, i, alone});
    }
    parts_.back().end = i + 1;
  }
}

void Plan::count_tasks(const std::vector<int>& segments) {
  if (threads_ == threads() && segments_ == segments) {
    return;
  }
  tasks_.clear();
  for (const Step& step : steps_) {
    tasks_.push_back(step.body.alone() ? 1 : step.body.tasks(memory_));
  }
  threads_ = threads();
  segments_ = segments;
}

void Plan::run_rounds(const Part& part, Laps& laps) {
  parallel_rounds(
      {tasks_.data() + part.begin, part.end - part.begin},
      [&](int round, int task, bool first) {
        const Step& step = steps_[part.begin + round];
        if (first) {
          if (part.begin + round + 1 < steps_.size()) {
            read_ahead(&step + 1, sizeof(Step));
          }
          step.body.prepare(memory_);
        }
        step.body.run(memory_, task);
      },
      [&](int round) { laps.end(steps_[part.begin + round].name); });
}

void Plan::place_own_rows(float* memory) {
  for (const Own& own : own_) {
    memory_.at_[own.index] = memory + own.offset;
  }
}

void Plan::run_alone() {
  mx::array memory = lines_for(floats_);
  place_own_rows(memory.data<float>());
  for (const Step& step : steps_) {
    int tasks = step.body.alone() ? 1 : step.body.tasks(memory_);
    if (tasks > 0) {
      step.body.prepare(memory_);
    }
    for (int task = 0; task < tasks; ++task) {
      step.body.run(memory_, task);
    }
  }
}

void Plan::run(const std::vector<int>& segments) {
  mx::array memory = lines_for(floats_);
  place_own_rows(memory.data<float>());
  count_tasks(segments);
  Laps laps;
  for (const Part& part : parts_) {
    if (part.alone) {
      steps_[part.begin].body.run(memory_, 0);
      laps.end(steps_[part.begin].name);
    } else {
      run_rounds(part, laps);
    }
  }
}

} // namespace mtplx::kernels
