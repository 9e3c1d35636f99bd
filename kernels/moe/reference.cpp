#include "kernels/moe/reference.h"

#include <algorithm>
#include <cmath>

#include "kernels/linear/reference.h"
#include "kernels/swiglu/reference.h"

namespace mtplx::kernels::reference {

namespace {

// y = x W^T for one row.
Doubles project(const Doubles& x, const Doubles& w) {
  int K = static_cast<int>(x.size());
  return linear(x, w, 1, static_cast<int>(w.size()) / K, K);
}

Doubles mlp(const Doubles& x, const MoeExpert& e) {
  return project(swiglu(project(x, e.gate), project(x, e.up)), e.down);
}

} // namespace

Doubles moe(const Doubles& x, int H, const MoeWeights& weights, int experts_per_token, bool normalise) {
  Doubles result;
  for (size_t row = 0; row < x.size(); row += H) {
    Doubles in(x.begin() + row, x.begin() + row + H);
    Doubles p = project(in, weights.router);
    double total = 0.0;
    for (double& v : p) {
      v = std::exp(v);
      total += v;
    }
    std::vector<int> order(p.size());
    for (size_t e = 0; e < p.size(); ++e) {
      order[e] = static_cast<int>(e);
    }
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return p[a] > p[b]; });
    order.resize(experts_per_token);
    if (normalise) {
      total = 0.0;
      for (int e : order) {
        total += p[e];
      }
    }
    Doubles y = mlp(in, weights.shared);
    double gate = 1.0 / (1.0 + std::exp(-project(in, weights.shared_gate)[0]));
    for (double& v : y) {
      v *= gate;
    }
    for (int e : order) {
      Doubles part = mlp(in, weights.experts[e]);
      for (int h = 0; h < H; ++h) {
        y[h] += p[e] / total * part[h];
      }
    }
    result.insert(result.end(), y.begin(), y.end());
  }
  return result;
}

} // namespace mtplx::kernels::reference
