#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mtplx::kernels {

// In a loop that waits for another core.
inline void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

} // namespace mtplx::kernels
