#pragma once

#include <functional>
#include <memory>

#include "mlx/mlx.h"
#include "native/src/job_queue.h"

namespace mtplx::native {

// The one thread that owns every MLX object of the process. Evaluation is bound to a thread, so all MLX calls are jobs
// here, run in the order in which they were pushed.
class EngineThread {
 public:
  // The process's thread; started by the first owner and joined by the last.
  static std::shared_ptr<EngineThread> acquire();

  // Ends the process's thread, if there is one, after the job in hand; jobs that wait are never run. For the exit of
  // the process, whose static destructors would take MLX away under a running job.
  static void halt();

  // A job reports its own errors: what it throws is dropped.
  void push(std::function<void()> job) { queue_.push(std::move(job)); }

  EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

 private:
  JobQueue queue_;
};

} // namespace mtplx::native
