#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <string>

#include "kernels/linear/cpu/run.h"
#include "kernels/linear/linear.h"
#include "kernels/rms_norm/cpu/rows.h"

namespace mtplx::kernels {

namespace {

constexpr size_t most_weights = 4;
constexpr int rows_a_task = 8; // where their preparation is shared

// The rows that the weights of a call read: few of them each thread norms and prepares for itself; many are prepared in
// a call of their own, into memory of the plan.
struct Input {
  PlanRows x;
  const float* norm; // null: x as it is
  float eps;
  PlanRows normed_rows;
  struct Prepared {
    int group_size; // 0: none
    PlanRows rows;
  };
  std::array<Prepared, 2> prepared; // more group sizes than two in one call are refused

  bool shared(const PlanMemory& memory) const { return memory.rows() >= shared_rows; }

  const float* source(const PlanMemory& memory) const { return norm ? memory[normed_rows] : memory[x]; }

  LinearRows rows(const PlanMemory& memory) const {
    LinearRows result(source(memory), memory.rows());
    for (const Prepared& p : prepared) {
      if (p.group_size) {
        result.add(x.width, p.group_size, memory[p.rows]);
      }
    }
    return result;
  }

  // Before a thread's first task.
  LinearRows here(const PlanMemory& memory, std::span<const LinearJob> jobs) const {
    return shared(memory)
               ? rows(memory)
               : LinearRows::prepared(jobs, normed(memory[x], norm, eps, memory.rows(), x.width), memory.rows());
  }
};

struct PrepareCall {
  Input input;

  int tasks(const PlanMemory& memory) const { return (memory.rows() + rows_a_task - 1) / rows_a_task; }
  void run(const PlanMemory& memory, int task) const {
    int begin = task * rows_a_task;
    int end = std::min(begin + rows_a_task, memory.rows());
    if (input.norm) {
      size_t at = static_cast<size_t>(begin) * input.x.width;
      MTPLX_SELECT_ISA(rms_norm_rows)
      (memory[input.x] + at, input.norm, input.eps, end - begin, input.x.width, memory[input.normed_rows] + at);
    }
    input.rows(memory).prepare(begin, end);
  }
};

// Of the call that a thread is in.
thread_local std::optional<LinearRows> rows_here;

struct LinearsCall {
  Input input;
  std::array<PlainWeight, most_weights> weights;
  std::array<PlanRows, most_weights> y;
  size_t count;
  PlanRows residual; // of the only weight; index -1: none

  using Jobs = std::array<LinearJob, most_weights>;
  std::span<const LinearJob> jobs(const PlanMemory& memory, Jobs& jobs) const {
    for (size_t i = 0; i < count; ++i) {
      jobs[i] = weights[i].job(memory[y[i]], residual.index < 0 ? nullptr : memory[residual]);
    }
    return {jobs.data(), count};
  }

  int tasks(const PlanMemory& memory) const {
    Jobs j;
    return linear_tasks(jobs(memory, j));
  }
  void prepare(const PlanMemory& memory) const {
    Jobs j;
    rows_here.emplace(input.here(memory, jobs(memory, j)));
  }
  void run(const PlanMemory& memory, int task) const {
    Jobs j;
    auto all = jobs(memory, j);
    run_linear_task(*rows_here, all, task, linear_tasks(all));
  }
};

struct SwigluCall {
  Input input;
  PlainWeight gate, up;
  PlanRows y;

  int tasks(const PlanMemory& memory) const { return swiglu_tasks(gate.job(memory[y])); }
  void prepare(const PlanMemory& memory) const {
    const LinearJob jobs[2] = {gate.job(memory[y]), up.job(nullptr)};
    rows_here.emplace(input.here(memory, jobs));
  }
  void run(const PlanMemory& memory, int task) const {
    run_swiglu_task(*rows_here, gate.job(memory[y]), up.job(nullptr), memory.rows(), task, tasks(memory));
  }
};

void check(bool ok, const char* message) {
  if (!ok) {
    throw std::invalid_argument(std::string("[linear] ") + message);
  }
}

bool fits(PlanRows x, const LinearWeight& w, PlanRows y) {
  return x.width == w.in_features && y.width == w.out_features;
}

// Records the preparation of many rows; `reads` gets what the weights' call reads.
Input plan_input(Plan& plan,
                 const char* name,
                 PlanRows x,
                 const InputNorm* norm,
                 const std::vector<const LinearWeight*>& weights,
                 std::vector<PlanRows>& reads) {
  Input input{x, norm ? norm->weight.data<float>() : nullptr, norm ? norm->eps : 0.0f, x, {}};
  reads = {x};
  if (plan.rows() < shared_rows) {
    return input;
  }
  std::vector<PlanRows> writes;
  if (norm) {
    input.normed_rows = plan.own(x.width);
    writes.push_back(input.normed_rows);
  }
  for (const auto* w : weights) {
    if (w->bits == 0) {
      continue;
    }
    auto same = [&](const Input::Prepared& p) { return p.group_size == 0 || p.group_size == w->group_size; };
    auto place = std::find_if(input.prepared.begin(), input.prepared.end(), same);
    check(place != input.prepared.end(), "weights of one call have more than two group sizes.");
    if (place->group_size == 0) {
      *place = {w->group_size, plan.own(static_cast<int>(LinearRows::prepared_floats(x.width, w->group_size)))};
      writes.push_back(place->rows);
    }
  }
  plan.record({name, {x}, writes, PrepareCall{input}});
  reads.insert(reads.end(), writes.begin(), writes.end());
  return input;
}

} // namespace

void plan_linears(Plan& plan,
                  PlanRows x,
                  const std::vector<const LinearWeight*>& weights,
                  const InputNorm* norm,
                  const std::vector<PlanRows>& y) {
  check(!weights.empty() && weights.size() <= most_weights && weights.size() == y.size(),
        "a planned call has one to four weights.");
  const char* name = norm ? "norm_linear" : "linear";
  std::vector<PlanRows> reads;
  LinearsCall call{plan_input(plan, name, x, norm, weights, reads), {}, {}, weights.size(), {-1, 0}};
  for (size_t i = 0; i < weights.size(); ++i) {
    check(fits(x, *weights[i], y[i]), "a planned weight does not fit its rows.");
    call.weights[i] = PlainWeight(*weights[i]);
    call.y[i] = y[i];
  }
  plan.record({name, reads, y, call});
}

void plan_linear_swiglu(
    Plan& plan, PlanRows x, const LinearWeight& gate, const LinearWeight& up, const InputNorm* norm, PlanRows y) {
  check(fits(x, gate, y) && fits(x, up, y), "gate and up do not fit their rows.");
  const char* name = norm ? "norm_swiglu" : "linear_swiglu";
  std::vector<PlanRows> reads;
  Input input = plan_input(plan, name, x, norm, {&gate, &up}, reads);
  plan.record({name, reads, {y}, SwigluCall{input, PlainWeight(gate), PlainWeight(up), y}});
}

void plan_linear_add(Plan& plan, PlanRows x, const LinearWeight& weight, PlanRows residual, PlanRows y) {
  check(fits(x, weight, y) && residual.width == y.width, "a planned weight does not fit its rows.");
  std::vector<PlanRows> reads;
  LinearsCall call{plan_input(plan, "linear_add", x, nullptr, {&weight}, reads), {}, {}, 1, residual};
  call.weights[0] = PlainWeight(weight);
  call.y[0] = y;
  reads.push_back(residual);
  plan.record({"linear_add", reads, {y}, call});
}

} // namespace mtplx::kernels
