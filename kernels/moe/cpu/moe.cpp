#include "kernels/moe/moe.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "kernels/common/fixed_math64.h"
#include "kernels/linear/cpu/run.h"
#include "kernels/swiglu/cpu/elements.h"

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
  LinearLayout gate_layout, up_layout, down_layout;
  int gate, up, down; // input indices
};

Mlp take(const MoeExpert& expert, std::vector<mx::array>& inputs) {
  Mlp mlp{layout_of(expert.gate),
          layout_of(expert.up),
          layout_of(expert.down),
          static_cast<int>(inputs.size()),
          static_cast<int>(inputs.size()) + 1,
          static_cast<int>(inputs.size()) + 2};
  inputs.insert(inputs.end(), {expert.gate.data, expert.up.data, expert.down.data});
  return mlp;
}

// down(silu(gate x) * up x) for `rows` gathered rows.
std::vector<float> run_mlp(const Mlp& mlp, const std::vector<mx::array>& in, const float* x, int rows) {
  size_t width = static_cast<size_t>(rows) * mlp.gate_layout.out_features;
  std::vector<float> gate(width), up(width);
  std::vector<float> y(static_cast<size_t>(rows) * mlp.down_layout.out_features);
  run_linear(mlp.gate_layout, in[mlp.gate], x, rows, nullptr, gate.data());
  run_linear(mlp.up_layout, in[mlp.up], x, rows, nullptr, up.data());
  MTPLX_SELECT_ISA(swiglu_elements)(gate.data(), up.data(), width, gate.data());
  run_linear(mlp.down_layout, in[mlp.down], gate.data(), rows, nullptr, y.data());
  return y;
}

bool agrees(const LinearWeight& w, int in, int out) {
  return w.in_features == in && w.out_features == out;
}

void check_input(const mx::array& x, const MoeWeights& w, const MoeSpec& spec) {
  if (static_cast<int>(w.experts.size()) != spec.experts || spec.experts_per_token < 1 ||
      spec.experts_per_token > spec.experts || w.router.out_features != spec.experts) {
    throw std::invalid_argument("[moe] The router, the experts and the spec do not agree.");
  }
  int H = w.router.in_features;
  if (x.ndim() != 2 || x.shape(1) != H || x.dtype() != mx::float32) {
    throw std::invalid_argument("[moe] x must be f32 [M, " + std::to_string(H) + "].");
  }
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
  check_input(x, weights, spec);
  std::vector<mx::array> inputs = {x, weights.router.data, weights.shared_gate.data};
  Mlp shared = take(weights.shared, inputs);
  std::vector<Mlp> experts;
  for (const auto& expert : weights.experts) {
    experts.push_back(take(expert, inputs));
  }
  LinearLayout router = layout_of(weights.router);
  LinearLayout shared_gate = layout_of(weights.shared_gate);
  return cpu_task1("moe", inputs, {x.shape(), mx::float32},
                   [=, experts = std::move(experts)](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
                     int rows = in[0].shape(0);
                     int width = in[0].shape(1);
                     const float* from = in[0].data<float>();
                     float* to = out[0].data<float>();
                     std::vector<float> logits(static_cast<size_t>(rows) * spec.experts);
                     std::vector<float> gate(rows);
                     run_linear(router, in[1], from, rows, nullptr, logits.data());
                     run_linear(shared_gate, in[2], from, rows, nullptr, gate.data());

                     // Rows of each expert; expert by expert in order of id, so each row sums its experts in that
                     // order.
                     std::vector<std::vector<std::pair<int, float>>> members(spec.experts);
                     for (int r = 0; r < rows; ++r) {
                       for (const Choice& c : route(logits.data() + static_cast<size_t>(r) * spec.experts, spec)) {
                         members[c.expert].emplace_back(r, c.weight);
                       }
                     }
                     std::fill(to, to + static_cast<size_t>(rows) * width, 0.0f);
                     std::vector<float> gathered;
                     for (int e = 0; e < spec.experts; ++e) {
                       int count = static_cast<int>(members[e].size());
                       if (count == 0) {
                         continue;
                       }
                       gathered.resize(static_cast<size_t>(count) * width);
                       for (int i = 0; i < count; ++i) {
                         std::memcpy(gathered.data() + static_cast<size_t>(i) * width,
                                     from + static_cast<size_t>(members[e][i].first) * width, width * sizeof(float));
                       }
                       std::vector<float> y = run_mlp(experts[e], in, gathered.data(), count);
                       for (int i = 0; i < count; ++i) {
                         float* row = to + static_cast<size_t>(members[e][i].first) * width;
                         for (int c = 0; c < width; ++c) {
                           row[c] = std::fma(members[e][i].second, y[static_cast<size_t>(i) * width + c], row[c]);
                         }
                       }
                     }
                     std::vector<float> y = run_mlp(shared, in, from, rows);
                     for (int r = 0; r < rows; ++r) {
                       float weight = static_cast<float>(1.0 / (1.0 + fixed64::exp(-static_cast<double>(gate[r]))));
                       for (int c = 0; c < width; ++c) {
                         size_t at = static_cast<size_t>(r) * width + c;
                         to[at] = std::fma(weight, y[at], to[at]);
                       }
                     }
                   });
}

} // namespace mtplx::kernels
