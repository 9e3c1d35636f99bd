#include <doctest/doctest.h>

#include "kernels/common/testing/compare.h"
#include "kernels/common/testing/law.h"
#include "kernels/rows/rows.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

TEST_CASE("rows: gathered rows are the parts, one below the other") {
  mx::array a = from_floats({1, 2, 3, 4, 5, 6}, {3, 2});
  mx::array b = from_floats({7, 8}, {1, 2});
  mx::array all = gather_rows({{a, 1, 2}, {b, 0, 1}, {a, 0, 0}, {a, 0, 1}});
  CHECK(all.shape() == mx::Shape({4, 2}));
  CHECK(floats(all) == Floats{3, 4, 5, 6, 7, 8, 1, 2});
  CHECK(gather_rows({{a, 0, 3}}).id() == a.id()); // no copy
  CHECK(floats(gather_rows({{a, 0, 2}})) == Floats{1, 2, 3, 4});
}

TEST_CASE("rows: taken rows keep their order and may repeat; ids keep their type") {
  mx::array a = from_floats({1, 2, 3, 4, 5, 6}, {3, 2});
  CHECK(floats(take_rows(a, {2, 0, 1, 1})) == Floats{5, 6, 1, 2, 3, 4, 3, 4});
  CHECK(take_rows(a, {0, 1, 2}).id() == a.id());
  mx::array ids({7, 8, 9}, mx::int32);
  mx::array taken = take_rows(ids, {2, 0});
  CHECK(taken.dtype() == mx::int32);
  CHECK(taken.data<int32_t>()[0] == 9);
  CHECK(taken.data<int32_t>()[1] == 7);
}

TEST_CASE("rows: wrong inputs are refused") {
  using invalid = std::invalid_argument;
  mx::array a = from_floats({1, 2, 3, 4}, {2, 2});
  mx::array b = from_floats({1, 2, 3, 4}, {1, 4});
  CHECK_THROWS_WITH_AS(gather_rows({{a, 0, 2}, {b, 0, 1}}),
                       "[rows] the parts must be arrays [R, ..] of one width and dtype.", invalid);
  CHECK_THROWS_WITH_AS(gather_rows({{a, 1, 2}}), "[rows] a part lies outside its array.", invalid);
  CHECK_THROWS_WITH_AS(take_rows(a, {-1}), "[rows] a part lies outside its array.", invalid);
  CHECK_THROWS_WITH_AS(gather_rows({}), "[rows] there is no row to gather.", invalid);
}
