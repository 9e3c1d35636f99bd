#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace mtplx::native {

// A thread that runs jobs one after the other, in the order in which they were pushed. Knows nothing of MLX, so that
// ThreadSanitizer sees all of it.
class JobQueue {
 public:
  using Job = std::function<void()>;

  // `around` runs on the thread and calls its argument once, which runs the jobs until the end.
  explicit JobQueue(std::function<void(const Job& run_jobs)> around);
  // Runs what waits, then joins.
  ~JobQueue();
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  // From any thread. A job reports its own errors: what it throws is dropped.
  void push(Job job);

  // Ends the thread after the job in hand and joins it; with `halt` the jobs that wait are never run. May be called
  // again; not from a job.
  void join(bool halt);

 private:
  void run();
  // Looks for a job without sleeping.
  void wait_a_moment() const;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::atomic<bool> has_jobs_ = false;
  bool stop_ = false;
  bool halted_ = false;
  std::thread thread_;
};

} // namespace mtplx::native
