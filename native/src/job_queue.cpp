#include "native/src/job_queue.h"

namespace mtplx::native {

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
  }
  wake_.notify_one();
}

void JobQueue::run() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || !jobs_.empty(); });
      if (jobs_.empty() || halted_) {
        return;
      }
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    try {
      job();
    } catch (...) {
      // Jobs report their errors themselves. One that cannot (out of memory in its report) must not end the process.
    }
  }
}

} // namespace mtplx::native
