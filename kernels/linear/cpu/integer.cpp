#include "kernels/linear/cpu/integer.h"

namespace mtplx::kernels {

#if defined(__aarch64__) || defined(_M_ARM64)
#define MTPLX_DOTS(X) X(scalar) X(neon) X(neondot)
#else
#define MTPLX_DOTS(X) X(scalar) X(avx2) X(avxvnni) X(avx512vnni) X(amx)
#endif
#define MTPLX_DECLARE(isa)            \
  namespace isa {                     \
  extern const IntegerKernel integer; \
  }
MTPLX_DOTS(MTPLX_DECLARE)

const IntegerKernel& integer_kernel(Isa isa) {
  switch (isa) {
#if defined(__aarch64__) || defined(_M_ARM64)
    case Isa::neon:
      return neon::integer;
    case Isa::neondot:
      return neondot::integer;
#else
    case Isa::avx2:
    case Isa::avx512: // without VNNI the wider registers are not used
      return avx2::integer;
    case Isa::avxvnni:
      return avxvnni::integer;
    case Isa::avx512vnni:
      return avx512vnni::integer;
    case Isa::amx:
      return amx::integer;
#endif
    default:
      return scalar::integer;
  }
}

} // namespace mtplx::kernels
