#include "kernels/common/fixed_math64.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "kernels/common/testing/ops.h"
#include "kernels/common/testing/vectors.h"

using namespace mtplx;
using namespace mtplx::kernels;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// Error in units of the last place of the exact result.
double ulps(double found, long double exact) {
  double rounded = std::abs(static_cast<double>(exact));
  double ulp = std::nextafter(rounded, inf) - rounded;
  return static_cast<double>(std::abs(static_cast<long double>(found) - exact) / ulp);
}

double worst_ulps(double low, double high, const std::function<double(double)>& error) {
  testing::Numbers numbers(7);
  double worst = 0.0;
  for (int i = 0; i < 100000; ++i) {
    double at = low + (high - low) * (0.5 + 0.5 * numbers.uniform() + numbers.uniform() * 1e-9);
    worst = std::max(worst, error(std::min(std::max(at, low), high)));
  }
  return worst;
}

} // namespace

TEST_CASE("fixed exp and log give the bits of the common vectors") {
  auto exps = testing::vectors_of("exp");
  auto logs = testing::vectors_of("log");
  REQUIRE(exps.size() > 200);
  REQUIRE(logs.size() > 200);
  for (const auto& v : exps) {
    CHECK(fixed64::to_bits(fixed64::exp(fixed64::from_bits(v[0]))) == v[1]);
  }
  for (const auto& v : logs) {
    CHECK(fixed64::to_bits(fixed64::log(fixed64::from_bits(v[0]))) == v[1]);
  }
}

TEST_CASE("fixed exp is within 1 ulp, log within 2, softplus within 3") {
  auto exp_error = [](double x) { return ulps(fixed64::exp(x), std::exp(static_cast<long double>(x))); };
  auto log_error = [](double x) { return ulps(fixed64::log(x), std::log(static_cast<long double>(x))); };
  CHECK(worst_ulps(-707.0, 709.0, exp_error) < 1.0);
  CHECK(worst_ulps(-1.0, 1.0, exp_error) < 1.0);
  CHECK(worst_ulps(0x1p-53, 1.0, log_error) < 2.0);
  CHECK(worst_ulps(0.9, 1.1, log_error) < 2.0);
  CHECK(worst_ulps(1.0, 1e6, log_error) < 2.0);
  // Relative to ln(1 + e^x) as computed: below -36 the sum is 1 and the result 0.
  auto softplus_error = [](double x) {
    long double exact = std::log1p(std::exp(static_cast<long double>(x)));
    return std::abs(static_cast<double>(fixed64::softplus(x) - exact)) / (0x1p-52 * std::max(1.0, std::abs(x)));
  };
  CHECK(worst_ulps(-40.0, 40.0, softplus_error) < 3.0);
}

TEST_CASE("fixed exp and log at their edges") {
  CHECK(fixed64::exp(0.0) == 1.0);
  CHECK(fixed64::exp(-0.0) == 1.0);
  CHECK(fixed64::exp(-708.1) == 0.0);
  CHECK(fixed64::exp(709.1) == inf);
  CHECK(fixed64::exp(inf) == inf);
  CHECK(fixed64::exp(-inf) == 0.0);
  CHECK(std::isnan(fixed64::exp(not_a_number)));
  CHECK(fixed64::log(1.0) == 0.0);
  CHECK(fixed64::log(0.0) == -inf);
  CHECK(fixed64::log(inf) == inf);
  CHECK(std::isnan(fixed64::log(-1e-300)));
  CHECK(std::isnan(fixed64::log(-inf)));
  CHECK(std::isnan(fixed64::log(not_a_number)));
  CHECK(fixed64::softplus(-800.0) == 0.0);
  CHECK(fixed64::softplus(1000.0) == 1000.0);
  CHECK(fixed64::softplus(0.0) == doctest::Approx(0.6931471805599453).epsilon(1e-15));
}

TEST_CASE("fixed sincos is within 1e-15 up to 2^20") {
  double worst = 0.0;
  auto measure = [&](double x) {
    double sine = 0.0;
    double cosine = 0.0;
    fixed64::sincos(x, &sine, &cosine);
    worst = std::max({worst, static_cast<double>(std::abs(sine - std::sin(static_cast<long double>(x)))),
                      static_cast<double>(std::abs(cosine - std::cos(static_cast<long double>(x))))});
  };
  testing::Numbers numbers(3);
  for (int i = 0; i < 100000; ++i) {
    double x = 0.5 + 0.5 * numbers.uniform();
    measure(x);
    measure(x * 1000.0);
    measure(x * 0x1p20);
  }
  for (int i = 0; i < 2000; ++i) {
    measure(i);
    measure(i * 1.5707963267948966); // where a series is worst
    measure(i * 0.7853981633974483);
  }
  CHECK(worst < 1e-15);
}
