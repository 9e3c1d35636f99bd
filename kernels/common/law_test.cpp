#include <doctest/doctest.h>

#include <cmath>

#include "kernels/common/testing/law.h"
#include "kernels/common/thread_pool.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

// Row sums by a body that may look at more than its row.
template <class Body>
RowOp row_sums(Body body) {
  return [body](const std::vector<mx::array>& in) {
    Floats x = floats(in[0]);
    int M = in[0].shape(0);
    int K = in[0].shape(1);
    Floats y;
    for (int r = 0; r < M; ++r) {
      y.push_back(body(x.data(), M, K, r));
    }
    return from_floats(y, {M, 1});
  };
}

float forward_sum(const float* x, int, int K, int r) {
  float sum = 0.0f;
  for (int k = 0; k < K; ++k) {
    sum += x[r * K + k];
  }
  return sum;
}

float backward_sum(const float* x, int, int K, int r) {
  float sum = 0.0f;
  for (int k = K - 1; k >= 0; --k) {
    sum += x[r * K + k];
  }
  return sum;
}

} // namespace

TEST_CASE("law checks pass an op that keeps the law and name each breach") {
  std::vector<mx::array> in = {Random(1).normals({9, 37})};
  CHECK(law_difference(row_sums(forward_sum), in) == "");

  auto other_order = row_sums(
      [](const float* x, int M, int K, int r) { return M >= 2 ? backward_sum(x, M, K, r) : forward_sum(x, M, K, r); });
  CHECK(batch_difference(other_order, in) != "");

  // 0 * NaN of the neighbour.
  auto leak =
      row_sums([](const float* x, int M, int K, int r) { return forward_sum(x, M, K, r) + 0.0f * x[(r + 1) % M * K]; });
  CHECK(batch_difference(leak, in) == "");
  CHECK(neighbour_difference(leak, in) != "");

  auto by_threads = row_sums([](const float* x, int M, int K, int r) {
    return threads() == 3 ? backward_sum(x, M, K, r) : forward_sum(x, M, K, r);
  });
  CHECK(thread_difference(by_threads, in) != "");

  if (isas_here().size() > 1) {
    auto by_isa = row_sums([](const float* x, int M, int K, int r) {
      return active_isa() == Isa::scalar ? backward_sum(x, M, K, r) : forward_sum(x, M, K, r);
    });
    CHECK(isa_difference(by_isa, in) != "");
  }
}
