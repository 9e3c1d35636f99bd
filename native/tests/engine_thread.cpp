#include "native/src/engine_thread.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <future>

#include "native/src/errors.h"
#include "native/src/workspace.h"
#include "native/tests/tiny_model.h"

using namespace mtplx;
using namespace mtplx::native;

TEST_CASE("engine thread: jobs run in order on one thread, and all of them before the end") {
  std::vector<int> order;
  std::atomic<bool> one_thread = true;
  {
    auto engine = EngineThread::acquire();
    CHECK(EngineThread::acquire() == engine);
    std::promise<std::thread::id> first;
    engine->push([&] { first.set_value(std::this_thread::get_id()); });
    std::thread::id id = first.get_future().get();
    CHECK(id != std::this_thread::get_id());
    for (int i = 0; i < 1000; ++i) {
      engine->push([&, i] {
        order.push_back(i);
        one_thread = one_thread && std::this_thread::get_id() == id;
      });
    }
  } // the last owner joins
  CHECK(one_thread);
  REQUIRE(order.size() == 1000);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("engine thread: another one starts after the last was joined, and MLX works on both") {
  for (int round = 0; round < 3; ++round) {
    auto engine = EngineThread::acquire();
    std::promise<float> sum;
    engine->push([&] {
      mx::array a = mx::add(mx::array(2.0f), mx::array(static_cast<float>(round)));
      mx::eval(a);
      sum.set_value(a.item<float>());
    });
    CHECK(sum.get_future().get() == 2.0f + static_cast<float>(round));
  }
}

TEST_CASE("engine thread: a job that throws does not end the thread") {
  auto engine = EngineThread::acquire();
  engine->push([] { throw std::runtime_error("lost"); });
  engine->push([] { throw 7; });
  std::promise<int> next;
  engine->push([&] { next.set_value(1); });
  CHECK(next.get_future().get() == 1);
}

TEST_CASE("workspace: handles are never used again, and unknown ones are refused") {
  Workspace work;
  int model = work.add(testing::tiny_model());
  int first = work.add(new_sequence(work.model(model), true));
  work.remove_sequence(first);
  int second = work.add(new_sequence(work.model(model), false));
  CHECK(second != first);
  CHECK(second != model);
  CHECK(work.sequence(second).use_mtp == false);
  for (int handle : {first, model, 0, -1, 99}) {
    try {
      work.sequence(handle);
      FAIL("handle ", handle);
    } catch (const EngineError& e) {
      CHECK(e.code() == "MTPLX_E_DISPOSED");
      CHECK(std::string(e.what()) == "This sequence was disposed of, or belongs to another environment.");
    }
  }
  CHECK_THROWS_AS(work.model(second), EngineError);
  // A sequence keeps its model alive after the unload; disposing twice does nothing.
  work.remove_model(model);
  work.remove_model(model);
  work.remove_sequence(first);
  CHECK_THROWS_AS(work.model(model), EngineError);
  CHECK(work.sequence(second).model->spec.vocab_size == 64);
}
