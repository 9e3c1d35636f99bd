#include "native/src/job_queue.h"

#include <chrono>

namespace mtplx::native {

namespace {

// A decoding cycle's next job comes sooner than a sleeping thread wakes: 20 µs less a cycle. It yields, since the
// thread that will bring the job may have been put on this core.
constexpr auto moment = std::chrono::microseconds(60);

} // namespace

JobQueue::JobQueue(std::function<void(const Job&)> around)
    : thread_([this, around = std::move(around)] { around([this] { run(); }); }) {}

JobQueue::~JobQueue() {
  join(false);
}

void JobQueue::join(bool halt) {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    halted_ = halted_ || halt;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void JobQueue::push(Job job) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    has_jobs_.store(true, std::memory_order_release);
  }
  wake_.notify_one();
}

void JobQueue::wait_a_moment() const {
  auto end = std::chrono::steady_clock::now() + moment;
  while (!has_jobs_.load(std::memory_order_acquire) && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
  }
}

void JobQueue::run() {
  for (;;) {
    Job job;
    wait_a_moment();
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || !jobs_.empty(); });
      if (jobs_.empty() || halted_) {
        return;
      }
      job = std::move(jobs_.front());
      jobs_.pop_front();
      has_jobs_.store(!jobs_.empty(), std::memory_order_relaxed);
    }
    try {
      job();
    } catch (...) {
      // Jobs report their errors themselves. One that cannot (out of memory in its report) must not end the process.
    }
  }
}

} // namespace mtplx::native
