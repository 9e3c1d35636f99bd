#include <doctest/doctest.h>

#include <cmath>

#include "kernels/common/testing/compare.h"
#include "kernels/common/testing/law.h"
#include "kernels/common/testing/plan.h"
#include "kernels/rms_norm/mlx_form.h"
#include "kernels/rms_norm/reference.h"
#include "kernels/rms_norm/rms_norm.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

constexpr float eps = 1e-6f;
constexpr int widths[] = {1, 7, 15, 16, 17, 33, 384, 1000, 5120};

RowOp own(const mx::array& weight) {
  return [&weight](const std::vector<mx::array>& in) { return rms_norm(in[0], weight, eps); };
}

} // namespace

TEST_CASE("rms_norm: against float64") {
  Random random(31);
  for (int H : widths) {
    for (double scale : {1e-3, 1.0, 1e4}) {
      INFO("H = ", H, ", x times ", scale);
      mx::array weight = random.normals({H});
      mx::array x = random.normals({5, H}, scale);
      Doubles want = reference::rms_norm(doubles(x), doubles(weight), eps);
      // H / 16 + 19 roundings of the squares, halved by the root, and five of root, division and products.
      Doubles bound;
      for (double w : want) {
        bound.push_back(std::abs(w) * ((H / 16 + 19) / 2.0 + 5) * 0x1p-24);
      }
      Floats got = floats(rms_norm(x, weight, eps));
      CHECK(worst_of_bound(got, want, bound) <= 1.0);
      CHECK(relative_rms(got, want) < 3e-7);
    }
  }
}

TEST_CASE("rms_norm: a zero row gives zeros, denormals keep their value, negative weights their sign") {
  mx::array weight = from_floats({-2.0f, -2.0f, 3.0f}, {3});
  mx::array x = from_floats({0.0f, 0.0f, 0.0f, 1e-40f, -1e-40f, 0.0f, 2.0f, 2.0f, 2.0f}, {3, 3});
  Floats y = floats(rms_norm(x, weight, eps));
  Doubles want = reference::rms_norm(doubles(x), doubles(weight), eps);
  for (int i = 0; i < 9; ++i) {
    CHECK(std::abs(y[i] - want[i]) <= std::abs(want[i]) * 4e-7);
  }
}

TEST_CASE("rms_norm: rows keep the law, M = 1..17") {
  Random random(32);
  for (int H : widths) {
    INFO("H = ", H);
    mx::array weight = random.normals({H});
    CHECK(law_difference(own(weight), {random.normals({17, H})}) == "");
    CHECK(law_difference(own(weight), {random.normals({3, H}, 1e-40)}) == "");
    CHECK(law_difference(own(weight), {random.normals({3, H}, 1e25)}) == ""); // squares overflow
  }
}

TEST_CASE("rms_norm: a NaN makes its row NaN and no other") {
  Random random(33);
  mx::array weight = random.normals({33});
  mx::array x = random.normals({4, 33});
  Floats dirty = floats(x);
  dirty[2 * 33 + 32] = NAN;
  Floats clean_y = floats(rms_norm(x, weight, eps));
  Floats y = floats(rms_norm(from_floats(dirty, {4, 33}), weight, eps));
  for (int i = 0; i < 4 * 33; ++i) {
    CHECK(std::isnan(y[i]) == (i / 33 == 2));
    CHECK((i / 33 == 2 || y[i] == clean_y[i]));
  }
}

TEST_CASE("rms_norm: a pair is two norms side by side") {
  Random random(35);
  for (int H : {1, 33, 384}) {
    mx::array weights[2] = {random.normals({H}), random.normals({H})};
    mx::array rows[2] = {random.normals({5, H}), random.normals({5, H})};
    Floats pair = floats(rms_norm_pair(rows[0], weights[0], rows[1], weights[1], eps));
    for (int half = 0; half < 2; ++half) {
      Floats one = floats(rms_norm(rows[half], weights[half], eps));
      for (int i = 0; i < 5 * H; ++i) {
        CHECK(pair[(2 * (i / H) + half) * H + i % H] == one[i]);
      }
    }
  }
  mx::array x = mx::ones({2, 4}, mx::float32, cpu());
  mx::array w = mx::ones({4}, mx::float32, cpu());
  CHECK_THROWS_WITH_AS(rms_norm_pair(x, w, mx::ones({3, 4}, mx::float32, cpu()), w, eps),
                       "[rms_norm] a and b must have one shape.", std::invalid_argument);
}

TEST_CASE("rms_norm: stock mx::fast::rms_norm keeps the law") {
  Random random(34);
  for (int H : {7, 33, 384}) {
    mx::array weight = random.normals({H});
    RowOp op = [&](const std::vector<mx::array>& in) { return mlx_form::rms_norm(in[0], weight, eps, cpu()); };
    CHECK(batch_difference(op, {random.normals({33, H})}) == "");
    CHECK(neighbour_difference(op, {random.normals({9, H})}) == "");
  }
}

TEST_CASE("rms_norm: wrong inputs are refused") {
  const char* form = "[rms_norm] x must be f32 [M, H] and weight f32 [H].";
  mx::array x = mx::ones({2, 4}, mx::float32, cpu());
  mx::array w = mx::ones({4}, mx::float32, cpu());
  using invalid = std::invalid_argument;
  CHECK_THROWS_WITH_AS(rms_norm(w, w, eps), form, invalid);
  CHECK_THROWS_WITH_AS(rms_norm(x, x, eps), form, invalid);
  CHECK_THROWS_WITH_AS(rms_norm(x, mx::ones({5}, mx::float32, cpu()), eps), form, invalid);
  CHECK_THROWS_WITH_AS(rms_norm(mx::astype(x, mx::bfloat16, cpu()), w, eps), form, invalid);
  CHECK_THROWS_WITH_AS(rms_norm(x, mx::astype(w, mx::float16, cpu()), eps), form, invalid);
}

TEST_CASE("rms_norm: as calls of a plan") {
  Random random(39);
  for (int rows : {1, 2, 17}) {
    mx::array x = random.normals({rows, 40});
    mx::array b = random.normals({rows, 40});
    mx::array weight = random.normals({40});
    PlanCheck check(rows);
    PlanRows xs = check.in(x);
    plan_rms_norm(check.plan, xs, weight, eps, check.out(rms_norm(x, weight, eps)));
    plan_rms_norm_pair(check.plan, xs, weight, check.in(b), weight, eps,
                       check.out(rms_norm_pair(x, weight, b, weight, eps)));
    CHECK(check.same());
  }
}
