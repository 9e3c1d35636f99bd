#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "native/src/engine_thread.h"
#include "native/src/workspace.h"

namespace mtplx::native {

// What an engine job leaves for the JavaScript thread: makes the value that the Promise resolves to.
using MakeValue = std::function<Napi::Value(Napi::Env)>;
using Job = std::function<MakeValue(Workspace&)>;

// The link between one JavaScript environment and the engine thread. A ThreadSafeFunction is freed while its
// environment goes away (worker exit, process.exit), so the engine touches it only under the lock and only
// while the channel is open. Held by shared_ptr: it outlives the environment.
class Channel : public std::enable_shared_from_this<Channel> {
 public:
  static std::shared_ptr<Channel> open(Napi::Env env);

  // Runs `job` on the engine thread; its result or exception settles the Promise. `listener` (may be null) lives
  // until then and dies on the JavaScript thread; the job holds it weakly.
  Napi::Value submit(Napi::Env env, Job job, std::shared_ptr<Napi::FunctionReference> listener = nullptr);

  // Calls `listener` with (done, total) on the JavaScript thread. From any thread; dropped when eight wait.
  void progress(const std::shared_ptr<Napi::FunctionReference>& listener, double done, double total);

  bool closed();
  // A load in progress stops at the next tensor.
  void stop_loading();

 private:
  struct Settlement;
  void close();
  void deliver(Settlement* settlement);

  std::mutex mutex_;
  bool closed_ = false;
  int events_waiting_ = 0;
  Napi::ThreadSafeFunction to_js_;
  int in_flight_ = 0; // JavaScript thread only
  std::shared_ptr<EngineThread> engine_;
  std::shared_ptr<Workspace> workspace_;
};

// An Error with the engine's code.
Napi::Error make_error(Napi::Env env, const std::string& code, const std::string& message);

} // namespace mtplx::native
