#include "kernels/common/plan.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

#include "kernels/common/testing/arrays.h"
#include "kernels/common/thread_pool.h"

using namespace mtplx::kernels;

namespace {

// y = a + b + 1 in one task a row.
struct Add {
  PlanRows a, b, y;

  int tasks(const PlanMemory& memory) const { return memory.rows(); }
  void run(const PlanMemory& memory, int r) const {
    for (int i = 0; i < y.width; ++i) {
      size_t at = static_cast<size_t>(r) * y.width + i;
      memory[y][at] = memory[a][at] + memory[b][at] + 1.0f;
    }
  }
};

// The same on the calling thread alone.
struct AddAlone {
  Add add;

  void run(const PlanMemory& memory) const {
    for (int r = 0; r < memory.rows(); ++r) {
      add.run(memory, r);
    }
  }
};

PlanRows add(Plan& plan, PlanRows a, PlanRows b, bool alone = false) {
  PlanRows y = plan.own(a.width);
  if (alone) {
    plan.record({"add", {a, b}, {y}, AddAlone{{a, b, y}}});
  } else {
    plan.record({"add", {a, b}, {y}, Add{a, b, y}});
  }
  return y;
}

} // namespace

TEST_CASE("plan: own rows that live at the same time lie apart, others share memory") {
  mtplx::kernels::testing::cpu();
  constexpr int rows = 3;
  constexpr int width = 50;
  Plan plan(rows);
  PlanRows x = plan.bound(width);
  // A chain whose first link is read again at the end.
  PlanRows first = add(plan, x, x);
  PlanRows last = first;
  for (int i = 0; i < 40; ++i) {
    last = add(plan, last, last, i % 7 == 3);
  }
  PlanRows y = plan.bound(width);
  plan.record({"add", {first, last}, {y}, Add{first, last, y}});
  plan.finish();
  size_t one = (rows * width + 15) / 16 * 16 * sizeof(float);
  CHECK(plan.bytes() == 3 * one);

  std::vector<float> in(rows * width, 0.25f);
  std::vector<float> out(rows * width);
  int before = threads();
  for (int n : {1, 2, 4}) {
    set_threads(n);
    plan.bind(x, in.data());
    plan.bind(y, out.data());
    plan.run({rows});
    float wanted = 1.5f;
    for (int i = 0; i < 40; ++i) {
      wanted = wanted + wanted + 1.0f;
    }
    for (float v : out) {
      REQUIRE(v == wanted + 1.5f + 1.0f);
    }
  }
  set_threads(before);
}

TEST_CASE("plan: rows that live long lie beside each other, and not in the way of wide ones") {
  Plan plan(16);
  auto write = [&](std::vector<PlanRows> reads, PlanRows to) {
    plan.record({"write", std::move(reads), {to}, Add{to, to, to}});
  };
  PlanRows narrow = plan.own(1);
  PlanRows kept = plan.own(4);
  PlanRows wide = plan.own(8);
  PlanRows end = plan.own(2);
  write({}, narrow);
  write({narrow}, kept);
  write({}, wide);
  write({kept, wide}, end);
  plan.finish();
  // In the order of recording one more: the first one's place would stay empty.
  CHECK(plan.bytes() == 16 * (4 + 8 + 2) * sizeof(float));
}

TEST_CASE("plan: rows that nobody wrote are refused") {
  Plan plan(1);
  PlanRows a = plan.own(4);
  PlanRows y = plan.own(4);
  CHECK_THROWS_WITH_AS(plan.record({"add", {a}, {y}, Add{a, a, y}}), "[plan] add reads what no call before it wrote.",
                       std::logic_error);
}

TEST_CASE("plan: what a call throws comes to who runs it, and the plan runs again") {
  mtplx::kernels::testing::cpu();
  struct Throw {
    const bool* armed;
    int tasks(const PlanMemory&) const { return 4; }
    void run(const PlanMemory&, int task) const {
      if (*armed && task == 2) {
        throw std::runtime_error("armed");
      }
    }
  };
  Plan plan(2);
  PlanRows x = plan.bound(4);
  bool armed = true;
  plan.record({"throw", {}, {}, Throw{&armed}});
  PlanRows y = plan.bound(4);
  plan.record({"add", {x}, {y}, Add{x, x, y}});
  plan.finish();
  std::vector<float> in(8, 1.0f);
  std::vector<float> out(8, 0.0f);
  plan.bind(x, in.data());
  plan.bind(y, out.data());
  int before = threads();
  set_threads(2);
  CHECK_THROWS_WITH_AS(plan.run({2}), "armed", std::runtime_error);
  CHECK(out[0] == 0.0f);
  armed = false;
  plan.run({2});
  CHECK(out[7] == 3.0f);
  set_threads(before);
}
