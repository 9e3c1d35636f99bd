#include "kernels/common/task.h"

#include <chrono>
#include <stdexcept>

namespace mtplx::kernels {

namespace {

struct Reporting {
  Timings* timings = nullptr;
  Phase phase = Phase::verify;
};
thread_local Reporting reporting;

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Adds its life time to the timings of the scope.
class Stopwatch {
 public:
  explicit Stopwatch(const char* name) : name_(name), to_(reporting), start_(to_.timings ? now_ns() : 0) {}
  ~Stopwatch() {
    if (to_.timings) {
      to_.timings->add(to_.phase, name_, now_ns() - start_);
    }
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  const char* name_;
  Reporting to_;
  int64_t start_;
};

// Kernels read plain rows; a transposed or strided view would be misread without a word.
void make_ready(const char* name, const std::vector<mx::array>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    // The status first: is_available() is a call into MLX.
    if (inputs[i].status() != mx::array::Status::available && !inputs[i].is_available()) {
      mx::array(inputs[i]).eval();
    }
    if (!inputs[i].flags().row_contiguous) {
      throw std::invalid_argument(std::string("[") + name + "] Input " + std::to_string(i) + " is not row-contiguous.");
    }
  }
}

} // namespace

void Timings::add(Phase phase, const char* kernel, int64_t ns) {
  phase_ns[static_cast<size_t>(phase)] += ns;
  for (auto& k : kernels) {
    if (k.name == kernel) {
      k.ns += ns;
      k.calls += 1;
      return;
    }
  }
  kernels.push_back({kernel, ns, 1});
}

TimingScope::TimingScope(Timings* timings, Phase phase) : saved_(reporting.timings), saved_phase_(reporting.phase) {
  reporting = {timings, phase};
}

TimingScope::~TimingScope() {
  reporting = {saved_, saved_phase_};
}

Laps::Laps() : timings_(reporting.timings), phase_(reporting.phase), last_ns_(timings_ ? now_ns() : 0) {}

void Laps::end(const char* kernel) {
  if (timings_) {
    int64_t now = now_ns();
    timings_->add(phase_, kernel, now - last_ns_);
    last_ns_ = now;
  }
}

std::vector<mx::array> cpu_task(const char* name,
                                const std::vector<mx::array>& inputs,
                                const std::vector<OutputSpec>& outputs,
                                TaskBody body) {
  make_ready(name, inputs);
  Stopwatch watch(name);
  std::vector<mx::array> out;
  out.reserve(outputs.size());
  for (const auto& o : outputs) {
    out.push_back(fresh(o.shape, o.dtype, o.life));
  }
  body(inputs, out);
  return out;
}

mx::array cpu_task1(const char* name, const std::vector<mx::array>& inputs, const OutputSpec& output, TaskBody body) {
  make_ready(name, inputs);
  Stopwatch watch(name);
  std::vector<mx::array> out = {fresh(output.shape, output.dtype, output.life)};
  body(inputs, out);
  return std::move(out[0]);
}

bool sole_owner(mx::array& a) {
  // Another array over the same memory, and the old one let go: who still counts then is somebody else. (MLX's
  // is_donatable() says no to all memory that its allocator does not own, as that of states.)
  mx::array own(a.shape(), a.dtype(), nullptr, {});
  own.copy_shared_buffer(a);
  own.set_status(mx::array::Status::available);
  a = std::move(own);
  return a.data_shared_ptr().use_count() == 1;
}

mx::array cpu_update(const char* name, std::vector<mx::array> inputs, UpdateBody body) {
  make_ready(name, inputs);
  Stopwatch watch(name);
  bool copied = !sole_owner(inputs.at(0));
  mx::array out = copied ? fresh(inputs[0].shape(), inputs[0].dtype(), Life::state) : inputs[0];
  body(inputs, out, copied);
  return out;
}

} // namespace mtplx::kernels
