#pragma once

#include <string>

// Instruction sets that kernels are compiled for. Every file named *.isa.cpp is compiled once for each base set,
// inside namespace mtplx::kernels::<isa>; *.dot.cpp files (integer products) for their own list, see
// kernels/CMakeLists.txt. All of them give the same bits.
namespace mtplx::kernels {

// avxvnni: AVX2 with VEX-coded VNNI. avx512vnni: AVX-512 with VNNI. amx: those and AMX int8. neondot: NEON with the
// dot-product instructions.
enum class Isa { scalar, avx2, avxvnni, avx512, avx512vnni, amx, neon, neondot };

inline constexpr Isa all_isas[] = {Isa::scalar,     Isa::avx2, Isa::avxvnni, Isa::avx512,
                                   Isa::avx512vnni, Isa::amx,  Isa::neon,    Isa::neondot};

// The widest proven set that this CPU runs (see isa.cpp), or the one forced by MTPLX_ISA=<name>.
// Throws std::invalid_argument for a name that is unknown or does not run here.
Isa active_isa();

// Chooses the instruction set for all later calls; used by tests.
void force_isa(Isa isa);

const char* isa_name(Isa isa);
Isa parse_isa(const std::string& name);
bool isa_runs_here(Isa isa);

// The set whose *.isa.cpp build serves `isa`.
constexpr Isa base_isa(Isa isa) {
  switch (isa) {
    case Isa::avxvnni:
      return Isa::avx2;
    case Isa::avx512vnni:
    case Isa::amx:
      return Isa::avx512;
    case Isa::neondot:
      return Isa::neon;
    default:
      return isa;
  }
}

// Calls the build of `fn` for the active instruction set.
#if defined(__aarch64__) || defined(_M_ARM64)
#define MTPLX_ISA_LIST(X) X(scalar) X(neon)
#else
#define MTPLX_ISA_LIST(X) X(scalar) X(avx2) X(avx512)
#endif

// Declares `result name signature` in each instruction set's namespace:
//   MTPLX_DECLARE_ISA(void, rms_norm_rows, (const float* x, int rows))
#define MTPLX_DECLARE_ONE_(isa, result, name, signature) \
  namespace isa {                                        \
  result name signature;                                 \
  }
#if defined(__aarch64__) || defined(_M_ARM64)
#define MTPLX_DECLARE_ISA(result, name, signature)    \
  MTPLX_DECLARE_ONE_(scalar, result, name, signature) \
  MTPLX_DECLARE_ONE_(neon, result, name, signature)
#define MTPLX_SELECT_ISA(name)                                                               \
  (::mtplx::kernels::base_isa(::mtplx::kernels::active_isa()) == ::mtplx::kernels::Isa::neon \
       ? &::mtplx::kernels::neon::name                                                       \
       : &::mtplx::kernels::scalar::name)
#else
#define MTPLX_DECLARE_ISA(result, name, signature)    \
  MTPLX_DECLARE_ONE_(scalar, result, name, signature) \
  MTPLX_DECLARE_ONE_(avx2, result, name, signature)   \
  MTPLX_DECLARE_ONE_(avx512, result, name, signature)
#define MTPLX_SELECT_ISA(name)                                                                 \
  (::mtplx::kernels::base_isa(::mtplx::kernels::active_isa()) == ::mtplx::kernels::Isa::avx512 \
       ? &::mtplx::kernels::avx512::name                                                       \
   : ::mtplx::kernels::base_isa(::mtplx::kernels::active_isa()) == ::mtplx::kernels::Isa::avx2 \
       ? &::mtplx::kernels::avx2::name                                                         \
       : &::mtplx::kernels::scalar::name)
#endif

} // namespace mtplx::kernels
