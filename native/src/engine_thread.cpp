#include "native/src/engine_thread.h"

namespace mtplx::native {

std::shared_ptr<EngineThread> EngineThread::acquire() {
  static std::mutex mutex;
  static std::weak_ptr<EngineThread> current;
  std::lock_guard lock(mutex);
  auto engine = current.lock();
  if (!engine) {
    engine = std::make_shared<EngineThread>();
    current = engine;
  }
  return engine;
}

EngineThread::EngineThread() : thread_([this] { run(); }) {}

EngineThread::~EngineThread() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void EngineThread::push(std::function<void()> job) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

mlx::core::Stream EngineThread::stream() const {
  return mlx::core::default_stream(mlx::core::Device::cpu);
}

void EngineThread::run() {
  // An engine that still winds up and its successor do not overlap. Never destroyed: a thread may hold it at exit.
  static std::mutex& one_at_a_time = *new std::mutex;
  std::lock_guard alone(one_at_a_time);
  mlx::core::set_default_device(mlx::core::Device::cpu);
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || !jobs_.empty(); });
      if (jobs_.empty()) {
        break;
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
  try {
    mlx::core::synchronize();
    mlx::core::clear_streams();
  } catch (const std::exception&) {
    // Nothing can be reported any more: the process or the last environment is going away.
  }
}

} // namespace mtplx::native
