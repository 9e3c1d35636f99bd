#include "native/src/engine_thread.h"

namespace mtplx::native {

namespace {

// The process's engine. Never destroyed: used while the process exits.
struct Current {
  std::mutex mutex;
  std::weak_ptr<EngineThread> engine;
};

Current& shared() {
  static Current& instance = *new Current;
  return instance;
}

} // namespace

std::shared_ptr<EngineThread> EngineThread::acquire() {
  auto& [mutex, current] = shared();
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
  join(false);
}

void EngineThread::halt() {
  auto& [mutex, current] = shared();
  std::lock_guard lock(mutex);
  if (auto engine = current.lock()) {
    engine->join(true);
    // What it still holds is left to the end of the process: this may be its last owner, on another thread.
    new std::shared_ptr<EngineThread>(std::move(engine));
  }
}

void EngineThread::join(bool halt) {
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
      if (jobs_.empty() || halted_) {
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
