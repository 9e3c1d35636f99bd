#pragma once

#include <stdexcept>
#include <string>

#include "kernels/gated_delta/gated_delta.h"

namespace mtplx::kernels {

inline int channels_of(const GatedDeltaSpec& g) {
  return 2 * g.key_heads * g.key_dim + g.value_heads * g.value_dim;
}

inline void check_gated_delta(bool ok, const char* message) {
  if (!ok) {
    throw std::invalid_argument(std::string("[gated_delta] ") + message);
  }
}

// Conv rows after `keep` of `rows`: of the old ones `past` and of these, the last taps - 1.
void conv_after(const GatedDeltaSpec& g, const float* past, const float* rows, int keep, float* out);

} // namespace mtplx::kernels
