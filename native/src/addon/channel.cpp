#include "native/src/addon/channel.h"

#include <utility>

#include "kernels/common/thread_pool.h"
#include "native/src/errors.h"

namespace mtplx::native {

struct Channel::Settlement {
  Napi::Promise::Deferred deferred;
  std::shared_ptr<Channel> channel;
  MakeValue value;
  std::string code;
  std::string message;
  std::shared_ptr<Napi::FunctionReference> listener;
};

namespace {

// The environment is gone: its references must not be released any more.
void forget(const std::shared_ptr<Napi::FunctionReference>& listener) {
  if (listener) {
    listener->SuppressDestruct();
  }
}

} // namespace

Napi::Error make_error(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

std::shared_ptr<Channel> Channel::open(Napi::Env env) {
  auto channel = std::make_shared<Channel>();
  channel->engine_ = EngineThread::acquire();
  channel->workspace_ = std::make_shared<Workspace>();
  channel->to_js_ = Napi::ThreadSafeFunction::New(env, Napi::Function(), "mtplx.engine", 0, 1);
  channel->to_js_.Unref(env);
  // Hooks run last in, first out: registered after the function above, this one runs before that
  // function is torn down.
  env.AddCleanupHook(
      [](std::shared_ptr<Channel>* held) {
        (*held)->close();
        delete held;
      },
      new std::shared_ptr<Channel>(channel));
  return channel;
}

void Channel::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  to_js_.Abort();
  workspace_->closing = true;
  // Arrays die on the thread that owns them.
  engine_->push([workspace = std::move(workspace_)]() mutable { workspace.reset(); });
  engine_.reset();
}

void Channel::stop_loading() {
  if (workspace_) {
    workspace_->closing = true;
  }
}

bool Channel::closed() {
  std::lock_guard lock(mutex_);
  return closed_;
}

Napi::Value Channel::submit(Napi::Env env, Job job, std::shared_ptr<Napi::FunctionReference> listener) {
  auto deferred = Napi::Promise::Deferred::New(env);
  auto* settlement = new Settlement{deferred, shared_from_this(), nullptr, "", "", std::move(listener)};
  if (in_flight_++ == 0) {
    to_js_.Ref(env); // the event loop waits only while a call is pending
  }
  // The job holds no EngineThread: its last owner joins it and must not be the thread itself.
  engine_->push([settlement, workspace = workspace_, job = std::move(job)] {
    if (settlement->channel->closed()) {
      forget(settlement->listener);
      delete settlement;
      return;
    }
    try {
      settlement->value = job(*workspace);
    } catch (const EngineError& e) {
      settlement->code = e.code();
      settlement->message = e.what();
    } catch (const std::bad_alloc&) {
      settlement->code = "MTPLX_E_OUT_OF_MEMORY";
      settlement->message = "Out of memory in the engine.";
    } catch (const std::exception& e) {
      settlement->code = "MTPLX_E_ENGINE";
      settlement->message = e.what();
    } catch (...) {
      settlement->code = "MTPLX_E_ENGINE";
      settlement->message = "Unknown engine error.";
    }
    settlement->channel->deliver(settlement);
    kernels::make_way();
    if (auto afterwards = std::exchange(workspace->afterwards, nullptr)) {
      try {
        afterwards();
      } catch (...) {
        // It only makes ready what the next job would make.
      }
    }
  });
  return deferred.Promise();
}

void Channel::deliver(Settlement* settlement) {
  std::lock_guard lock(mutex_);
  if (closed_) {
    forget(settlement->listener);
    delete settlement;
    return;
  }
  auto status = to_js_.NonBlockingCall(settlement, [](Napi::Env env, Napi::Function, Settlement* done) {
    std::unique_ptr<Settlement> owned(done);
    if (static_cast<napi_env>(env) == nullptr) {
      forget(done->listener);
      return; // drained while the environment goes away
    }
    if (--done->channel->in_flight_ == 0) {
      done->channel->to_js_.Unref(env);
    }
    try {
      if (done->value) {
        done->deferred.Resolve(done->value(env));
      } else {
        done->deferred.Reject(make_error(env, done->code, done->message).Value());
      }
    } catch (const Napi::Error&) {
      // The worker is being terminated: no JavaScript runs any more.
    } catch (const std::exception&) {
      done->deferred.Reject(make_error(env, "MTPLX_E_OUT_OF_MEMORY", "Out of memory for a result.").Value());
    }
  });
  if (status != napi_ok) {
    forget(settlement->listener);
    delete settlement;
  }
}

void Channel::progress(const std::shared_ptr<Napi::FunctionReference>& listener, double done, double total) {
  constexpr int bound = 8;
  struct Event {
    std::shared_ptr<Channel> channel;
    std::shared_ptr<Napi::FunctionReference> listener;
    double done, total;
  };
  std::lock_guard lock(mutex_);
  if (closed_ || events_waiting_ >= bound) {
    return;
  }
  auto* event = new Event{shared_from_this(), listener, done, total};
  auto status = to_js_.NonBlockingCall(event, [](Napi::Env env, Napi::Function, Event* e) {
    std::unique_ptr<Event> owned(e);
    {
      std::lock_guard lock(e->channel->mutex_);
      e->channel->events_waiting_ -= 1;
    }
    if (static_cast<napi_env>(env) == nullptr) {
      forget(e->listener);
      return;
    }
    try {
      Napi::Object progress = Napi::Object::New(env);
      progress.Set("done", e->done);
      progress.Set("total", e->total);
      e->listener->Call({progress});
    } catch (const Napi::Error&) {
      // Being terminated; TypeScript's listener itself never throws.
    }
  });
  if (status == napi_ok) {
    events_waiting_ += 1;
  } else {
    forget(listener);
    delete event;
  }
}

} // namespace mtplx::native
