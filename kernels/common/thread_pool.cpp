#include "kernels/common/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "kernels/common/relax.h"

namespace mtplx::kernels {

namespace {

// A thread that only spins stalls others for milliseconds when cores are taken: spin this long, then sleep.
constexpr auto spin_time = std::chrono::microseconds(50);
constexpr int spins_a_look = 64;

// This thread runs tasks: what they call in turn runs serially.
thread_local bool inside = false;

// While alive, this thread runs tasks.
struct Inside {
  Inside() { inside = true; }
  ~Inside() { inside = false; }
};

// Spins until done() or the time is up; tells which.
template <class Done>
bool spin(Done done) {
  auto look = [&] {
    for (int i = 0; i < spins_a_look; ++i) {
      if (done()) {
        return true;
      }
      relax();
    }
    return false;
  };
  if (look()) {
    return true; // a helper is mostly wanted again before a clock is read
  }
  auto end = std::chrono::steady_clock::now() + spin_time;
  do {
    if (look()) {
      return true;
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

class Pool {
 public:
  explicit Pool(int threads) : rounds_(threads) {
    for (int i = 1; i < threads; ++i) {
      helpers_.emplace_back([this, i] { help(i); });
    }
  }

  ~Pool() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (auto& t : helpers_) {
      t.join();
    }
  }

  void make_way() { ways_.fetch_add(1, std::memory_order_relaxed); }

  // One caller at a time; the lock is held by who calls.
  void run(std::span<const int> tasks, const Rounds::Body& body, Rounds::Ended ended) {
    rounds_.open(tasks, body);
    if (sleeping_.load(std::memory_order_seq_cst) > 0) {
      { std::lock_guard lock(mutex_); }
      wake_.notify_all();
    }
    rounds_.run(ended);
  }

 private:
  void help(int self) {
    inside = true;
    uint32_t made = 0;
    auto work_or_way = [&] {
      if (uint32_t ways = ways_.load(std::memory_order_relaxed); ways != made) {
        made = ways;
        std::this_thread::yield();
      }
      return rounds_.any(self);
    };
    for (;;) {
      if (!spin(work_or_way)) {
        std::unique_lock lock(mutex_);
        sleeping_.fetch_add(1, std::memory_order_seq_cst);
        wake_.wait(lock, [&] { return stop_ || rounds_.any(self); });
        sleeping_.fetch_sub(1, std::memory_order_relaxed);
        if (stop_) {
          return;
        }
      }
      rounds_.help(self);
    }
  }

  Rounds rounds_;
  // Written when somebody sleeps or a result is sent, read in every run.
  alignas(64) std::atomic<int> sleeping_ = 0;
  std::atomic<uint32_t> ways_ = 0;
  alignas(64) std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::vector<std::thread> helpers_;
};

struct Shared {
  std::mutex mutex; // one parallel_for at a time: several streams do not oversubscribe
  std::unique_ptr<Pool> pool;
  std::atomic<int> threads = 1;
};

// Never destroyed: at process exit helper threads may still be asleep in it.
Shared& shared() {
  static Shared* instance = new Shared;
  return *instance;
}

} // namespace

void set_threads(int threads) {
  if (threads < 1) {
    throw std::invalid_argument("[set_threads] At least one thread is needed.");
  }
  Shared& s = shared();
  std::lock_guard lock(s.mutex);
  if (threads != s.threads) {
    s.pool.reset();
    s.pool = threads > 1 ? std::make_unique<Pool>(threads) : nullptr;
    s.threads = threads;
  }
}

int threads() {
  return shared().threads;
}

void make_way() {
  Shared& s = shared();
  std::lock_guard lock(s.mutex);
  if (s.pool) {
    s.pool->make_way();
  }
}

void parallel_for(int tasks, FunctionRef<void(int)> body) {
  // Beyond what a round takes, a task of it is several of these.
  int each = tasks / Rounds::most_tasks + 1;
  int count = (tasks + each - 1) / each;
  parallel_rounds(
      {&count, 1},
      [&](int, int task, bool) {
        for (int i = task * each; i < std::min(tasks, (task + 1) * each); ++i) {
          body(i);
        }
      },
      [](int) {});
}

void parallel_rounds(std::span<const int> tasks, Rounds::Body body, Rounds::Ended ended) {
  Shared& s = shared();
  bool alone = tasks.size() == 1 && tasks[0] <= 1;
  if (!alone && !inside && s.threads > 1) {
    std::lock_guard lock(s.mutex);
    if (s.pool) {
      Inside mark;
      return s.pool->run(tasks, body, ended);
    }
  }
  for (size_t round = 0; round < tasks.size(); ++round) {
    for (int task = 0; task < tasks[round]; ++task) {
      body(static_cast<int>(round), task, task == 0);
    }
    ended(static_cast<int>(round));
  }
}

} // namespace mtplx::kernels
