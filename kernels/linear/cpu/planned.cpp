#include <array>
#include <stdexcept>
#include <string>

#include "kernels/linear/cpu/run.h"
#include "kernels/linear/linear.h"

namespace mtplx::kernels {

namespace {

constexpr size_t most_weights = 4;

struct Weight {
  LinearLayout layout;
  const uint8_t* data;

  LinearJob job(float* y, const float* residual = nullptr) const { return {layout, data, residual, y}; }
};

Weight weight_of(const LinearWeight& w) {
  return {layout_of(w), w.data.data<uint8_t>()};
}

// Rows that calls read: as they are, or their norm.
struct Input {
  PlanRows x;
  const float* norm;
  float eps;

  const float* in(const PlanMemory& memory) const { return normed(memory[x], norm, eps, memory.rows(), x.width); }
};

Input input_of(PlanRows x, const InputNorm* norm) {
  return {x, norm ? norm->weight.data<float>() : nullptr, norm ? norm->eps : 0.0f};
}

void check(bool ok, const char* message) {
  if (!ok) {
    throw std::invalid_argument(std::string("[linear] ") + message);
  }
}

bool fits(PlanRows x, const LinearWeight& w, PlanRows y) {
  return x.width == w.in_features && y.width == w.out_features;
}

} // namespace

PlanCall planned_linears(PlanRows x,
                         const std::vector<const LinearWeight*>& weights,
                         const InputNorm* norm,
                         const std::vector<PlanRows>& y) {
  check(weights.size() <= most_weights && weights.size() == y.size(), "a planned call has one to four weights.");
  std::array<Weight, most_weights> w;
  std::array<PlanRows, most_weights> to;
  for (size_t i = 0; i < weights.size(); ++i) {
    check(fits(x, *weights[i], y[i]), "a planned weight does not fit its rows.");
    w[i] = weight_of(*weights[i]);
    to[i] = y[i];
  }
  return {norm ? "norm_linear" : "linear",
          {x},
          y,
          [w, to, count = weights.size(), input = input_of(x, norm)](const PlanMemory& memory) {
            std::array<LinearJob, most_weights> jobs;
            for (size_t i = 0; i < count; ++i) {
              jobs[i] = w[i].job(memory[to[i]]);
            }
            run_linears({jobs.data(), count}, input.in(memory), memory.rows());
          }};
}

PlanCall planned_linear_swiglu(
    PlanRows x, const LinearWeight& gate, const LinearWeight& up, const InputNorm* norm, PlanRows y) {
  check(fits(x, gate, y) && fits(x, up, y), "gate and up do not fit their rows.");
  return {norm ? "norm_swiglu" : "linear_swiglu",
          {x},
          {y},
          [gate = weight_of(gate), up = weight_of(up), y, input = input_of(x, norm)](const PlanMemory& memory) {
            run_swiglu(gate.job(memory[y]), up.job(nullptr), input.in(memory), memory.rows());
          }};
}

PlanCall planned_linear_add(PlanRows x, const LinearWeight& weight, PlanRows residual, PlanRows y) {
  check(fits(x, weight, y) && residual.width == y.width, "a planned weight does not fit its rows.");
  return {"linear_add", {x, residual}, {y}, [w = weight_of(weight), x, residual, y](const PlanMemory& memory) {
            run_linear(w.job(memory[y], memory[residual]), memory[x], memory.rows());
          }};
}

} // namespace mtplx::kernels
