#include "kernels/common/isa.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#if defined(__aarch64__) || defined(_M_ARM64)
#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#else
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace mtplx::kernels {

namespace {

#if defined(__aarch64__) || defined(_M_ARM64)
bool dot_products() {
#if defined(__linux__)
  return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
#else
  return true; // every Apple chip with this instruction set's Macs has them
#endif
}
#else
// Register EAX (0) or EDX (3) of CPUID leaf 7.
unsigned leaf7(unsigned subleaf, int output) {
  unsigned r[4] = {};
  return __get_cpuid_count(7, subleaf, &r[0], &r[1], &r[2], &r[3]) ? r[output] : 0;
}

// F16C, which clang 14 cannot ask for by name.
bool half_floats() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) && (c >> 29 & 1);
}

// The CPU has AMX int8, and the kernel lets this process use it: asked once.
bool tiles() {
  static const bool allowed = [] {
    constexpr unsigned tile_and_int8 = 3u << 24;
    if ((leaf7(0, 3) & tile_and_int8) != tile_and_int8) {
      return false;
    }
#if defined(__linux__)
    constexpr long request_permission = 0x1023; // ARCH_REQ_XCOMP_PERM
    constexpr long tile_data = 18;
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
    return false;
#endif
  }();
  return allowed;
}
#endif

// The fastest set that may be chosen unasked: its tests have passed on a CPU that has it. neondot has passed them under
// emulation alone: MTPLX_ISA names it.
Isa widest() {
  for (Isa isa : {Isa::amx, Isa::avx512vnni, Isa::avx512, Isa::avxvnni, Isa::avx2, Isa::neon}) {
    if (isa_runs_here(isa)) {
      return isa;
    }
  }
  return Isa::scalar;
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
  static constexpr const char* names[] = {"scalar",     "avx2", "avxvnni", "avx512",
                                          "avx512vnni", "amx",  "neon",    "neondot"};
  return names[static_cast<int>(isa)];
}

Isa parse_isa(const std::string& name) {
  std::string known;
  for (Isa isa : all_isas) {
    if (name == isa_name(isa)) {
      return isa;
    }
    known += std::string(known.empty() ? "" : ", ") + isa_name(isa);
  }
  throw std::invalid_argument("[isa] Unknown instruction set '" + name + "': use one of " + known + ".");
}

bool isa_runs_here(Isa isa) {
#if defined(__aarch64__) || defined(_M_ARM64)
  return isa == Isa::scalar || isa == Isa::neon || (isa == Isa::neondot && dot_products());
#else
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") &&
              half_floats();
  bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  switch (isa) {
    case Isa::scalar:
      return true;
    case Isa::avx2:
      return avx2;
    case Isa::avxvnni:
      return avx2 && leaf7(1, 0) >> 4 & 1;
    case Isa::avx512:
      return avx512;
    case Isa::avx512vnni:
      return vnni;
    case Isa::amx:
      return vnni && tiles();
    default:
      return false;
  }
#endif
}

} // namespace mtplx::kernels
