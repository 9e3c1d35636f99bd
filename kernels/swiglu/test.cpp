#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "kernels/common/testing/compare.h"
#include "kernels/common/testing/law.h"
#include "kernels/swiglu/mlx_form.h"
#include "kernels/swiglu/reference.h"
#include "kernels/swiglu/swiglu.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

mx::array own(const std::vector<mx::array>& in) {
  return swiglu(in[0], in[1]);
}

mx::array stock(const std::vector<mx::array>& in) {
  return mlx_form::swiglu(in[0], in[1], cpu());
}

} // namespace

TEST_CASE("swiglu: within four ulp of float64 over the whole range of the gate") {
  Random random(41);
  Floats gate;
  for (float g = -87.0f; g < 120.0f; g += 0.0371f) {
    gate.push_back(g);
  }
  for (float g = 0x1p-140f; g < 8.0f; g *= 1.5f) {
    gate.push_back(g);
    gate.push_back(-g);
  }
  int F = static_cast<int>(gate.size());
  mx::array g = from_floats(gate, {1, F});
  mx::array up = random.normals({1, F});
  Doubles want = reference::swiglu(doubles(g), doubles(up));
  Doubles bound;
  for (double w : want) {
    bound.push_back(std::abs(w) * 4 * 0x1p-23 + 0x1p-148);
  }
  CHECK(worst_of_bound(floats(swiglu(g, up)), want, bound) <= 1.0);
}

TEST_CASE("swiglu: the far ends") {
  constexpr float inf = std::numeric_limits<float>::infinity();
  mx::array gate = from_floats({-1000.0f, -89.0f, 0.0f, 1000.0f, inf, -inf, NAN, 1.0f}, {1, 8});
  mx::array up = from_floats({2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, NAN}, {1, 8});
  Floats y = floats(swiglu(gate, up));
  // Below -88.7 e^-x is infinite and silu 0; the true value is under 2e-37.
  CHECK(y[0] == 0.0f);
  CHECK(y[1] == 0.0f);
  CHECK(y[2] == 0.0f);
  CHECK(y[3] == 2000.0f);
  CHECK(y[4] == inf);
  CHECK(std::isnan(y[5])); // -inf * 0, as in stock MLX
  CHECK(std::isnan(y[6]));
  CHECK(std::isnan(y[7]));
}

TEST_CASE("swiglu: elements keep the law wherever they stand") {
  Random random(42);
  for (int F : {1, 7, 16, 33, 200, 1031}) { // 17 * 1031 elements are shared by threads
    INFO("F = ", F);
    CHECK(law_difference(own, {random.normals({17, F}, 3.0), random.normals({17, F})}) == "");
    CHECK(law_difference(own, {random.normals({3, F}, 1e-40), random.normals({3, F}, 1e-3)}) == "");
  }
  // One value at every place of a row whose length is no multiple of 16.
  Floats y = floats(swiglu(from_floats(Floats(43, 0.7f), {1, 43}), from_floats(Floats(43, 1.3f), {1, 43})));
  CHECK(y == Floats(43, y[0]));
}

TEST_CASE("swiglu: the stock chain keeps the law") {
  Random random(43);
  for (int F : {1, 7, 33, 200}) {
    CHECK(batch_difference(stock, {random.normals({33, F}, 3.0), random.normals({33, F})}) == "");
    CHECK(neighbour_difference(stock, {random.normals({9, F}, 3.0), random.normals({9, F})}) == "");
  }
}

TEST_CASE("swiglu: wrong inputs are refused") {
  const char* form = "[swiglu] gate and up must be f32 of one shape.";
  mx::array x = mx::ones({2, 4}, mx::float32, cpu());
  CHECK_THROWS_WITH_AS(swiglu(x, mx::ones({2, 5}, mx::float32, cpu())), form, std::invalid_argument);
  CHECK_THROWS_WITH_AS(swiglu(x, mx::astype(x, mx::bfloat16, cpu())), form, std::invalid_argument);
  CHECK_THROWS_WITH_AS(swiglu(mx::astype(x, mx::float16, cpu()), x), form, std::invalid_argument);
}
