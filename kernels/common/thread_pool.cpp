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

// A round of tasks in one word: how many, and which is next. So a claim says at once whether it is good; a helper that
// comes late (its core was taken) claims nothing and is not waited for.
struct Ticket {
  uint32_t tasks;
  uint32_t next;

  static Ticket of(uint64_t word) { return {static_cast<uint32_t>(word >> 32), static_cast<uint32_t>(word)}; }
  uint64_t word() const { return uint64_t{tasks} << 32 | next; }
  bool open() const { return next < tasks; }
};

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
    }
    wake_.notify_all();
    for (auto& t : threads_) {
      t.join();
    }
  }

  // One caller at a time; the lock is held by parallel_for.
  void run(int tasks, FunctionRef<void(int)> body) {
    body_ = &body;
    done_.store(0, std::memory_order_relaxed);
    // Sequentially consistent with a helper that counts itself as asleep and then looks once more.
    word_.store(Ticket{static_cast<uint32_t>(tasks), 0}.word(), std::memory_order_seq_cst);
    if (sleeping_.load(std::memory_order_seq_cst) > 0) {
      { std::lock_guard lock(mutex_); }
      wake_.notify_all();
    }
    work();
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

 private:
  // Claims and runs tasks of the round in hand until none is left.
  void work() {
    for (;;) {
      Ticket claim = Ticket::of(word_.fetch_add(1, std::memory_order_acq_rel));
      if (!claim.open()) {
        return;
      }
      try {
        (*body_)(static_cast<int>(claim.next));
      } catch (...) {
        std::lock_guard lock(mutex_);
        if (!error_) {
          error_ = std::current_exception();
        }
      }
      if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<int>(claim.tasks)) {
        std::lock_guard lock(mutex_);
        if (waiting_) {
          finished_.notify_one();
        }
      }
    }
  }

  bool open() const { return Ticket::of(word_.load(std::memory_order_seq_cst)).open(); }

  void help() {
    inside = true;
    for (;;) {
      if (!spin([&] { return open(); })) {
        std::unique_lock lock(mutex_);
        sleeping_.fetch_add(1, std::memory_order_seq_cst);
        wake_.wait(lock, [&] { return stop_ || open(); });
        sleeping_.fetch_sub(1, std::memory_order_relaxed);
        if (stop_) {
          return;
        }
      }
      work();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable finished_;
  std::atomic<uint64_t> word_ = 0; // see Ticket
  std::atomic<int> done_ = 0;
  std::atomic<int> sleeping_ = 0;
  bool stop_ = false;
  bool waiting_ = false;
  const FunctionRef<void(int)>* body_ = nullptr;
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

void parallel_for(int tasks, FunctionRef<void(int)> body) {
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
