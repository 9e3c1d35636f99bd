#include "kernels/common/thread_pool.h"

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

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mtplx::kernels {

namespace {

// A thread that only spins stalls others for milliseconds when cores are taken: spin this long, then sleep.
constexpr auto spin_time = std::chrono::microseconds(50);
constexpr int spins_a_look = 64;

// This thread runs tasks: what they call in turn runs serially.
thread_local bool inside = false;

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Spins until done() or the time is up; tells which.
template <class Done>
bool spin(Done done) {
  auto end = std::chrono::steady_clock::now() + spin_time;
  do {
    for (int i = 0; i < spins_a_look; ++i) {
      if (done()) {
        return true;
      }
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

class Pool {
 public:
  explicit Pool(int helpers) {
    for (int i = 0; i < helpers; ++i) {
      threads_.emplace_back([this] { help(); });
    }
  }

  ~Pool() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
      round_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    for (auto& t : threads_) {
      t.join();
    }
  }

  // One caller at a time; the lock is held by run() outside.
  void run(int tasks, const std::function<void(int)>& body) {
    body_ = &body;
    tasks_ = tasks;
    next_.store(0, std::memory_order_relaxed);
    working_.store(static_cast<int>(threads_.size()), std::memory_order_relaxed);
    {
      std::lock_guard lock(mutex_);
      round_.fetch_add(1, std::memory_order_release);
    }
    if (sleeping_.load(std::memory_order_acquire) > 0) {
      wake_.notify_all();
    }
    work();
    auto done = [&] { return working_.load(std::memory_order_acquire) == 0; };
    if (!spin(done)) {
      std::unique_lock lock(mutex_);
      finished_.wait(lock, done);
    }
    if (error_) {
      std::exception_ptr error = std::exchange(error_, nullptr);
      std::rethrow_exception(error);
    }
  }

 private:
  void work() {
    for (;;) {
      int task = next_.fetch_add(1, std::memory_order_relaxed);
      if (task >= tasks_) {
        return;
      }
      try {
        (*body_)(task);
      } catch (...) {
        std::lock_guard lock(mutex_);
        if (!error_) {
          error_ = std::current_exception();
        }
      }
    }
  }

  void help() {
    inside = true;
    uint64_t seen = 0;
    for (;;) {
      auto called = [&] { return round_.load(std::memory_order_acquire) != seen; };
      if (!spin(called)) {
        std::unique_lock lock(mutex_);
        sleeping_.fetch_add(1, std::memory_order_acq_rel);
        wake_.wait(lock, called);
        sleeping_.fetch_sub(1, std::memory_order_acq_rel);
      }
      seen = round_.load(std::memory_order_acquire);
      if (stop_) {
        return;
      }
      work();
      if (working_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        std::lock_guard lock(mutex_);
        finished_.notify_one();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable finished_;
  std::atomic<uint64_t> round_ = 0;
  std::atomic<int> next_ = 0;
  std::atomic<int> working_ = 0;
  std::atomic<int> sleeping_ = 0;
  bool stop_ = false;
  int tasks_ = 0;
  const std::function<void(int)>* body_ = nullptr;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
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
    s.pool = threads > 1 ? std::make_unique<Pool>(threads - 1) : nullptr;
    s.threads = threads;
  }
}

int threads() {
  return shared().threads;
}

void parallel_for(int tasks, const std::function<void(int)>& body) {
  Shared& s = shared();
  if (tasks <= 1 || inside || s.threads == 1) {
    for (int i = 0; i < tasks; ++i) {
      body(i);
    }
    return;
  }
  std::lock_guard lock(s.mutex);
  if (!s.pool) {
    for (int i = 0; i < tasks; ++i) {
      body(i);
    }
    return;
  }
  inside = true;
  struct Leave {
    ~Leave() { inside = false; }
  } leave;
  s.pool->run(tasks, body);
}

} // namespace mtplx::kernels
