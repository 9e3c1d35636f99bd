#include "kernels/common/isa.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace mtplx::kernels {

namespace {

Isa widest() {
#if defined(__aarch64__) || defined(_M_ARM64)
  return Isa::neon;
#else
  if (isa_runs_here(Isa::avx512)) {
    return Isa::avx512;
  }
  return isa_runs_here(Isa::avx2) ? Isa::avx2 : Isa::scalar;
#endif
}

std::atomic<int>& chosen() {
  static std::atomic<int> isa = [] {
    const char* forced = std::getenv("MTPLX_ISA");
    if (!forced || !*forced) {
      return static_cast<int>(widest());
    }
    Isa wanted = parse_isa(forced);
    if (!isa_runs_here(wanted)) {
      throw std::invalid_argument(std::string("[isa] MTPLX_ISA=") + forced + " does not run on this CPU.");
    }
    return static_cast<int>(wanted);
  }();
  return isa;
}

} // namespace

Isa active_isa() {
  return static_cast<Isa>(chosen().load(std::memory_order_relaxed));
}

void force_isa(Isa isa) {
  if (!isa_runs_here(isa)) {
    throw std::invalid_argument(std::string("[isa] ") + isa_name(isa) + " does not run on this CPU.");
  }
  chosen().store(static_cast<int>(isa), std::memory_order_relaxed);
}

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return "scalar";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::neon:
      return "neon";
  }
  return "unknown";
}

Isa parse_isa(const std::string& name) {
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::neon}) {
    if (name == isa_name(isa)) {
      return isa;
    }
  }
  throw std::invalid_argument("[isa] Unknown instruction set '" + name + "': use scalar, avx2, avx512 or neon.");
}

bool isa_runs_here(Isa isa) {
#if defined(__aarch64__) || defined(_M_ARM64)
  return isa == Isa::scalar || isa == Isa::neon;
#else
  switch (isa) {
    case Isa::scalar:
      return true;
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    case Isa::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    case Isa::neon:
      return false;
  }
  return false;
#endif
}

} // namespace mtplx::kernels
