#include <napi.h>

#include <chrono>
#include <cstring>
#include <system_error>

#include "kernels/common/isa.h"
#include "kernels/common/thread_pool.h"
#include "native/src/addon/channel.h"
#include "native/src/addon/marshal.h"
#include "native/src/cores.h"
#include "native/src/drafting.h"
#include "native/src/errors.h"
#include "native/src/inspection.h"
#include "native/src/wire.h"

// The functions of native/types.ts: each turns its arguments into plain values on the JavaScript thread and
// hands a job to the engine thread.
namespace mtplx::native {

namespace {

using Info = Napi::CallbackInfo;
using Clock = std::chrono::steady_clock;

Channel& channel(const Info& info) {
  return **info.Env().GetInstanceData<std::shared_ptr<Channel>>();
}

MakeValue nothing() {
  return [](Napi::Env env) { return env.Undefined(); };
}

MakeValue handle(int id) {
  return [id](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, id); };
}

Napi::Value submit(const Info& info, Job job, std::shared_ptr<Napi::FunctionReference> listener = nullptr) {
  return channel(info).submit(info.Env(), std::move(job), std::move(listener));
}

Napi::Value build_info(const Info& info) {
  Napi::Env env = info.Env();
  Napi::Object o = Napi::Object::New(env);
  o.Set("mlx", mlx::core::version());
  o.Set("backend", "cpu");
  try {
    o.Set("isa", kernels::isa_name(kernels::active_isa()));
  } catch (const std::exception& e) {
    throw make_error(env, "MTPLX_E_ISA", e.what());
  }
  Napi::Array isas = Napi::Array::New(env);
  for (auto isa : kernels::all_isas) {
    if (kernels::isa_runs_here(isa)) {
      isas.Set(isas.Length(), kernels::isa_name(isa));
    }
  }
  o.Set("isas", isas);
  o.Set("threads", kernels::threads());
  o.Set("compiler", __VERSION__);
  return o;
}

Napi::Value set_threads(const Info& info) {
  int threads = integer(info[0]);
  return submit(info, [threads](Workspace&) {
    if (threads < 1 || threads > 1024) {
      throw EngineError("MTPLX_E_OPTION", "The number of threads must lie between 1 and 1024.");
    }
    kernels::set_threads(threads);
    return nothing();
  });
}

Napi::Value set_isa(const Info& info) {
  std::string name = info[0].ToString().Utf8Value();
  return submit(info, [name](Workspace&) {
    try {
      kernels::force_isa(kernels::parse_isa(name));
    } catch (const std::invalid_argument& e) {
      throw EngineError("MTPLX_E_ISA", e.what());
    }
    return nothing();
  });
}

// raw, shifted, mixed, or null without MTP norms.
Napi::Value mtp_norms(Napi::Env env, const RawNorms& raw) {
  auto layer = raw.find(NormGroup::mtp_layer);
  auto own = raw.find(NormGroup::mtp_own);
  if (layer == raw.end() || own == raw.end()) {
    return env.Null();
  }
  const char* name = layer->second != own->second ? "mixed" : own->second ? "raw" : "shifted";
  return Napi::String::New(env, name);
}

Napi::Value load_model(const Info& info) {
  LoadRequest request = load_request(info[0].As<Napi::Object>());
  std::shared_ptr<Napi::FunctionReference> listener;
  if (info[1].IsFunction()) {
    listener = std::make_shared<Napi::FunctionReference>(Napi::Persistent(info[1].As<Napi::Function>()));
  }
  std::shared_ptr<Channel> events = channel(info).shared_from_this();
  std::weak_ptr<Napi::FunctionReference> weak = listener;
  Job job = [request = std::move(request), weak, events](Workspace& work) {
    double total = static_cast<double>(request.tensors.size());
    double done = 0;
    auto model = native::load_model(request, [&] {
      if (work.closing) {
        throw EngineError("MTPLX_E_ABORTED", "The environment went away while the model was loading.");
      }
      done += 1;
      if (auto target = weak.lock()) {
        events->progress(target, done, total);
      }
    });
    int id = work.add(model);
    return MakeValue([id, bytes = model->weight_bytes, raw = model->raw_norms](Napi::Env env) -> Napi::Value {
      Napi::Object o = Napi::Object::New(env);
      o.Set("model", id);
      o.Set("weightBytes", static_cast<double>(bytes));
      Napi::Object norms = Napi::Object::New(env);
      norms.Set("trunk", raw.at(NormGroup::trunk) ? "raw" : "shifted");
      norms.Set("mtp", mtp_norms(env, raw));
      o.Set("norms", norms);
      return o;
    });
  };
  return submit(info, std::move(job), std::move(listener));
}

Napi::Value unload_model(const Info& info) {
  int id = integer(info[0]);
  return submit(info, [id](Workspace& work) {
    work.remove_model(id);
    mx::clear_cache();
    return nothing();
  });
}

Napi::Value create_sequence(const Info& info) {
  int id = integer(info[0]);
  bool mtp = info[1].As<Napi::Object>().Get("mtp").ToBoolean().Value();
  return submit(info, [id, mtp](Workspace& work) { return handle(work.add(new_sequence(work.model(id), mtp))); });
}

Napi::Value fork_sequence(const Info& info) {
  int id = integer(info[0]);
  return submit(info, [id](Workspace& work) {
    Sequence& sequence = work.sequence(id);
    settle_now(sequence);
    return handle(work.add(fork(sequence)));
  });
}

Napi::Value dispose_sequence(const Info& info) {
  int id = integer(info[0]);
  return submit(info, [id](Workspace& work) {
    work.remove_sequence(id);
    return nothing();
  });
}

Napi::Value commit(const Info& info) {
  int id = integer(info[0]);
  int keep = integer(info[1]);
  return submit(info, [id, keep](Workspace& work) {
    commit_now(work.sequence(id), keep);
    return nothing();
  });
}

MakeValue packed(const CycleResult& result, const wire::Times& times) {
  return [bytes = wire::write_result(result, times)](Napi::Env env) -> Napi::Value {
    auto buffer = Napi::ArrayBuffer::New(env, bytes.size());
    std::memcpy(buffer.Data(), bytes.data(), bytes.size());
    return buffer;
  };
}

Napi::Value cycle(const Info& info) {
  auto numbers = double_list(info[0]);
  return submit(info, [numbers = std::move(numbers)](Workspace& work) {
    auto begin = Clock::now();
    std::vector<CycleEntry> batch;
    for (auto& request : wire::read_batch(numbers)) {
      batch.push_back(std::move(request.entry));
      batch.back().sequence = &work.sequence(request.sequence);
    }
    auto before = work.timings.phase_ns;
    CycleResult result = run_cycle(batch, work.timings);
    work.afterwards = [batch = std::move(batch)] {
      for (const auto& entry : batch) {
        make_mtp_rows_ahead(*entry.sequence);
      }
    };
    auto phase = [&](kernels::Phase p) {
      auto i = static_cast<size_t>(p);
      return static_cast<double>(work.timings.phase_ns[i] - before[i]);
    };
    std::chrono::duration<double, std::nano> total = Clock::now() - begin;
    return packed(result, {phase(kernels::Phase::commit), phase(kernels::Phase::draft), phase(kernels::Phase::verify),
                           phase(kernels::Phase::candidates), total.count()});
  });
}

Napi::Value candidates(const Info& info) {
  auto numbers = double_list(info[0]);
  return submit(info, [numbers = std::move(numbers)](Workspace& work) {
    auto request = wire::read_candidates(numbers);
    CycleResult result;
    result.rows = recut(work.sequence(request.sequence), request.edits, request.request, request.draw);
    return packed(result, {});
  });
}

Napi::Value rows(const Info& info) {
  int id = integer(info[0]);
  bool logits = info[1].ToString().Utf8Value() == "logits";
  return submit(info, [id, logits](Workspace& work) {
    auto values = pending_rows(work.sequence(id), logits);
    return MakeValue([values = std::move(values)](Napi::Env env) { return float_array(env, values); });
  });
}

Napi::Value mtp_forward(const Info& info) {
  int id = integer(info[0]);
  auto hidden = float_list(info[1]);
  auto tokens = int_list(info[2]);
  return submit(info, [id, hidden = std::move(hidden), tokens = std::move(tokens)](Workspace& work) {
    MtpWhole whole = mtp_whole(*work.model(id), hidden, tokens);
    return MakeValue([whole = std::move(whole)](Napi::Env env) -> Napi::Value {
      Napi::Object o = Napi::Object::New(env);
      o.Set("hidden", float_array(env, whole.hidden));
      o.Set("logits", float_array(env, whole.logits));
      return o;
    });
  });
}

Napi::Value inspect(const Info& info) {
  int id = integer(info[0]);
  return submit(info, [id](Workspace& work) {
    SequenceState state = native::inspect(work.sequence(id));
    return MakeValue([state = std::move(state)](Napi::Env env) -> Napi::Value {
      Napi::Object o = Napi::Object::New(env);
      o.Set("length", state.length);
      o.Set("mtpLength", state.mtp_length);
      Napi::Array tensors = Napi::Array::New(env);
      for (const auto& t : state.tensors) {
        Napi::Object entry = Napi::Object::New(env);
        entry.Set("name", t.name);
        Napi::Array shape = Napi::Array::New(env);
        for (int dim : t.shape) {
          shape.Set(shape.Length(), dim);
        }
        entry.Set("shape", shape);
        entry.Set("data", float_array(env, t.data));
        tensors.Set(tensors.Length(), entry);
      }
      o.Set("tensors", tensors);
      return o;
    });
  });
}

Napi::Value kernel_times(const Info& info) {
  return submit(info, [](Workspace& work) {
    auto kernels = std::exchange(work.timings, {}).kernels;
    return MakeValue([kernels = std::move(kernels)](Napi::Env env) -> Napi::Value {
      Napi::Array list = Napi::Array::New(env);
      for (const auto& k : kernels) {
        Napi::Object o = Napi::Object::New(env);
        o.Set("name", k.name);
        o.Set("ns", static_cast<double>(k.ns));
        o.Set("calls", static_cast<double>(k.calls));
        list.Set(list.Length(), o);
      }
      return list;
    });
  });
}

Napi::Value rejected(Napi::Env env, const Napi::Error& error) {
  auto deferred = Napi::Promise::Deferred::New(env);
  deferred.Reject(error.Value());
  return deferred.Promise();
}

Napi::Value shutdown(const Info& info) {
  channel(info).stop_loading();
  EngineThread::halt();
  return info.Env().Undefined();
}

// Errors made on the JavaScript thread reject the Promise instead of throwing; other C++ exceptions would end Node.
template <Napi::Value (*function)(const Info&)>
Napi::Value asynchronous(const Info& info) {
  try {
    return function(info);
  } catch (const Napi::Error& e) {
    return rejected(info.Env(), e);
  } catch (const std::bad_alloc&) {
    return rejected(info.Env(), make_error(info.Env(), "MTPLX_E_OUT_OF_MEMORY", "Out of memory in the addon."));
  } catch (const std::exception& e) {
    return rejected(info.Env(), make_error(info.Env(), "MTPLX_E_ENGINE", e.what()));
  }
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  static const int default_threads = [] {
    try {
      kernels::set_threads(physical_cores());
    } catch (const std::system_error&) {
      kernels::set_threads(1); // no more threads to be had: nothing may be thrown while a module loads
    }
    return kernels::threads();
  }();
  (void)default_threads;
  env.SetInstanceData<std::shared_ptr<Channel>>(new std::shared_ptr<Channel>(Channel::open(env)));
  auto set = [&](const char* name, Napi::Value (*function)(const Info&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  set("buildInfo", build_info);
  set("shutdown", shutdown);
  set("setThreads", asynchronous<set_threads>);
  set("setIsa", asynchronous<set_isa>);
  set("loadModel", asynchronous<load_model>);
  set("unloadModel", asynchronous<unload_model>);
  set("createSequence", asynchronous<create_sequence>);
  set("forkSequence", asynchronous<fork_sequence>);
  set("disposeSequence", asynchronous<dispose_sequence>);
  set("commit", asynchronous<commit>);
  set("cycle", asynchronous<cycle>);
  set("candidates", asynchronous<candidates>);
  set("rows", asynchronous<rows>);
  set("mtpForward", asynchronous<mtp_forward>);
  set("inspect", asynchronous<inspect>);
  set("kernelTimes", asynchronous<kernel_times>);
  return exports;
}

} // namespace

} // namespace mtplx::native

static Napi::Object mtplx_init(Napi::Env env, Napi::Object exports) {
  return mtplx::native::init(env, exports);
}

NODE_API_MODULE(mtplx, mtplx_init)
