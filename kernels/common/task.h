#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/common/buffers.h"
#include "kernels/common/function_ref.h"

// How a kernel runs: at once, on the calling thread and the pool's. MLX's graph would cost 8 µs a kernel in nodes,
// dispatch and the wake-up of its stream's thread (docs/decisions/0007).
namespace mtplx::kernels {

namespace mx = mlx::core;

// Phases of one decoding cycle, as reported to TypeScript.
enum class Phase : int { commit, draft, verify, candidates, count_ };

// Nanoseconds spent inside kernels, by phase and by kernel name.
struct Timings {
  std::array<int64_t, static_cast<size_t>(Phase::count_)> phase_ns = {};
  struct Kernel {
    const char* name;
    int64_t ns;
    int64_t calls;
  };
  std::vector<Kernel> kernels;
  void add(Phase phase, const char* kernel, int64_t ns);
};

// While alive, tasks of this thread report to `timings` (may be null) under `phase`.
class TimingScope {
 public:
  TimingScope(Timings* timings, Phase phase);
  ~TimingScope();
  TimingScope(const TimingScope&) = delete;
  TimingScope& operator=(const TimingScope&) = delete;

 private:
  Timings* saved_;
  Phase saved_phase_;
};

// Reports the time since the last end (or its making) to this thread's timings: one look at the clock a kernel.
class Laps {
 public:
  Laps();
  void end(const char* kernel);

 private:
  Timings* timings_;
  Phase phase_;
  int64_t last_ns_;
};

struct OutputSpec {
  mx::Shape shape;
  mx::Dtype dtype;
  Life life = Life::step;
};

// `in` are evaluated row-contiguous arrays, `out` allocated ones.
using TaskBody = FunctionRef<void(const std::vector<mx::array>& in, std::vector<mx::array>& out)>;

// Runs `body` now and gives its outputs; inputs that MLX has not evaluated yet are evaluated first. `name` must outlive
// the program (a literal).
std::vector<mx::array> cpu_task(const char* name,
                                const std::vector<mx::array>& inputs,
                                const std::vector<OutputSpec>& outputs,
                                TaskBody body);

mx::array cpu_task1(const char* name, const std::vector<mx::array>& inputs, const OutputSpec& output, TaskBody body);

// Whether nobody but `a` holds its memory. Makes `a` an array of its own over it.
bool sole_owner(mx::array& a);

// Like cpu_task1, but the output takes over the first input's buffer when nobody
// else holds it; `copied` tells the body whether it got a fresh buffer instead
// (then it must copy in[0] itself).
using UpdateBody = FunctionRef<void(const std::vector<mx::array>& in, mx::array& out, bool copied)>;
mx::array cpu_update(const char* name, std::vector<mx::array> inputs, UpdateBody body);

} // namespace mtplx::kernels
