#include "native/src/job_queue.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <vector>

using namespace mtplx::native;

namespace {

void plain(const JobQueue::Job& run_jobs) {
  run_jobs();
}

} // namespace

TEST_CASE("job queue: jobs of several threads all run, those of one in its order, none beside another") {
  constexpr int pushers = 4;
  constexpr int jobs = 500;
  std::vector<std::vector<int>> seen(pushers); // touched by jobs alone, without a lock
  {
    JobQueue queue(plain);
    std::vector<std::thread> threads;
    for (int t = 0; t < pushers; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < jobs; ++i) {
          queue.push([&, t, i] { seen[t].push_back(i); });
        }
      });
    }
    for (auto& t : threads) {
      t.join();
    }
  }
  for (const auto& mine : seen) {
    REQUIRE(mine.size() == jobs);
    for (int i = 0; i < jobs; ++i) {
      CHECK(mine[i] == i);
    }
  }
}

TEST_CASE("job queue: a halt waits for the job in hand and drops the others") {
  JobQueue queue(plain);
  std::promise<void> started;
  std::promise<void> go;
  int ran = 0;
  queue.push([&] {
    started.set_value();
    go.get_future().wait();
    ++ran;
  });
  for (int i = 0; i < 10; ++i) {
    queue.push([&] { ++ran; });
  }
  started.get_future().wait();
  std::thread halt([&] { queue.join(true); });
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  go.set_value();
  halt.join();
  CHECK(ran == 1);
  queue.push([&] { ++ran; }); // never runs, and does no harm
  queue.join(true);
  CHECK(ran == 1);
}

TEST_CASE("job queue: what a job throws is dropped; the thread begins before the first job and ends after the last") {
  std::vector<int> order;
  {
    JobQueue queue([&](const JobQueue::Job& run_jobs) {
      order.push_back(0);
      run_jobs();
      order.push_back(3);
    });
    queue.push([] { throw std::runtime_error("lost"); });
    queue.push([&] { order.push_back(1); });
    queue.push([] { throw 7; });
    queue.push([&] { order.push_back(2); });
  }
  CHECK(order == std::vector<int>{0, 1, 2, 3});
}
