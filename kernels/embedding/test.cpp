#include <doctest/doctest.h>

#include "kernels/common/testing/compare.h"
#include "kernels/common/testing/law.h"
#include "kernels/common/testing/plan.h"
#include "kernels/embedding/embedding.h"
#include "kernels/embedding/mlx_form.h"
#include "kernels/embedding/reference.h"
#include "kernels/linear/testing.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

mx::array id_array(const std::vector<int32_t>& ids) {
  return mx::array(ids.begin(), {static_cast<int>(ids.size())}, mx::int32);
}

// First, last, twice the same, and the edges of blocks of 16 rows.
const std::vector<int32_t> some_ids = {0, 36, 5, 5, 15, 16, 31, 32, 1};

std::vector<TestWeight> tables(Random& random) {
  std::vector<TestWeight> result;
  for (mx::Dtype dtype : {mx::float32, mx::float16, mx::bfloat16}) {
    result.push_back(random_dense(random, 37, 33, dtype));
    for (int bits : {2, 3, 4, 5, 6, 8}) {
      for (int group : {32, 64, 128}) {
        result.push_back(random_affine(random, 37, 128, bits, group, dtype));
      }
    }
  }
  return result;
}

} // namespace

TEST_CASE("embedding: each row is the table's, rounded once") {
  Random random(21);
  for (const TestWeight& table : tables(random)) {
    INFO(table.mlx.bits, " bits, groups of ", table.mlx.group_size);
    Doubles want = reference::embedding(some_ids, table.values, table.in_features);
    Doubles bound;
    for (double w : want) {
      bound.push_back(std::abs(w) * 0x1.001p-24);
    }
    mx::array y = embedding(id_array(some_ids), table.weight);
    CHECK(worst_of_bound(floats(y), want, bound) <= 1.0);
  }
}

TEST_CASE("embedding: rows keep the law, and are the rows of a tied head") {
  Random random(22);
  for (const TestWeight& table : tables(random)) {
    INFO(table.mlx.bits, " bits, groups of ", table.mlx.group_size);
    RowOp op = [&](const std::vector<mx::array>& in) { return embedding(in[0], table.weight); };
    CHECK(law_difference(op, {id_array(some_ids)}) == "");
    CHECK(bit_difference(embedding(id_array({7}), table.weight), rows(dense_values(table.weight), 7, 8)) == "");
  }
}

TEST_CASE("embedding: stock take and dequantize keep the law") {
  Random random(23);
  for (const TestWeight& table : tables(random)) {
    RowOp op = [&](const std::vector<mx::array>& in) { return mlx_form::embedding(in[0], table.mlx, cpu()); };
    CHECK(batch_difference(op, {id_array(some_ids)}) == "");
    CHECK(thread_difference(op, {id_array(some_ids)}) == "");
  }
}

TEST_CASE("embedding: wrong ids are refused") {
  Random random(24);
  TestWeight table = random_affine(random, 37, 64, 4, 64, mx::bfloat16);
  for (int32_t id : {-1, 37, 1 << 30}) {
    std::string message = "[embedding] Token id " + std::to_string(id) + " is outside the vocabulary of 37.";
    CHECK_THROWS_WITH_AS(embedding(id_array({3, id}), table.weight), message.c_str(), std::out_of_range);
  }
  CHECK(floats(embedding(id_array({36}), table.weight)).size() == 64);
  const char* form = "[embedding] ids must be i32 [M].";
  CHECK_THROWS_WITH_AS(embedding(mx::zeros({3}, mx::float32, cpu()), table.weight), form, std::invalid_argument);
  CHECK_THROWS_WITH_AS(embedding(mx::zeros({3, 1}, mx::int32, cpu()), table.weight), form, std::invalid_argument);
}

TEST_CASE("embedding: as a call of a plan, which looks at the ids when it runs") {
  Random random(29);
  for (const TestWeight& table : tables(random)) {
    const int32_t* ids = some_ids.data();
    int rows = static_cast<int>(some_ids.size());
    PlanCheck check(rows);
    plan_embedding(check.plan, &ids, table.weight, check.out(embedding(id_array(some_ids), table.weight)));
    CHECK(check.same());
  }
  TestWeight table = random_dense(random, 37, 33, mx::float32);
  std::vector<int32_t> outside = {0, 37};
  const int32_t* ids = outside.data();
  Plan plan(2);
  plan_embedding(plan, &ids, table.weight, plan.own(33));
  plan.finish();
  CHECK_THROWS_WITH_AS(plan.run({2}), "[embedding] Token id 37 is outside the vocabulary of 37.", std::out_of_range);
}
