#pragma once

// Deliberate bugs for the gates' negative controls. Only the build with MTPLX_FAULTS has them; MTPLX_FAULT in the
// environment names the one that is on. In the product every check is the constant false.
#ifdef MTPLX_FAULTS
#include <cstdlib>
#include <string_view>
#endif

namespace mtplx::native {

#ifdef MTPLX_FAULTS
inline bool fault(std::string_view name) {
  const char* active = std::getenv("MTPLX_FAULT");
  return active && name == active;
}
#else
constexpr bool fault(const char*) {
  return false;
}
#endif

} // namespace mtplx::native
