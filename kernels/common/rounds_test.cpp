#include "kernels/common/rounds.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <random>
#include <stdexcept>
#include <thread>

#include "kernels/common/thread_pool.h"

using namespace mtplx::kernels;

namespace {

struct KeepThreads {
  int before = threads();
  ~KeepThreads() { set_threads(before); }
};

} // namespace

TEST_CASE("rounds: each task runs once, after all tasks of the rounds before it") {
  KeepThreads keep;
  std::mt19937 random(1);
  for (int n : {1, 2, 3, 7}) {
    set_threads(n);
    for (int run = 0; run < 200; ++run) {
      std::vector<int> tasks;
      for (int i = static_cast<int>(random() % 40); i >= 0; --i) {
        tasks.push_back(static_cast<int>(random() % 3 == 0 ? random() % 2 : random() % 30));
      }
      std::vector<std::vector<std::atomic<int>>> ran;
      std::vector<std::atomic<int>> done(tasks.size());
      for (int count : tasks) {
        ran.emplace_back(count);
      }
      std::atomic<bool> early = false;
      std::vector<int> ended;
      parallel_rounds(
          tasks,
          [&](int round, int task, bool) {
            early = early || (round > 0 && done[round - 1] != tasks[round - 1]);
            ran[round][task].fetch_add(1);
            if (task == 3 && round % 8 == 0) {
              std::this_thread::sleep_for(std::chrono::microseconds(20));
            }
            done[round].fetch_add(1);
          },
          [&](int round) { ended.push_back(round); });
      CHECK_FALSE(early);
      CHECK(ended.size() == tasks.size());
      for (size_t i = 0; i < tasks.size(); ++i) {
        CHECK(ended[i] == static_cast<int>(i));
        for (const auto& count : ran[i]) {
          REQUIRE(count == 1);
        }
      }
    }
  }
}

TEST_CASE("rounds: a thread's first task of a round comes before its others, and what it wrote stays its own") {
  KeepThreads keep;
  set_threads(3);
  std::vector<int> tasks(300, 12);
  std::atomic<int> wrong = 0;
  parallel_rounds(
      tasks,
      [&](int round, int, bool first) {
        thread_local int prepared = -1;
        if (first) {
          wrong += prepared == round;
          prepared = round;
        }
        wrong += prepared != round;
      },
      [](int) {});
  CHECK(wrong == 0);
}

TEST_CASE("rounds: what one round writes the next reads, by whichever thread") {
  KeepThreads keep;
  for (int n : {2, 5}) {
    set_threads(n);
    for (int run = 0; run < 50; ++run) {
      std::vector<int> values(64, run);
      std::vector<int> next(64);
      std::vector<int> tasks(100, 64);
      parallel_rounds(
          tasks,
          [&](int round, int task, bool) {
            auto& from = round % 2 == 0 ? values : next;
            auto& to = round % 2 == 0 ? next : values;
            to[task] = from[(task + 1) % 64] + 1;
          },
          [](int) {});
      for (int v : values) {
        REQUIRE(v == run + 100);
      }
    }
  }
}

TEST_CASE("rounds: an exception comes to the caller, later rounds do not run, and the next run works") {
  KeepThreads keep;
  for (int n : {1, 3}) {
    set_threads(n);
    std::atomic<int> later = 0;
    std::vector<int> tasks = {8, 8, 8};
    auto run = [&](int bad) {
      parallel_rounds(
          tasks,
          [&](int round, int task, bool) {
            if (round == bad && task == 5) {
              throw std::runtime_error("task 5");
            }
            later += round > bad && bad >= 0;
          },
          [](int) {});
    };
    CHECK_THROWS_WITH_AS(run(1), "task 5", std::runtime_error);
    CHECK(later == 0);
    CHECK_NOTHROW(run(-1));
  }
}

TEST_CASE("rounds: helpers that come late or sleep between runs are not waited for") {
  KeepThreads keep;
  set_threads(4);
  std::atomic<int> count = 0;
  for (int run = 0; run < 300; ++run) {
    std::vector<int> tasks(1 + run % 5, 9);
    count = 0;
    parallel_rounds(
        tasks, [&](int, int, bool) { count.fetch_add(1); }, [](int) {});
    CHECK(count == 9 * static_cast<int>(tasks.size()));
    if (run % 50 == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2)); // longer than they spin
    }
    parallel_for(5, [&](int) { count.fetch_sub(1); }); // the other kind of work in between
  }
}

TEST_CASE("rounds: beyond the numbers at which all threads are brought up to date") {
  KeepThreads keep;
  set_threads(3);
  std::vector<int> tasks(1000, 1); // two threads never have a task of their own
  std::atomic<int> count = 0;
  for (int run = 0; run < 1100; ++run) {
    parallel_rounds(
        tasks, [&](int, int, bool) { count.fetch_add(1, std::memory_order_relaxed); }, [](int) {});
  }
  CHECK(count == 1100000);
}

TEST_CASE("rounds: too many of them or of their tasks are refused") {
  KeepThreads keep;
  set_threads(2);
  auto run = [](const std::vector<int>& tasks) {
    parallel_rounds(
        tasks, [](int, int, bool) {}, [](int) {});
  };
  CHECK_THROWS_AS(run(std::vector<int>(Rounds::most_rounds + 1, 1)), std::logic_error);
  CHECK_THROWS_AS(run({1, Rounds::most_tasks + 1}), std::logic_error);
}
