#include "kernels/attention/reference.h"

#include <algorithm>
#include <cmath>

namespace mtplx::kernels {

namespace {

// RMS norm over the head and rotation of its first dims, pairs (i, i + rotary_dim / 2).
std::vector<double> norm_and_rotate(const double* x,
                                    const std::vector<double>& weight,
                                    const AttentionSpec& spec,
                                    int position) {
  int D = spec.head_dim;
  double squares = 0.0;
  for (int d = 0; d < D; ++d) {
    squares += x[d] * x[d];
  }
  std::vector<double> y(D);
  for (int d = 0; d < D; ++d) {
    y[d] = x[d] / std::sqrt(squares / D + spec.eps) * weight[d];
  }
  int half = spec.rotary_dim / 2;
  for (int i = 0; i < half; ++i) {
    double angle = position * std::pow(spec.rope_theta, -2.0 * i / spec.rotary_dim);
    double a = y[i];
    double b = y[i + half];
    y[i] = a * std::cos(angle) - b * std::sin(angle);
    y[i + half] = b * std::cos(angle) + a * std::sin(angle);
  }
  return y;
}

} // namespace

AttentionReference attention_reference(const std::vector<double>& q,
                                       const std::vector<double>& k,
                                       const std::vector<double>& v,
                                       const std::vector<double>& q_norm,
                                       const std::vector<double>& k_norm,
                                       const AttentionSpec& spec,
                                       const std::vector<double>& past_k,
                                       const std::vector<double>& past_v,
                                       int position) {
  int D = spec.head_dim;
  int Hkv = spec.kv_heads;
  int rows = static_cast<int>(k.size()) / (Hkv * D);
  int query_width = D * (spec.gated ? 2 : 1);
  AttentionReference out;
  std::vector<double> keys = past_k;
  std::vector<double> values = past_v;
  values.insert(values.end(), v.begin(), v.end());
  for (int m = 0; m < rows; ++m) {
    for (int h = 0; h < Hkv; ++h) {
      auto key = norm_and_rotate(&k[(m * Hkv + h) * D], k_norm, spec, position + m);
      out.k.insert(out.k.end(), key.begin(), key.end());
    }
  }
  keys.insert(keys.end(), out.k.begin(), out.k.end());
  for (int m = 0; m < rows; ++m) {
    for (int h = 0; h < spec.query_heads; ++h) {
      const double* source = &q[(m * spec.query_heads + h) * query_width];
      auto query = norm_and_rotate(source, q_norm, spec, position + m);
      int kv = h / (spec.query_heads / Hkv);
      std::vector<double> p;
      for (int t = 0; t <= position + m; ++t) {
        double score = 0.0;
        for (int d = 0; d < D; ++d) {
          score += query[d] * keys[(t * Hkv + kv) * D + d];
        }
        p.push_back(score / std::sqrt(static_cast<double>(D)));
      }
      double top = *std::max_element(p.begin(), p.end());
      double total = 0.0;
      for (double& x : p) {
        x = std::exp(x - top);
        total += x;
      }
      for (int d = 0; d < D; ++d) {
        double sum = 0.0;
        for (int t = 0; t <= position + m; ++t) {
          sum += p[t] / total * values[(t * Hkv + kv) * D + d];
        }
        out.y.push_back(spec.gated ? sum / (1.0 + std::exp(-source[D + d])) : sum);
      }
    }
  }
  return out;
}

} // namespace mtplx::kernels
