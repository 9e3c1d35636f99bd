#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/common/isa.h"
#include "kernels/common/thread_pool.h"
#include "kernels/linear/linear.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/swiglu/swiglu.h"

// The integer form against its definition, written apart from the kernels, and against float64.
namespace mtplx::kernels {

namespace {

struct Case {
  int N, K, bits, group;
  mx::Dtype dtype = mx::bfloat16;
};

// Values as MLX packs them, and as plain numbers.
struct Weight {
  LinearWeight kernel;
  std::vector<uint8_t> q;
  std::vector<float> scale, bias;
};

Weight random_weight(const Case& c, std::mt19937& random) {
  std::normal_distribution<float> normal;
  int groups = c.K / c.group;
  size_t row_words = static_cast<size_t>(c.K) * c.bits / 32;
  std::vector<uint8_t> values(static_cast<size_t>(c.N) * c.K);
  std::vector<uint32_t> words(c.N * row_words);
  for (int n = 0; n < c.N; ++n) {
    for (int k = 0; k < c.K; ++k) {
      uint32_t q = random() & ((1u << c.bits) - 1);
      values[static_cast<size_t>(n) * c.K + k] = static_cast<uint8_t>(q);
      for (int b = 0; b < c.bits; ++b) {
        size_t bit = static_cast<size_t>(k) * c.bits + b;
        words[n * row_words + bit / 32] |= ((q >> b) & 1u) << (bit % 32);
      }
    }
  }
  std::vector<float> scale(static_cast<size_t>(c.N) * groups), bias(scale.size());
  for (size_t i = 0; i < scale.size(); ++i) {
    scale[i] = i % 29 == 0 ? 0.0f : 0.02f * normal(random); // zero and negative scales too
    bias[i] = -scale[i] * static_cast<float>(1 << (c.bits - 1)) + 0.01f * normal(random);
  }
  auto rounded = [&](const std::vector<float>& v, std::vector<float>& kept) {
    mx::array a = mx::astype(mx::array(v.begin(), {c.N, groups}, mx::float32), c.dtype);
    mx::array f = mx::astype(a, mx::float32);
    mx::eval(a, f);
    kept.assign(f.data<float>(), f.data<float>() + f.size());
    return a;
  };
  std::vector<float> kept_scale, kept_bias;
  mx::array s = rounded(scale, kept_scale);
  mx::array b = rounded(bias, kept_bias);
  mx::array packed(words.begin(), {c.N, static_cast<int>(row_words)}, mx::uint32);
  return {affine_weight(packed, s, b, c.bits, c.group), std::move(values), std::move(kept_scale), std::move(kept_bias)};
}

std::vector<float> random_rows(int rows, int K, std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(rows) * K);
  for (auto& v : x) {
    v = normal(random);
  }
  return x;
}

std::vector<float> values_of(mx::array a) {
  mx::eval(a);
  return {a.data<float>(), a.data<float>() + a.size()};
}

std::vector<float> run(const Weight& w, const std::vector<float>& x, int rows) {
  mx::array in(x.begin(), {rows, w.kernel.in_features}, mx::float32);
  return values_of(linear(in, w.kernel));
}

float finite_row_value(const Weight& w, const Case& c, const float* x, int n) {
  float acc = 0.0f;
  for (int g = 0; g < c.K / c.group; ++g) {
    float top = 0.0f;
    for (int k = 0; k < c.group; ++k) {
      top = std::max(top, std::fabs(x[g * c.group + k]));
    }
    if (top == 0.0f) {
      continue; // adds zeros
    }
    float up = top < 0x1p-100f ? 0x1p64f : 1.0f;
    float inverse = 32512.0f / (top * up);
    float scale = top * up / 32512.0f * (1.0f / up);
    int64_t sum = 0;
    int64_t sum_x = 0;
    for (int k = 0; k < c.group; ++k) {
      auto q = static_cast<int64_t>(std::nearbyint(static_cast<double>(x[g * c.group + k] * up * inverse)));
      sum += q * w.q[static_cast<size_t>(n) * c.K + g * c.group + k];
      sum_x += q;
    }
    size_t at = static_cast<size_t>(n) * (c.K / c.group) + g;
    acc = std::fma(static_cast<float>(sum) * scale, w.scale[at], acc);
    acc = std::fma(w.bias[at], scale * static_cast<float>(sum_x), acc);
  }
  return acc;
}

bool same_bits(const float* a, const float* b, size_t count) {
  return std::memcmp(a, b, count * sizeof(float)) == 0;
}

struct KeepIsa {
  Isa isa = active_isa();
  ~KeepIsa() {
    force_isa(isa);
    set_threads(1);
  }
};

} // namespace

TEST_CASE("integer linear: the definition's bits at every M, thread count and instruction set") {
  KeepIsa keep;
  std::mt19937 random(1);
  std::vector<Case> cases = {{48, 384, 4, 64}, {1, 64, 4, 64}, {33, 128, 4, 32}, {17, 256, 4, 128}, {17, 640, 4, 64}};
  for (int bits : {2, 3, 4, 5, 6, 8}) {
    for (int group : {32, 64, 128}) {
      for (auto dtype : {mx::float32, mx::float16, mx::bfloat16}) {
        cases.push_back({19, 2 * group, bits, group, dtype});
      }
    }
  }
  for (const Case& c : cases) {
    Weight w = random_weight(c, random);
    for (int rows = 1; rows <= (c.K == 384 ? 17 : 5); ++rows) {
      std::vector<float> x = random_rows(rows, c.K, random);
      for (int k = 0; k < c.K; ++k) {
        x[k] *= 1e-41f;                // denormals
        x[x.size() - 1 - k] *= 1e+30f; // of the only row: back to common sizes
      }
      std::fill_n(x.end() - c.group, c.group, 0.0f); // a group without a step
      std::vector<float> wanted;
      for (int m = 0; m < rows; ++m) {
        for (int n = 0; n < c.N; ++n) {
          wanted.push_back(finite_row_value(w, c, x.data() + static_cast<size_t>(m) * c.K, n));
        }
      }
      for (Isa isa : all_isas) {
        if (!isa_runs_here(isa)) {
          continue;
        }
        force_isa(isa);
        for (int threads : {1, 3}) {
          set_threads(threads);
          std::vector<float> y = run(w, x, rows);
          CAPTURE(isa_name(isa));
          CAPTURE(c.bits);
          CAPTURE(c.group);
          CAPTURE(rows);
          REQUIRE(same_bits(y.data(), wanted.data(), y.size()));
        }
      }
    }
  }
}

TEST_CASE("integer linear: NaN and infinities stay in their row, and infinities keep their sign") {
  KeepIsa keep;
  std::mt19937 random(2);
  Case c{40, 128, 4, 64};
  Weight w = random_weight(c, random);
  std::vector<float> x = random_rows(5, c.K, random);
  std::vector<float> clean = run(w, x, 5);
  x[1 * c.K + 7] = std::numeric_limits<float>::quiet_NaN();
  x[3 * c.K + 70] = -std::numeric_limits<float>::infinity();
  for (Isa isa : all_isas) {
    if (isa_runs_here(isa)) {
      force_isa(isa);
      std::vector<float> y = run(w, x, 5);
      for (int m : {0, 2, 4}) {
        CHECK(same_bits(y.data() + m * c.N, clean.data() + m * c.N, c.N));
      }
      for (int n = 0; n < c.N; ++n) {
        CHECK(std::isnan(y[1 * c.N + n]));
        size_t at = static_cast<size_t>(n) * 2 + 1;
        float wv = std::fma(w.scale[at], static_cast<float>(w.q[static_cast<size_t>(n) * c.K + 70]), w.bias[at]);
        float got = y[3 * c.N + n];
        CHECK((wv == 0.0f ? std::isnan(got) : got == -std::copysign(std::numeric_limits<float>::infinity(), wv)));
      }
    }
  }
}

TEST_CASE("integer linear: error against float64 relative to the RMS of the exact output") {
  std::mt19937 random(3);
  Case c{256, 1024, 4, 64};
  Weight w = random_weight(c, random);
  for (auto [factor, bar] : {std::pair{1.0f, 3e-5}, {10.0f, 8e-5}, {100.0f, 8e-5}, {1e4f, 8e-5}}) {
    float outlier = factor; // clang 14 captures no structured binding
    std::vector<float> x = random_rows(4, c.K, random);
    for (size_t i = 0; i < x.size(); i += 173) {
      x[i] *= outlier;
    }
    std::vector<float> y = run(w, x, 4);
    double error = 0.0;
    double norm = 0.0;
    for (int m = 0; m < 4; ++m) {
      for (int n = 0; n < c.N; ++n) {
        double exact = 0.0;
        for (int k = 0; k < c.K; ++k) {
          size_t at = static_cast<size_t>(n) * (c.K / c.group) + k / c.group;
          exact += (static_cast<double>(w.scale[at]) * w.q[static_cast<size_t>(n) * c.K + k] + w.bias[at]) *
                   x[static_cast<size_t>(m) * c.K + k];
        }
        error += std::pow(y[static_cast<size_t>(m) * c.N + n] - exact, 2);
        norm += exact * exact;
      }
    }
    CAPTURE(outlier);
    CHECK(std::sqrt(error / norm) <= bar);
  }
}

TEST_CASE("several weights, the norm and SwiGLU in one task give the bits of one by one") {
  KeepIsa keep;
  std::mt19937 random(4);
  Weight a = random_weight({72, 128, 4, 64}, random);
  Weight b = random_weight({4, 128, 4, 64}, random);
  Weight c = random_weight({72, 128, 6, 32}, random);
  LinearWeight dense = dense_weight(mx::random::normal({20, 128}));
  std::vector<float> scale = random_rows(1, 128, random);
  InputNorm norm{mx::array(scale.begin(), {128}, mx::float32), 1e-6f};
  for (int rows : {1, 4, 19}) {
    std::vector<float> x = random_rows(rows, 128, random);
    mx::array in(x.begin(), {rows, 128}, mx::float32);
    mx::array h = rms_norm(in, norm.weight, norm.eps);
    set_threads(1);
    std::vector<std::vector<float>> wanted;
    for (const auto* w : {&a.kernel, &b.kernel, &c.kernel, &dense}) {
      wanted.push_back(values_of(linear(h, *w)));
    }
    std::vector<float> glu = values_of(swiglu(linear(h, a.kernel), linear(h, c.kernel)));
    for (int threads : {1, 2}) {
      set_threads(threads);
      auto y = linears(in, {&a.kernel, &b.kernel, &c.kernel, &dense}, &norm);
      for (size_t i = 0; i < y.size(); ++i) {
        CHECK(values_of(y[i]) == wanted[i]);
      }
      CHECK(values_of(linear_swiglu(in, a.kernel, c.kernel, &norm)) == glu);
    }
  }
}

} // namespace mtplx::kernels
