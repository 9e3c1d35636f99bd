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

inline void check_gated_delta(const GatedDeltaSpec& spec) {
  check_gated_delta(spec.key_dim % 16 == 0 && spec.value_dim % 16 == 0 && spec.value_heads % spec.key_heads == 0,
                    "head dims must be multiples of 16 and value heads a multiple of the key heads.");
}

// Conv rows after `keep` of `rows`, channels [begin, end): of the old ones `past` and of these, the last taps - 1.
void conv_after(
    const GatedDeltaSpec& g, const float* past, const float* rows, int keep, int begin, int end, float* out);

} // namespace mtplx::kernels
