#include "kernels/gated_delta/reference.h"

#include <cmath>

namespace mtplx::kernels {

namespace {

double sigmoid(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

// x / sqrt(sum x^2 + 1e-6) * scale
void l2_normalise(double* x, int dim, double scale) {
  double sum = 0.0;
  for (int i = 0; i < dim; ++i) {
    sum += x[i] * x[i];
  }
  for (int i = 0; i < dim; ++i) {
    x[i] *= scale / std::sqrt(sum + 1e-6);
  }
}

} // namespace

std::vector<double> gated_delta_reference(const GatedDeltaInput& in,
                                          const GatedDeltaSpec& spec,
                                          int rows,
                                          GatedDeltaStateReference& state) {
  int keys = spec.key_heads * spec.key_dim;
  int channels = 2 * keys + spec.value_heads * spec.value_dim;
  int Dk = spec.key_dim;
  int Dv = spec.value_dim;
  std::vector<double> y;
  for (int m = 0; m < rows; ++m) {
    // Conv over the last `taps` raw rows, this one included.
    state.conv.insert(state.conv.end(), in.qkv.begin() + m * channels, in.qkv.begin() + (m + 1) * channels);
    std::vector<double> c(channels);
    for (int i = 0; i < channels; ++i) {
      double sum = 0.0;
      for (int t = 0; t < spec.conv_kernel; ++t) {
        sum += in.conv[t * channels + i] * state.conv[t * channels + i];
      }
      c[i] = sum * sigmoid(sum);
    }
    state.conv.erase(state.conv.begin(), state.conv.begin() + channels);
    for (int h = 0; h < spec.key_heads; ++h) {
      l2_normalise(&c[h * Dk], Dk, 1.0 / std::sqrt(static_cast<double>(Dk)));
      l2_normalise(&c[keys + h * Dk], Dk, 1.0);
    }
    for (int h = 0; h < spec.value_heads; ++h) {
      const double* q = &c[h / (spec.value_heads / spec.key_heads) * Dk];
      const double* k = q + keys;
      const double* v = &c[2 * keys + h * Dv];
      double beta = sigmoid(in.b[m * spec.value_heads + h]);
      double g =
          std::exp(-std::exp(in.a_log[h]) * std::log1p(std::exp(in.a[m * spec.value_heads + h] + in.dt_bias[h])));
      double* S = &state.recurrent[h * Dk * Dv]; // S[d][e]: key dim d, value dim e
      std::vector<double> o(Dv);
      double squares = 0.0;
      for (int e = 0; e < Dv; ++e) {
        double dot = 0.0;
        for (int d = 0; d < Dk; ++d) {
          S[d * Dv + e] *= g;
          dot += S[d * Dv + e] * k[d];
        }
        double u = beta * (v[e] - dot);
        for (int d = 0; d < Dk; ++d) {
          S[d * Dv + e] += u * k[d];
          o[e] += S[d * Dv + e] * q[d];
        }
        squares += o[e] * o[e];
      }
      for (int e = 0; e < Dv; ++e) {
        double z = in.z[(m * spec.value_heads + h) * Dv + e];
        y.push_back(o[e] / std::sqrt(squares / Dv + spec.eps) * in.norm[e] * z * sigmoid(z));
      }
    }
  }
  return y;
}

} // namespace mtplx::kernels
