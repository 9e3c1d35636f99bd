#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "kernels/common/thread_pool.h"

using namespace mtplx::kernels;

namespace {

struct Threads {
  explicit Threads(int count) : saved(threads()) { set_threads(count); }
  ~Threads() { set_threads(saved); }
  int saved;
};

} // namespace

TEST_CASE("thread pool: each index runs exactly once") {
  for (int count : {1, 2, 3, 5}) {
    Threads scope(count);
    CHECK(threads() == count);
    for (int tasks : {0, 1, 2, 3, 7, 64, 1000}) {
      // Plain ints: a second run of an index would also be a data race.
      std::vector<int> runs(tasks, 0);
      parallel_for(tasks, [&](int i) { runs[i] += 1; });
      CHECK(runs == std::vector<int>(tasks, 1));
    }
  }
}

TEST_CASE("thread pool: an exception is rethrown to the caller and the pool lives on") {
  for (int count : {1, 3}) {
    Threads scope(count);
    for (int round = 0; round < 100; ++round) {
      CHECK_THROWS_WITH_AS(parallel_for(8,
                                        [&](int i) {
                                          if (i == round % 8) {
                                            throw std::runtime_error("task failed");
                                          }
                                        }),
                           "task failed", std::runtime_error);
      std::atomic<int> sum = 0;
      parallel_for(8, [&](int i) { sum += i; });
      CHECK(sum == 28);
    }
  }
}

TEST_CASE("thread pool: nested calls run on the thread that makes them") {
  Threads scope(3);
  std::vector<std::vector<int>> runs(6, std::vector<int>(5, 0));
  std::atomic<int> elsewhere = 0;
  parallel_for(6, [&](int i) {
    std::thread::id outer = std::this_thread::get_id();
    parallel_for(5, [&](int j) {
      runs[i][j] += 1;
      elsewhere += std::this_thread::get_id() != outer;
    });
  });
  CHECK(runs == std::vector<std::vector<int>>(6, std::vector<int>(5, 1)));
  CHECK(elsewhere == 0);
}

TEST_CASE("thread pool: resize between rounds, with helpers awake or asleep") {
  int saved = threads();
  for (int round = 0; round < 30; ++round) {
    set_threads(1 + round % 4);
    if (round % 7 == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1)); // longer than they spin
    }
    std::vector<int> runs(9, 0);
    parallel_for(9, [&](int i) { runs[i] += 1; });
    CHECK(runs == std::vector<int>(9, 1));
  }
  set_threads(saved);
  CHECK_THROWS_WITH_AS(set_threads(0), "[set_threads] At least one thread is needed.", std::invalid_argument);
}

TEST_CASE("thread pool: 10,000 tiny rounds, seen by the caller without locks") {
  Threads scope(2);
  int64_t total = 0;
  std::vector<int> parts(4, 0);
  for (int round = 0; round < 10000; ++round) {
    parallel_for(4, [&](int i) { parts[i] = round + i; });
    for (int p : parts) {
      total += p;
    }
  }
  CHECK(total == 4 * (int64_t{9999} * 10000 / 2) + 10000 * (0 + 1 + 2 + 3));
}

TEST_CASE("thread pool: many more threads than cores, most of which come late to every round") {
  Threads scope(32);
  for (int round = 0; round < 300; ++round) {
    std::vector<int> runs(3, 0);
    parallel_for(3, [&](int i) { runs[i] += 1; });
    CHECK(runs == std::vector<int>(3, 1));
  }
}

TEST_CASE("thread pool: callers on several threads take turns") {
  Threads scope(3);
  std::vector<int64_t> sums(3, 0);
  std::vector<std::thread> callers;
  for (int c = 0; c < 3; ++c) {
    callers.emplace_back([&, c] {
      for (int round = 0; round < 200; ++round) {
        std::vector<int> parts(5, 0);
        parallel_for(5, [&](int i) { parts[i] = i; });
        for (int p : parts) {
          sums[c] += p;
        }
      }
    });
  }
  for (auto& t : callers) {
    t.join();
  }
  CHECK(sums == std::vector<int64_t>(3, 2000));
}
