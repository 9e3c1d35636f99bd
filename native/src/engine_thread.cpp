#include "native/src/engine_thread.h"

#include <mutex>

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

void with_mlx(const std::function<void()>& run_jobs) {
  // An engine that still winds up and its successor do not overlap. Never destroyed: a thread may hold it at exit.
  static std::mutex& one_at_a_time = *new std::mutex;
  std::lock_guard alone(one_at_a_time);
  mlx::core::set_default_device(mlx::core::Device::cpu);
  run_jobs();
  try {
    mlx::core::synchronize();
    mlx::core::clear_streams();
  } catch (const std::exception&) {
    // Nothing can be reported any more: the process or the last environment is going away.
  }
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

EngineThread::EngineThread() : queue_(with_mlx) {}

void EngineThread::halt() {
  auto& [mutex, current] = shared();
  std::lock_guard lock(mutex);
  if (auto engine = current.lock()) {
    engine->queue_.join(true);
    // What it still holds is left to the end of the process: this may be its last owner, on another thread.
    new std::shared_ptr<EngineThread>(std::move(engine));
  }
}

} // namespace mtplx::native
