#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "kernels/common/testing/compare.h"
#include "kernels/common/testing/law.h"
#include "kernels/common/testing/plan.h"
#include "kernels/linear/reference.h"
#include "kernels/linear/testing.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

constexpr double unit = 0x1p-24; // half an ulp of 1 in f32
constexpr int widths[] = {2, 3, 4, 5, 6, 8};
constexpr int group_sizes[] = {32, 64, 128};
const mx::Dtype dtypes[] = {mx::float32, mx::float16, mx::bfloat16};

Doubles absolute(Doubles v) {
  for (double& x : v) {
    x = std::abs(x);
  }
  return v;
}

// What the contract's arithmetic can lose. Dense: K roundings on a term's way. Affine: x is off by half a step of its
// group (and by the rounding of a denormal step), then come a few roundings a group.
Doubles error_bound(const Doubles& x, const TestWeight& w, int M) {
  const mlx_form::Weight& m = w.mlx;
  int N = w.out_features;
  int K = w.in_features;
  if (m.bits == 0) {
    Doubles bound = reference::linear(absolute(x), absolute(w.values), M, N, K);
    for (double& b : bound) {
      b *= (K + 1) * unit;
    }
    return bound;
  }
  Doubles steps(x.size());
  for (size_t begin = 0; begin < x.size(); begin += m.group_size) {
    double top = 0.0;
    for (int k = 0; k < m.group_size; ++k) {
      top = std::max(top, std::abs(x[begin + k]));
    }
    for (int k = 0; k < m.group_size; ++k) {
      steps[begin + k] = top / (2 * 32512.0) * 1.0001 + 32512.0 * 0x1p-150;
    }
  }
  Doubles quantised = reference::linear(steps, absolute(w.values), M, N, K);
  // |scale| * q + |bias| instead of scale * q + bias.
  Doubles terms = reference::affine_values(words(m.values), absolute(doubles(*m.scales)), absolute(doubles(*m.biases)),
                                           N, K, m.bits, m.group_size);
  Doubles bound = reference::linear(absolute(x), terms, M, N, K);
  int groups = K / m.group_size;
  for (size_t i = 0; i < bound.size(); ++i) {
    bound[i] = bound[i] * (2 * groups + 8) * unit + quantised[i] + groups * 0x1p-148;
  }
  return bound;
}

void check_against_reference(const TestWeight& w, const mx::array& x, double rms) {
  int M = x.shape(0);
  Doubles in = doubles(x);
  Doubles want = reference::linear(in, w.values, M, w.out_features, w.in_features);
  Floats got = floats(linear(x, w.weight));
  CHECK(worst_of_bound(got, want, error_bound(in, w, M)) <= 1.0);
  // Of three outputs one may cancel to almost nothing.
  if (want.size() >= 16) {
    CHECK(relative_rms(got, want) < rms);
  }
}

RowOp own(const TestWeight& w) {
  return [&w](const std::vector<mx::array>& in) { return linear(in[0], w.weight); };
}

RowOp stock(const TestWeight& w, mx::Dtype dtype) {
  return [&w, dtype](const std::vector<mx::array>& in) {
    return mlx_form::linear(mx::astype(in[0], dtype, cpu()), w.mlx, cpu());
  };
}

std::string name(int bits, int group, mx::Dtype dtype) {
  std::ostringstream text;
  text << bits << " bits, groups of " << group << ", " << dtype;
  return text.str();
}

} // namespace

TEST_CASE("linear: affine against float64, every width, group size and scale type") {
  Random random(1);
  for (int bits : widths) {
    for (int group : group_sizes) {
      for (mx::Dtype dtype : dtypes) {
        INFO(name(bits, group, dtype));
        // One group, and several; N below, at and beside multiples of 16.
        for (auto [N, K] : {std::pair{1, group}, {16, group}, {33, 3 * group}, {70, 384}}) {
          check_against_reference(random_affine(random, N, K, bits, group, dtype), random.normals({3, K}), 8e-5);
        }
      }
    }
  }
}

TEST_CASE("linear: exact where its arithmetic is exact") {
  // Small integers and powers of two, and in each group an x of 127 / 32, which makes the step 2^-13: no rounding
  // anywhere, so a wrong sign, field, order or group shows as itself.
  Random random(2);
  for (int bits : widths) {
    for (int group : group_sizes) {
      for (mx::Dtype dtype : dtypes) {
        INFO(name(bits, group, dtype));
        int N = 21;
        int K = 2 * group;
        Floats scales, biases, x;
        for (int i = 0; i < N * 2; ++i) {
          const float choice[] = {-2.0f, -0.5f, 0.0f, 0.25f, 1.0f};
          scales.push_back(choice[random.below(5)]);
          biases.push_back(static_cast<float>(random.below(9) - 4));
        }
        for (int i = 0; i < 5 * K; ++i) {
          x.push_back(i % group == 0 ? 3.96875f : static_cast<float>(random.below(7) - 3));
        }
        mx::array s = mx::astype(from_floats(scales, {N, 2}), dtype, cpu());
        mx::array b = mx::astype(from_floats(biases, {N, 2}), dtype, cpu());
        TestWeight w = affine_test_weight(random.words({N, K * bits / 32}), s, b, bits, group);
        Doubles want = reference::linear(Doubles(x.begin(), x.end()), w.values, 5, N, K);
        Floats got = floats(linear(from_floats(x, {5, K}), w.weight));
        CHECK(Doubles(got.begin(), got.end()) == want);
        Floats values = floats(dense_values(w.weight));
        CHECK(Doubles(values.begin(), values.end()) == w.values);
        CHECK(bit_difference(dense_values(w.weight), mlx_form::dense_values(w.mlx, cpu())) == "");
      }
    }
  }
}

TEST_CASE("linear: dense against float64") {
  Random random(3);
  for (mx::Dtype dtype : dtypes) {
    INFO(name(0, 0, dtype));
    for (auto [N, K] : {std::pair{1, 1}, {16, 7}, {17, 33}, {85, 48}, {40, 384}, {5, 1000}}) {
      TestWeight w = random_dense(random, N, K, dtype);
      // Tiles of four, three, two and one rows.
      for (int M : {4, 3, 2, 1}) {
        check_against_reference(w, random.normals({M, K}), 2e-6);
      }
      Floats values = floats(dense_values(w.weight));
      CHECK(Doubles(values.begin(), values.end()) == w.values);
    }
  }
}

TEST_CASE("linear: rows keep the law, M = 1..17") {
  Random random(4);
  for (int bits : widths) {
    for (int group : group_sizes) {
      mx::Dtype dtype = dtypes[random.below(3)];
      INFO(name(bits, group, dtype));
      TestWeight w = random_affine(random, 85, 2 * group, bits, group, dtype);
      CHECK(law_difference(own(w), {random.normals({17, 2 * group})}) == "");
    }
  }
  for (mx::Dtype dtype : dtypes) {
    INFO(name(0, 0, dtype));
    TestWeight w = random_dense(random, 85, 67, dtype);
    CHECK(law_difference(own(w), {random.normals({17, 67})}) == "");
  }
}

TEST_CASE("linear: denormals lose at most what the contract says, alike everywhere") {
  Random random(5);
  for (int bits : {3, 4}) {
    TestWeight w = random_affine(random, 20, 64, bits, 64, mx::float32);
    mx::array x = random.normals({5, 64}, 0x1p-130);
    CHECK(law_difference(own(w), {x}) == "");
    Doubles in = doubles(x);
    Doubles want = reference::linear(in, w.values, 5, 20, 64);
    CHECK(worst_of_bound(floats(linear(x, w.weight)), want, error_bound(in, w, 5)) <= 1.0);
    // The scales and biases may be denormal too.
    mx::array tiny = from_floats(Floats(20, 0x1p-140f), {20, 1});
    TestWeight d = affine_test_weight(random.words({20, 2 * bits}), tiny, tiny, bits, 64);
    check_against_reference(d, random.normals({5, 64}, 0x1p30), 8e-5);
    CHECK(law_difference(own(d), {random.normals({5, 64}, 0x1p30)}) == "");
  }
}

TEST_CASE("linear: NaN and infinities stay in their row and do not become numbers") {
  Random random(6);
  TestWeight weights[] = {random_affine(random, 19, 64, 4, 64, mx::bfloat16),
                          random_affine(random, 19, 64, 8, 32, mx::float16), random_dense(random, 19, 64, mx::float32)};
  for (const TestWeight& w : weights) {
    for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                      -std::numeric_limits<float>::infinity()}) {
      mx::array x = random.normals({6, 64});
      Floats dirty = floats(x);
      dirty[2 * 64 + 63] = bad; // one element of row 2
      Floats clean_y = floats(linear(x, w.weight));
      Floats y = floats(linear(from_floats(dirty, {6, 64}), w.weight));
      for (int i = 0; i < 6 * 19; ++i) {
        bool finite = std::isfinite(y[i]);
        CHECK(finite == (i / 19 != 2));
        CHECK((!finite || y[i] == clean_y[i]));
      }
    }
  }
}

TEST_CASE("linear_add: the sum, then the residual") {
  Random random(7);
  for (int N : {16, 37}) {
    TestWeight weights[] = {random_affine(random, N, 64, 4, 64, mx::bfloat16),
                            random_dense(random, N, 64, mx::bfloat16)};
    for (const TestWeight& w : weights) {
      mx::array x = random.normals({17, 64});
      mx::array residual = random.normals({17, N});
      CHECK(bit_difference(linear_add(x, w.weight, residual), mx::add(linear(x, w.weight), residual, cpu())) == "");
      RowOp op = [&](const std::vector<mx::array>& in) { return linear_add(in[0], w.weight, in[1]); };
      CHECK(law_difference(op, {x, residual}) == "");
    }
  }
}

TEST_CASE("linear: stock matmul and quantized_matmul keep the law, chunks to 33 rows") {
  Random random(8);
  for (mx::Dtype dtype : dtypes) {
    INFO(name(0, 0, dtype));
    for (int N : {1, 33}) {
      TestWeight w = random_dense(random, N, 96, dtype);
      CHECK(batch_difference(stock(w, dtype), {random.normals({33, 96})}) == "");
      CHECK(neighbour_difference(stock(w, dtype), {random.normals({9, 96})}) == "");
    }
  }
  for (int bits : widths) {
    INFO(bits, " bits");
    TestWeight w = random_affine(random, 33, 128, bits, 64, mx::bfloat16);
    CHECK(batch_difference(stock(w, mx::float32), {random.normals({33, 128})}) == "");
    CHECK(neighbour_difference(stock(w, mx::float32), {random.normals({9, 128})}) == "");
    CHECK(batch_difference(stock(w, mx::bfloat16), {random.normals({9, 128})}) == "");
  }
}

TEST_CASE("linear: wrong inputs are refused with what was found") {
  mx::array packed = mx::zeros({4, 8}, mx::uint32, cpu());
  mx::array scales = mx::zeros({4, 1}, mx::float32, cpu());
  auto affine = [&](const mx::array& p, const mx::array& s, int bits, int group) {
    affine_weight(p, s, s, bits, group);
  };
  using invalid = std::invalid_argument;
  CHECK_THROWS_WITH_AS(affine(packed, scales, 7, 64), "[linear] no 7-bit weights: use 2, 3, 4, 5, 6 or 8 bits.",
                       invalid);
  CHECK_THROWS_WITH_AS(affine(packed, scales, 4, 48), "[linear] no groups of 48: use 32, 64 or 128.", invalid);
  CHECK_THROWS_WITH_AS(
      affine(packed, scales, 4, 128),
      "[linear] packed (4,8), scales (4,1) and biases (4,1) do not agree with 4 bits in groups of 128.", invalid);
  CHECK_THROWS_WITH_AS(affine_weight(packed, scales, mx::zeros({4, 1}, mx::float16, cpu()), 4, 64),
                       "[linear] packed (4,8), scales (4,1) and biases (4,1) do not agree with 4 bits in groups of 64.",
                       invalid);
  const char* form =
      "[linear] a packed weight is u32 [N, K * bits / 32] with scales [N, K / group size], and not empty.";
  CHECK_THROWS_WITH_AS(affine(scales, scales, 4, 64), form, invalid);
  CHECK_THROWS_WITH_AS(affine(mx::zeros({4, 0}, mx::uint32, cpu()), mx::zeros({4, 0}, mx::float32, cpu()), 4, 64), form,
                       invalid);
  CHECK_THROWS_WITH_AS(affine(packed, mx::zeros({4, 1}, mx::int32, cpu()), 4, 64),
                       "[linear] scales must be f32, f16 or bf16.", invalid);
  CHECK_THROWS_WITH_AS(dense_weight(packed), "[linear] a dense weight must be f32, f16 or bf16.", invalid);
  CHECK_THROWS_WITH_AS(dense_weight(mx::zeros({4}, mx::float32, cpu())),
                       "[linear] a weight has two axes and is not empty, got (4).", invalid);
  CHECK_THROWS_WITH_AS(dense_weight(mx::zeros({4, 0}, mx::float32, cpu())),
                       "[linear] a weight has two axes and is not empty, got (4,0).", invalid);

  LinearWeight w = dense_weight(mx::ones({3, 5}, mx::float32, cpu()));
  mx::array x = mx::ones({2, 5}, mx::float32, cpu());
  CHECK_THROWS_WITH_AS(linear(mx::ones({2, 4}, mx::float32, cpu()), w), "[linear] x must be f32 [M, 5], got (2,4).",
                       invalid);
  CHECK_THROWS_WITH_AS(linear(mx::astype(x, mx::bfloat16, cpu()), w), "[linear] x must be f32 [M, 5], got (2,5).",
                       invalid);
  CHECK_THROWS_WITH_AS(linear_add(x, w, mx::ones({2, 4}, mx::float32, cpu())),
                       "[linear] residual must be f32 [2, 3], got (2,4).", invalid);
  CHECK_THROWS_WITH_AS(linear_add(x, w, mx::ones({2, 3}, mx::bfloat16, cpu())),
                       "[linear] residual must be f32 [2, 3], got (2,3).", invalid);
  mx::array columns = mx::transpose(mx::ones({5, 2}, mx::float32, cpu()), cpu());
  CHECK_THROWS_WITH_AS(linear(columns, w), "[linear] Input 0 is not row-contiguous.", invalid);
}

TEST_CASE("linear: as calls of a plan, few rows and many, a NaN in one") {
  Random random(61);
  struct Kind {
    int bits, group_size;
  };
  for (Kind kind : {Kind{4, 64}, Kind{3, 32}, Kind{0, 0}}) {
    auto weight = [&](int N, int K) {
      return kind.bits == 0 ? random_dense(random, N, K, mx::bfloat16)
                            : random_affine(random, N, K, kind.bits, kind.group_size, mx::bfloat16);
    };
    TestWeight a = weight(200, 192);
    TestWeight b = weight(200, 192);
    TestWeight c = weight(7, 192);
    TestWeight down = weight(192, 192);
    for (int rows : {1, 4, 15, 16, 37}) {
      INFO(kind.bits, " bits, ", rows, " rows");
      Floats values = floats(random.normals({rows, 192}));
      values[values.size() / 2] = rows % 2 == 0 ? NAN : 1.0f;
      mx::array x = from_floats(values, {rows, 192});
      mx::array residual = random.normals({rows, 192});
      InputNorm norm{random.normals({192}), 1e-6f};
      PlanCheck check(rows);
      PlanRows xs = check.in(x);
      for (const InputNorm* n : {static_cast<const InputNorm*>(nullptr), static_cast<const InputNorm*>(&norm)}) {
        auto y = linears(x, {&a.weight, &b.weight, &c.weight}, n);
        plan_linears(check.plan, xs, {&a.weight, &b.weight, &c.weight}, n,
                     {check.out(y[0]), check.out(y[1]), check.out(y[2])});
        plan_linear_swiglu(check.plan, xs, a.weight, b.weight, n, check.out(linear_swiglu(x, a.weight, b.weight, n)));
      }
      plan_linear_add(check.plan, xs, down.weight, check.in(residual), check.out(linear_add(x, down.weight, residual)));
      CHECK(check.same());
    }
  }
}

TEST_CASE("linear: a planned call with weights of two group sizes, and what does not fit") {
  Random random(62);
  TestWeight a = random_affine(random, 40, 128, 4, 64, mx::float32);
  TestWeight b = random_affine(random, 40, 128, 4, 32, mx::float32);
  TestWeight c = random_affine(random, 40, 128, 4, 128, mx::float32);
  for (int rows : {2, 20}) {
    mx::array x = random.normals({rows, 128});
    PlanCheck check(rows);
    auto y = linears(x, {&a.weight, &b.weight});
    plan_linears(check.plan, check.in(x), {&a.weight, &b.weight}, nullptr, {check.out(y[0]), check.out(y[1])});
    CHECK(check.same());
  }
  Plan plan(20);
  PlanRows x = plan.bound(128);
  PlanRows y = plan.bound(40);
  PlanRows narrow = plan.bound(39);
  auto refused = [&](const std::vector<const LinearWeight*>& weights, const std::vector<PlanRows>& to) {
    CHECK_THROWS_AS(plan_linears(plan, x, weights, nullptr, to), std::invalid_argument);
  };
  refused({&a.weight}, {narrow});
  refused({}, {});
  refused({&a.weight, &b.weight, &c.weight}, {y, y, y});
  CHECK_THROWS_AS(plan_linear_add(plan, x, a.weight, narrow, y), std::invalid_argument);
  CHECK_THROWS_AS(plan_linear_swiglu(plan, x, a.weight, b.weight, nullptr, narrow), std::invalid_argument);
}
