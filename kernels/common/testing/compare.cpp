#include "kernels/common/testing/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>

namespace mtplx::kernels::testing {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

bool is_float(mx::Dtype dtype) {
  return dtype == mx::float32 || dtype == mx::float16 || dtype == mx::bfloat16;
}

} // namespace

std::string bit_difference(const mx::array& a, const mx::array& b) {
  std::ostringstream text;
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) {
    text << "shapes " << a.shape() << " and " << b.shape();
    return text.str();
  }
  mx::array x = mx::contiguous(a, false, cpu());
  mx::array y = mx::contiguous(b, false, cpu());
  mx::eval(x, y);
  const auto* p = static_cast<const char*>(static_cast<const void*>(x.data<void>()));
  const auto* q = static_cast<const char*>(static_cast<const void*>(y.data<void>()));
  if (std::memcmp(p, q, x.nbytes()) == 0) {
    return "";
  }
  Floats xs = floats(x);
  Floats ys = floats(y);
  for (size_t i = 0; i < xs.size(); ++i) {
    bool both_nan = is_float(a.dtype()) && std::isnan(xs[i]) && std::isnan(ys[i]);
    if (!both_nan && std::memcmp(p + i * x.itemsize(), q + i * x.itemsize(), x.itemsize()) != 0) {
      text.precision(9);
      text << "element " << i << " of " << a.shape() << ": " << xs[i] << " and " << ys[i];
      return text.str();
    }
  }
  return "";
}

double relative_rms(const Floats& got, const Doubles& want) {
  double error = 0.0;
  double norm = 0.0;
  for (size_t i = 0; i < want.size(); ++i) {
    error += (got[i] - want[i]) * (got[i] - want[i]);
    norm += want[i] * want[i];
  }
  return std::isfinite(error) && got.size() == want.size() ? std::sqrt(error / norm) : infinity;
}

double worst_of_bound(const Floats& got, const Doubles& want, const Doubles& bound) {
  double worst = got.size() == want.size() && got.size() == bound.size() ? 0.0 : infinity;
  for (size_t i = 0; i < want.size() && worst < infinity; ++i) {
    double error = std::abs(got[i] - want[i]);
    worst = std::isfinite(error) ? std::max(worst, error == 0.0 ? 0.0 : error / bound[i]) : infinity;
  }
  return worst;
}

} // namespace mtplx::kernels::testing
