#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "kernels/common/testing/compare.h"
#include "kernels/common/testing/law.h"
#include "kernels/common/testing/plan.h"
#include "kernels/moe/testing.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

RowOp own(const TestMoe& m, const MoeSpec& spec) {
  return [&m, spec](const std::vector<mx::array>& in) { return moe(in[0], m.weights, spec); };
}

RowOp stock(const TestMoe& m, const MoeSpec& spec) {
  return [&m, spec](const std::vector<mx::array>& in) {
    return mlx_form::moe(in[0], m.mlx, spec.experts_per_token, spec.normalise, cpu());
  };
}

} // namespace

TEST_CASE("moe: against float64, and the stock form agrees") {
  Random random(51);
  for (int bits : {0, 4, 8}) {
    TestMoe m = random_moe(random, 8, 64, 32, bits);
    for (int k : {1, 3, 8}) {
      for (bool normalise : {true, false}) {
        INFO(bits, " bits, ", k, " of 8 experts, normalise ", normalise);
        mx::array x = random.normals({5, 64});
        MoeSpec spec = {8, k, normalise};
        Doubles want = reference::moe(doubles(x), 64, m.reference, k, normalise);
        // Affine weights meet activations of 16 bits (kernels/linear), three times in a row.
        CHECK(relative_rms(floats(own(m, spec)({x})), want) < (bits == 0 ? 2e-6 : 2e-4));
        CHECK(relative_rms(floats(stock(m, spec)({x})), want) < 2e-6);
      }
    }
  }
}

TEST_CASE("moe: equal experts: the lower id is chosen") {
  Random random(52);
  TestMoe m = random_moe(random, 6, 32, 16, 0);
  // All router rows equal: each expert has the same probability.
  Floats row = floats(random.normals({1, 32}));
  Floats router;
  for (int e = 0; e < 6; ++e) {
    router.insert(router.end(), row.begin(), row.end());
  }
  m.weights.router = dense_weight(from_floats(router, {6, 32}));
  m.reference.router = Doubles(router.begin(), router.end());
  mx::array x = random.normals({4, 32});
  for (int k : {1, 2, 5}) {
    Doubles want = reference::moe(doubles(x), 32, m.reference, k, true);
    CHECK(relative_rms(floats(moe(x, m.weights, {6, k, true})), want) < 2e-6);
  }
}

TEST_CASE("moe: rows keep the law, whoever shares their experts, M = 1..17") {
  Random random(53);
  for (int bits : {0, 4, 5}) {
    TestMoe m = random_moe(random, 8, 64, 32, bits);
    for (int k : {2, 8}) {
      INFO(bits, " bits, ", k, " of 8 experts");
      CHECK(law_difference(own(m, {8, k, true}), {random.normals({17, 64})}) == "");
    }
    // Every row alike: one group of 17 rows for each chosen expert.
    Floats row = floats(random.normals({1, 64}));
    Floats same;
    for (int r = 0; r < 17; ++r) {
      same.insert(same.end(), row.begin(), row.end());
    }
    CHECK(law_difference(own(m, {8, 2, false}), {from_floats(same, {17, 64})}) == "");
  }
}

TEST_CASE("moe: a row with a NaN or an infinity becomes NaN, alone") {
  Random random(54);
  TestMoe m = random_moe(random, 8, 64, 32, 4);
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                    -std::numeric_limits<float>::infinity()}) {
    for (bool normalise : {true, false}) {
      mx::array x = random.normals({4, 64});
      Floats dirty = floats(x);
      dirty[64 + 5] = bad;
      Floats clean_y = floats(moe(x, m.weights, {8, 2, normalise}));
      Floats y = floats(moe(from_floats(dirty, {4, 64}), m.weights, {8, 2, normalise}));
      for (int i = 0; i < 4 * 64; ++i) {
        CHECK(std::isnan(y[i]) == (i / 64 == 1));
        CHECK((i / 64 == 1 || y[i] == clean_y[i]));
      }
    }
  }
}

TEST_CASE("moe: a row whose logits hold a NaN becomes NaN, though its experts are finite") {
  Random random(57);
  TestMoe m = random_moe(random, 8, 64, 32, 0);
  // Expert 5's logit is infinity minus infinity; the others have an order.
  Floats router = floats(dense_values(m.weights.router));
  for (int h = 0; h < 64; ++h) {
    router[5 * 64 + h] = h % 2 == 0 ? std::numeric_limits<float>::infinity() : -std::numeric_limits<float>::infinity();
  }
  m.weights.router = dense_weight(from_floats(router, {8, 64}));
  mx::array x = from_floats(Floats(2 * 64, 1.0f), {2, 64});
  for (int k : {1, 2, 7}) {
    for (float v : floats(moe(x, m.weights, {8, k, true}))) {
      CHECK(std::isnan(v));
    }
  }
}

TEST_CASE("moe: the stock form keeps the law") {
  Random random(55);
  for (int bits : {0, 4}) {
    TestMoe m = random_moe(random, 8, 64, 32, bits);
    CHECK(batch_difference(stock(m, {8, 2, true}), {random.normals({33, 64})}) == "");
    CHECK(neighbour_difference(stock(m, {8, 2, true}), {random.normals({9, 64})}) == "");
  }
}

TEST_CASE("moe: wrong inputs are refused") {
  Random random(56);
  TestMoe m = random_moe(random, 4, 32, 16, 0);
  mx::array x = random.normals({2, 32});
  using invalid = std::invalid_argument;
  const char* spec = "[moe] The router, the experts and the spec do not agree.";
  CHECK_THROWS_WITH_AS(moe(x, m.weights, {5, 2, true}), spec, invalid);
  CHECK_THROWS_WITH_AS(moe(x, m.weights, {4, 0, true}), spec, invalid);
  CHECK_THROWS_WITH_AS(moe(x, m.weights, {4, 5, true}), spec, invalid);
  const char* rows = "[moe] x must be f32 [M, 32].";
  CHECK_THROWS_WITH_AS(moe(random.normals({2, 31}), m.weights, {4, 2, true}), rows, invalid);
  CHECK_THROWS_WITH_AS(moe(mx::astype(x, mx::float16, cpu()), m.weights, {4, 2, true}), rows, invalid);
  const char* expert = "[moe] An expert's gate and up must be [F, H], its down [H, F], shared_gate [1, H].";
  std::swap(m.weights.experts[2].up, m.weights.experts[2].down);
  CHECK_THROWS_WITH_AS(moe(x, m.weights, {4, 2, true}), expert, invalid);
}

TEST_CASE("moe: as a call of a plan, plus what it is added to") {
  Random random(57);
  for (int rows : {1, 4, 20}) {
    TestMoe m = random_moe(random, 8, 64, 32, 4);
    MoeSpec spec = {8, 2, true};
    mx::array x = random.normals({rows, 64});
    mx::array residual = random.normals({rows, 64});
    PlanCheck check(rows);
    plan_moe_add(check.plan, check.in(x), m.weights, spec, check.in(residual),
                 check.out(mx::add(residual, moe(x, m.weights, spec), cpu())));
    CHECK(check.same());
  }
}
