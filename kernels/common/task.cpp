#include "kernels/common/task.h"

#include <chrono>
#include <cstring>
#include <stdexcept>

#include "mlx/allocator.h"
#include "mlx/backend/cpu/encoder.h"
#include "mlx/primitives.h"

namespace mtplx::kernels {

namespace {

thread_local std::shared_ptr<Timings> tls_timings;
thread_local Phase tls_phase = Phase::verify;

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Adds the life time of the object to the timings.
class Stopwatch {
 public:
  Stopwatch(Timings* timings, Phase phase, const char* name)
      : timings_(timings), phase_(phase), name_(name), start_(timings ? now_ns() : 0) {}
  ~Stopwatch() {
    if (timings_) {
      timings_->add(phase_, name_, now_ns() - start_);
    }
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  Timings* timings_;
  Phase phase_;
  const char* name_;
  int64_t start_;
};

class CpuPrimitive : public mx::Primitive {
 public:
  CpuPrimitive(mx::Stream stream, const char* name)
      : mx::Primitive(stream), name_(name), timings_(tls_timings), phase_(tls_phase) {}
  void eval_gpu(const std::vector<mx::array>&, std::vector<mx::array>&) override {
    throw std::runtime_error(std::string("[") + name_ + "] has no GPU implementation.");
  }
  const char* name() const override { return name_; }

 protected:
  static mx::array weak(const mx::array& a) { return mx::array::unsafe_weak_copy(a); }
  static std::vector<mx::array> weak_all(const std::vector<mx::array>& all) {
    std::vector<mx::array> copies;
    copies.reserve(all.size());
    for (const auto& a : all) {
      copies.push_back(weak(a));
    }
    return copies;
  }

  const char* name_;
  std::shared_ptr<Timings> timings_;
  Phase phase_;
};

// Kernels read plain rows; a transposed or strided view would be misread without a word.
void require_rows(const char* name, const std::vector<mx::array>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].flags().row_contiguous) {
      throw std::invalid_argument(std::string("[") + name + "] Input " + std::to_string(i) + " is not row-contiguous.");
    }
  }
}

class CpuTask final : public CpuPrimitive {
 public:
  CpuTask(mx::Stream stream, const char* name, TaskBody body) : CpuPrimitive(stream, name), body_(std::move(body)) {}
  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    for (auto& out : outputs) {
      out.set_data(mx::allocator::malloc(out.nbytes()));
    }
    auto& encoder = mx::cpu::get_command_encoder(stream());
    encoder.dispatch([in = weak_all(inputs), out = weak_all(outputs), body = body_, timings = timings_, phase = phase_,
                      name = name_]() mutable {
      Stopwatch watch(timings.get(), phase, name);
      require_rows(name, in);
      body(in, out);
    });
  }

 private:
  TaskBody body_;
};

class CpuUpdate final : public CpuPrimitive {
 public:
  CpuUpdate(mx::Stream stream, const char* name, UpdateBody body)
      : CpuPrimitive(stream, name), body_(std::move(body)) {}
  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    bool copied = !inputs[0].is_donatable();
    if (copied) {
      outputs[0].set_data(mx::allocator::malloc(outputs[0].nbytes()));
    } else {
      outputs[0].copy_shared_buffer(inputs[0]);
    }
    auto& encoder = mx::cpu::get_command_encoder(stream());
    encoder.dispatch([in = weak_all(inputs), out = weak(outputs[0]), copied, body = body_, timings = timings_,
                      phase = phase_, name = name_]() mutable {
      Stopwatch watch(timings.get(), phase, name);
      require_rows(name, in);
      body(in, out, copied);
    });
  }

 private:
  UpdateBody body_;
};

} // namespace

void Timings::add(Phase phase, const char* kernel, int64_t ns) {
  phase_ns[static_cast<int>(phase)] += ns;
  for (auto& k : kernels) {
    if (k.name == kernel) {
      k.ns += ns;
      k.calls += 1;
      return;
    }
  }
  kernels.push_back({kernel, ns, 1});
}

TimingScope::TimingScope(std::shared_ptr<Timings> timings, Phase phase)
    : saved_(std::move(tls_timings)), saved_phase_(tls_phase) {
  tls_timings = std::move(timings);
  tls_phase = phase;
}

TimingScope::~TimingScope() {
  tls_timings = std::move(saved_);
  tls_phase = saved_phase_;
}

std::vector<mx::array> cpu_task(const char* name,
                                const std::vector<mx::array>& inputs,
                                const std::vector<OutputSpec>& outputs,
                                TaskBody body,
                                mx::Stream stream) {
  std::vector<mx::Shape> shapes;
  std::vector<mx::Dtype> dtypes;
  for (const auto& o : outputs) {
    shapes.push_back(o.shape);
    dtypes.push_back(o.dtype);
  }
  return mx::array::make_arrays(std::move(shapes), dtypes, std::make_shared<CpuTask>(stream, name, std::move(body)),
                                inputs);
}

mx::array cpu_task1(
    const char* name, const std::vector<mx::array>& inputs, OutputSpec output, TaskBody body, mx::Stream stream) {
  return mx::array(std::move(output.shape), output.dtype, std::make_shared<CpuTask>(stream, name, std::move(body)),
                   inputs);
}

mx::array cpu_update(const char* name, std::vector<mx::array> inputs, UpdateBody body, mx::Stream stream) {
  auto shape = inputs.at(0).shape();
  auto dtype = inputs.at(0).dtype();
  return mx::array(std::move(shape), dtype, std::make_shared<CpuUpdate>(stream, name, std::move(body)),
                   std::move(inputs));
}

} // namespace mtplx::kernels
