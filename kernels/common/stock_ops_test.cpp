#include <doctest/doctest.h>

#include <thread>

#include "kernels/common/testing/compare.h"
#include "kernels/common/testing/law.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

// What kernels/rows does instead on the hot path; the ops themselves stay in inspection and in the reference forms.
TEST_CASE("stock MLX: add, concatenate, take and slice keep the law") {
  Random random(61);
  using In = std::vector<mx::array>;
  for (int H : {1, 7, 33, 384}) {
    INFO("H = ", H);
    In two = {random.normals({17, H}), random.normals({17, H})};
    CHECK(law_difference([](const In& in) { return mx::add(in[0], in[1], cpu()); }, two) == "");
    CHECK(law_difference([](const In& in) { return mx::concatenate({in[0], in[1]}, 1, cpu()); }, two) == "");
    // Rows joined and cut again, as ragged batches do.
    CHECK(law_difference(
              [](const In& in) {
                int M = in[0].shape(0);
                return mx::slice(mx::concatenate({in[1], in[0]}, 0, cpu()), {M, 0}, {2 * M, in[0].shape(1)}, cpu());
              },
              two) == "");
    CHECK(law_difference(
              [](const In& in) {
                std::vector<int32_t> order;
                for (int r = in[0].shape(0) - 1; r >= 0; --r) {
                  order.push_back(r);
                }
                mx::array back(order.begin(), {static_cast<int>(order.size())}, mx::int32);
                return mx::take(mx::take(in[0], back, 0, cpu()), back, 0, cpu());
              },
              two) == "");
  }
}

TEST_CASE("stock MLX: another stream on another thread gives the same bits") {
  Random random(62);
  mx::array x = random.normals({5, 96});
  mx::array w = random.normals({33, 96});
  auto chain = [&](mx::Stream s) {
    mx::array y = mx::softmax(mx::matmul(x, mx::transpose(w, s), s), -1, true, s);
    mx::eval(y);
    return y;
  };
  mx::array here = chain(cpu());
  mx::array there(0.0f);
  std::thread([&] { there = chain(mx::new_stream(mx::Device::cpu)); }).join();
  CHECK(bit_difference(here, there) == "");
}
