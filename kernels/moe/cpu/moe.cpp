#include "kernels/moe/moe.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>

#include "kernels/common/fixed_math64.h"
#include "kernels/linear/cpu/run.h"

namespace mtplx::kernels {

namespace {

struct Choice {
  int expert;
  float weight;
};

// Top k of softmax(logits), in order of expert id.
std::vector<Choice> route(const float* logits, const MoeSpec& spec) {
  std::vector<double> p(spec.experts);
  double top = *std::max_element(logits, logits + spec.experts);
  double sum = 0.0;
  for (int e = 0; e < spec.experts; ++e) {
    p[e] = fixed64::exp(logits[e] - top);
    sum += p[e];
  }
  if (std::isnan(sum)) {
    // Beside a NaN or +infinity there is no order to sort by: the row becomes NaN, whatever its experts.
    std::vector<Choice> chosen;
    for (int e = 0; e < spec.experts_per_token; ++e) {
      chosen.push_back({e, std::numeric_limits<float>::quiet_NaN()});
    }
    return chosen;
  }
  std::vector<int> order(spec.experts);
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + spec.experts_per_token, order.end(),
                    [&](int a, int b) { return p[a] > p[b] || (p[a] == p[b] && a < b); });
  order.resize(spec.experts_per_token);
  double kept = 0.0;
  for (int e : order) {
    kept += p[e];
  }
  std::sort(order.begin(), order.end());
  std::vector<Choice> chosen;
  for (int e : order) {
    chosen.push_back({e, static_cast<float>(p[e] / (spec.normalise ? kept : sum))});
  }
  return chosen;
}

struct Mlp {
  PlainWeight gate, up, down;

  explicit Mlp(const MoeExpert& e) : gate(e.gate), up(e.up), down(e.down) {}

  // down(silu(gate x) * up x) for `rows` gathered rows.
  std::vector<float> run(const float* x, int rows) const {
    std::vector<float> hidden(static_cast<size_t>(rows) * gate.layout.out_features);
    std::vector<float> y(static_cast<size_t>(rows) * down.layout.out_features);
    run_swiglu(gate.job(hidden.data()), up.job(nullptr), x, rows);
    run_linear(down.job(y.data()), hidden.data(), rows);
    return y;
  }
};

// The weights as plain memory.
struct Moe {
  MoeSpec spec;
  PlainWeight router, shared_gate;
  Mlp shared;
  std::vector<Mlp> experts;

  Moe(const MoeWeights& w, const MoeSpec& s)
      : spec(s),
        router(w.router),
        shared_gate(w.shared_gate),
        shared(w.shared),
        experts(w.experts.begin(), w.experts.end()) {}

  int width() const { return router.layout.in_features; }

  // y = base + moe(x); base may be null.
  void run(const float* x, int rows, const float* base, float* y) const {
    size_t size = static_cast<size_t>(rows) * width();
    std::vector<float> to(size, 0.0f);
    add_experts(x, rows, to.data());
    add_shared(x, rows, to.data());
    for (size_t i = 0; i < size; ++i) {
      y[i] = base ? base[i] + to[i] : to[i];
    }
  }

 private:
  // Expert by expert in order of id, so each row sums its experts in that order.
  void add_experts(const float* x, int rows, float* to) const {
    std::vector<float> logits(static_cast<size_t>(rows) * spec.experts);
    run_linear(router.job(logits.data()), x, rows);
    std::vector<std::vector<std::pair<int, float>>> members(spec.experts);
    for (int r = 0; r < rows; ++r) {
      for (const Choice& c : route(logits.data() + static_cast<size_t>(r) * spec.experts, spec)) {
        members[c.expert].emplace_back(r, c.weight);
      }
    }
    std::vector<float> gathered;
    for (int e = 0; e < spec.experts; ++e) {
      int count = static_cast<int>(members[e].size());
      if (count == 0) {
        continue;
      }
      gathered.resize(static_cast<size_t>(count) * width());
      for (int i = 0; i < count; ++i) {
        std::memcpy(gathered.data() + static_cast<size_t>(i) * width(),
                    x + static_cast<size_t>(members[e][i].first) * width(), width() * sizeof(float));
      }
      std::vector<float> y = experts[e].run(gathered.data(), count);
      for (int i = 0; i < count; ++i) {
        add_row(members[e][i].second, y.data() + static_cast<size_t>(i) * width(),
                to + static_cast<size_t>(members[e][i].first) * width());
      }
    }
  }

  void add_shared(const float* x, int rows, float* to) const {
    std::vector<float> gate(rows);
    run_linear(shared_gate.job(gate.data()), x, rows);
    std::vector<float> y = shared.run(x, rows);
    for (int r = 0; r < rows; ++r) {
      float weight = static_cast<float>(1.0 / (1.0 + fixed64::exp(-static_cast<double>(gate[r]))));
      add_row(weight, y.data() + static_cast<size_t>(r) * width(), to + static_cast<size_t>(r) * width());
    }
  }

  void add_row(float weight, const float* y, float* to) const {
    for (int c = 0; c < width(); ++c) {
      to[c] = std::fma(weight, y[c], to[c]);
    }
  }
};

// Which experts a row needs is known when it runs: their kernels share out the work.
struct MoeCall {
  const Moe* moe;
  PlanRows x, residual, y;

  void run(const PlanMemory& memory) const { moe->run(memory[x], memory.rows(), memory[residual], memory[y]); }
};

bool agrees(const LinearWeight& w, int in, int out) {
  return w.in_features == in && w.out_features == out;
}

void check_weights(const MoeWeights& w, const MoeSpec& spec) {
  if (static_cast<int>(w.experts.size()) != spec.experts || spec.experts_per_token < 1 ||
      spec.experts_per_token > spec.experts || w.router.out_features != spec.experts) {
    throw std::invalid_argument("[moe] The router, the experts and the spec do not agree.");
  }
  int H = w.router.in_features;
  auto fits = [&](const MoeExpert& e) {
    int F = e.gate.out_features;
    return agrees(e.gate, H, F) && agrees(e.up, H, F) && agrees(e.down, F, H);
  };
  if (!std::all_of(w.experts.begin(), w.experts.end(), fits) || !fits(w.shared) || !agrees(w.shared_gate, H, 1)) {
    throw std::invalid_argument("[moe] An expert's gate and up must be [F, H], its down [H, F], shared_gate [1, H].");
  }
}

} // namespace

mx::array moe(const mx::array& x, const MoeWeights& weights, const MoeSpec& spec) {
  check_weights(weights, spec);
  int width = weights.router.in_features;
  if (x.ndim() != 2 || x.shape(1) != width || x.dtype() != mx::float32) {
    throw std::invalid_argument("[moe] x must be f32 [M, " + std::to_string(width) + "].");
  }
  return cpu_task1("moe", {x}, {x.shape(), mx::float32},
                   [&](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
                     Moe(weights, spec).run(in[0].data<float>(), in[0].shape(0), nullptr, out[0].data<float>());
                   });
}

void plan_moe_add(
    Plan& plan, PlanRows x, const MoeWeights& weights, const MoeSpec& spec, PlanRows residual, PlanRows y) {
  check_weights(weights, spec);
  auto moe = std::make_shared<const Moe>(weights, spec);
  plan.record({"moe", {x, residual}, {y}, MoeCall{moe.get(), x, residual, y}, moe});
}

} // namespace mtplx::kernels
