#include "kernels/common/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
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
    return true; // most rounds end here, before a clock is read
  }
  auto end = std::chrono::steady_clock::now() + spin_time;
  do {
    if (look()) {
      return true;
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

// A thread's share of a round, which others help with when they are done: tasks [next, end) in one word, so that a
// claim says at once whether it is good. A helper that comes late (its core was taken) claims nothing and is not waited
// for.
struct alignas(64) Share {
  std::atomic<uint64_t> range = 0;
  // Read by who has claimed a task, and so never while the next round is written.
  const FunctionRef<void(int)>* body = nullptr;
  Near near;

  static uint32_t next(uint64_t range) { return static_cast<uint32_t>(range); }
  static uint32_t end(uint64_t range) { return static_cast<uint32_t>(range >> 32); }
  bool open() const {
    uint64_t r = range.load(std::memory_order_seq_cst);
    return next(r) < end(r);
  }
  // The task, or -1. The look before keeps a finished share's line with its owner.
  int claim() {
    if (!open()) {
      return -1;
    }
    uint64_t r = range.fetch_add(1, std::memory_order_acq_rel);
    return next(r) < end(r) ? static_cast<int>(next(r)) : -1;
  }
};

constexpr size_t line = 64;
constexpr size_t frame_bytes = 512; // the body and what it refers to, mostly the caller's locals beside it
constexpr size_t most_near = 4096;

void fetch(const void* data, size_t bytes) {
  const char* at = static_cast<const char*>(data);
  for (size_t i = 0; i < bytes; i += line) {
    __builtin_prefetch(at + i);
  }
}

class Pool {
 public:
  explicit Pool(int threads) : shares_(threads), rounds_(threads) {
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

  // One caller at a time; the lock is held by parallel_for.
  void run(int tasks, const FunctionRef<void(int)>& body, Near near) {
    done_.store(0, std::memory_order_relaxed);
    tasks_ = tasks;
    uint64_t threads = shares_.size();
    // The caller's share is last to be opened: the helpers' way is longer.
    for (uint64_t t = threads; t-- > 0;) {
      Share& share = shares_[t];
      share.body = &body;
      share.near = near;
      uint64_t first = (tasks * t + threads - 1) / threads;
      uint64_t end = (tasks * (t + 1) + threads - 1) / threads;
      // Sequentially consistent with a helper that counts itself as asleep and then looks once more.
      share.range.store(end << 32 | first, std::memory_order_seq_cst);
    }
    wake();
    work(0);
    auto done = [&] { return done_.load(std::memory_order_acquire) == tasks; };
    if (!spin(done)) {
      std::unique_lock lock(mutex_);
      waiting_ = true;
      finished_.wait(lock, done);
      waiting_ = false;
    }
    if (error_) {
      std::exception_ptr error = std::exchange(error_, nullptr);
      std::rethrow_exception(error);
    }
  }

  void run_rounds(std::span<const int> tasks, const Rounds::Body& body, Rounds::Ended ended) {
    rounds_.open(tasks, body);
    wake();
    rounds_.run(ended);
  }

 private:
  void wake() {
    if (sleeping_.load(std::memory_order_seq_cst) > 0) {
      { std::lock_guard lock(mutex_); }
      wake_.notify_all();
    }
  }

  void work(int self) {
    if (int count = run_share(shares_[self], self != 0)) {
      report(count);
    }
    for (size_t t = 1; t < shares_.size(); ++t) {
      Share& other = shares_[(self + t) % shares_.size()];
      while (run_one(other, false)) {
        report(1);
      }
    }
  }

  // How many tasks it ran. Its end is told once: a count for each task would send a line to and fro.
  int run_share(Share& share, bool far) {
    int count = 0;
    while (run_one(share, far && count == 0)) {
      ++count;
    }
    return count;
  }

  // False: nothing was left. The first task of a far share asks for what it reads.
  bool run_one(Share& share, bool far) {
    int task = share.claim();
    if (task < 0) {
      return false;
    }
    if (far) {
      fetch(share.body, frame_bytes);
      fetch(share.near.data, std::min(share.near.bytes, most_near));
    }
    try {
      (*share.body)(task);
    } catch (...) {
      std::lock_guard lock(mutex_);
      if (!error_) {
        error_ = std::current_exception();
      }
    }
    return true;
  }

  void report(int count) {
    int tasks = tasks_; // before the last report: the next round may begin right after it
    if (done_.fetch_add(count, std::memory_order_acq_rel) + count == tasks) {
      std::lock_guard lock(mutex_);
      if (waiting_) {
        finished_.notify_one();
      }
    }
  }

  void help(int self) {
    inside = true;
    Share& share = shares_[self];
    uint32_t made = 0;
    auto has_work = [&] { return share.open() || rounds_.any(self); };
    auto work_or_way = [&] {
      if (uint32_t ways = ways_.load(std::memory_order_relaxed); ways != made) {
        made = ways;
        std::this_thread::yield();
      }
      return has_work();
    };
    for (;;) {
      if (!spin(work_or_way)) {
        std::unique_lock lock(mutex_);
        sleeping_.fetch_add(1, std::memory_order_seq_cst);
        wake_.wait(lock, [&] { return stop_ || has_work(); });
        sleeping_.fetch_sub(1, std::memory_order_relaxed);
        if (stop_) {
          return;
        }
      }
      if (rounds_.any(self)) {
        rounds_.help(self);
      } else {
        work(self);
      }
    }
  }

  std::vector<Share> shares_; // the caller's first
  Rounds rounds_;
  alignas(line) std::atomic<int> done_ = 0;
  int tasks_ = 0;
  alignas(line) std::atomic<int> sleeping_ = 0;
  std::atomic<uint32_t> ways_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable finished_;
  bool stop_ = false;
  bool waiting_ = false;
  std::exception_ptr error_;
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

void parallel_for(int tasks, FunctionRef<void(int)> body, Near near) {
  Shared& s = shared();
  auto serial = [&] {
    for (int i = 0; i < tasks; ++i) {
      body(i);
    }
  };
  if (tasks <= 1 || inside || s.threads == 1) {
    return serial();
  }
  std::lock_guard lock(s.mutex);
  if (!s.pool) {
    return serial();
  }
  Inside mark;
  s.pool->run(tasks, body, near);
}

void parallel_rounds(std::span<const int> tasks, Rounds::Body body, Rounds::Ended ended) {
  Shared& s = shared();
  if (!inside && s.threads > 1) {
    std::lock_guard lock(s.mutex);
    if (s.pool) {
      Inside mark;
      return s.pool->run_rounds(tasks, body, ended);
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
