#pragma once

#include "kernels/linear/cpu/layout.h"

// The bit planes of layout.h, read and written.
namespace mtplx::kernels {

// Where the planes of one group start, and the shift of the pairs' plane.
struct Planes {
  size_t pairs;
  size_t top;
  int pair_shift;
};

inline Planes planes_of(int bits, int group_size) {
  size_t pairs = has_nibbles(bits) ? static_cast<size_t>(group_size) * 8 : 0;
  return {pairs, pairs + (has_pairs(bits) ? static_cast<size_t>(group_size) * 4 : 0), has_nibbles(bits) ? 4 : 0};
}

// Ors the values q (four bytes: four k of output n) of a unit into a group that starts as zeros.
inline void write_unit(uint8_t* group, int bits, int group_size, int unit, int n, uint32_t q) {
  auto merge = [&](size_t line, uint32_t v) {
    uint32_t old;
    std::memcpy(&old, group + line + 4 * static_cast<size_t>(n), 4);
    old |= v;
    std::memcpy(group + line + 4 * static_cast<size_t>(n), &old, 4);
  };
  Planes at = planes_of(bits, group_size);
  size_t u = static_cast<size_t>(unit);
  if (bits == 8) {
    merge(u * unit_bytes, q);
    return;
  }
  if (has_nibbles(bits)) {
    merge(u / 2 * unit_bytes, (q & 0x0f0f0f0fu) << (4 * (unit % 2)));
  }
  if (has_pairs(bits)) {
    merge(at.pairs + u / 4 * unit_bytes, ((q >> at.pair_shift) & 0x03030303u) << (2 * (unit % 4)));
  }
  if (has_top_bit(bits)) {
    merge(at.top + u / 8 * unit_bytes, ((q >> (bits - 1)) & 0x01010101u) << (unit % 8));
  }
}

// The value at k of output n of a group.
inline uint32_t read_value(const uint8_t* group, int bits, int group_size, int n, int k) {
  Planes at = planes_of(bits, group_size);
  size_t u = static_cast<size_t>(k / 4);
  size_t byte = static_cast<size_t>(4 * n + k % 4);
  if (bits == 8) {
    return group[u * unit_bytes + byte];
  }
  uint32_t q = 0;
  if (has_nibbles(bits)) {
    q |= (group[u / 2 * unit_bytes + byte] >> (4 * (u % 2))) & 15u;
  }
  if (has_pairs(bits)) {
    q |= ((group[at.pairs + u / 4 * unit_bytes + byte] >> (2 * (u % 4))) & 3u) << at.pair_shift;
  }
  if (has_top_bit(bits)) {
    q |= ((group[at.top + u / 8 * unit_bytes + byte] >> (u % 8)) & 1u) << (bits - 1);
  }
  return q;
}

} // namespace mtplx::kernels
