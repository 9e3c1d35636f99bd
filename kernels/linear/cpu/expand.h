#pragma once

#include "kernels/linear/cpu/dot.h"

// Values of any width from their bit planes: as bytes in memory, or at once in the sums. Include only from *.dot.cpp
// files.
namespace mtplx::kernels::MTPLX_ISA {

inline constexpr int max_expanded = 16 * 128;

// One register at hand; a wider vector would go through memory.
#if defined(__AVX512F__)
inline constexpr int part_bytes = 64;
#elif defined(__AVX2__)
inline constexpr int part_bytes = 32;
#else
inline constexpr int part_bytes = 16;
#endif
typedef uint64_t Part __attribute__((vector_size(part_bytes)));

// Bit `from` to bit `to` of each byte, in one shift; bits of other bytes come along.
template <int to>
MTPLX_INLINE Part moved(Part v, int from) {
  return from >= to ? v >> (from - to) : v << (to - from);
}

// Eight units' lines in each plane, from byte `offset`.
struct PlaneLines {
  const uint8_t* nibbles;
  const uint8_t* pairs;
  const uint8_t* top;
};

MTPLX_INLINE PlaneLines plane_lines(const uint8_t* values, const Planes& at, size_t first) {
  return {values + first / 2 * unit_bytes, values + at.pairs + first / 4 * unit_bytes,
          values + at.top + first / 8 * unit_bytes};
}

// A part of the i-th of eight units, one value a byte.
template <int bits>
MTPLX_INLINE Part unit_part(const PlaneLines& lines, int i, int offset) {
  constexpr uint64_t ones = 0x0101010101010101u;
  Part q = {};
  Part plane;
  if constexpr (has_nibbles(bits)) {
    std::memcpy(&plane, lines.nibbles + i / 2 * unit_bytes + offset, sizeof plane);
    q = (plane >> (4 * (i % 2))) & (15 * ones);
  }
  if constexpr (has_pairs(bits)) {
    constexpr int shift = has_nibbles(bits) ? 4 : 0;
    std::memcpy(&plane, lines.pairs + i / 4 * unit_bytes + offset, sizeof plane);
    q |= moved<shift>(plane, 2 * (i % 4)) & ((3 * ones) << shift);
  }
  if constexpr (has_top_bit(bits)) {
    std::memcpy(&plane, lines.top + offset, sizeof plane);
    q |= moved<bits - 1>(plane, i) & (ones << (bits - 1));
  }
  return q;
}

template <int bits>
void expand_bits(const uint8_t* values, int group_size, uint8_t* bytes) {
  Planes at = planes_of(bits, group_size);
  for (size_t first = 0; first < static_cast<size_t>(group_size) / 4; first += 8) {
    PlaneLines lines = plane_lines(values, at, first);
    for (int offset = 0; offset < unit_bytes; offset += part_bytes) {
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) {
        Part q = unit_part<bits>(lines, i, offset);
        std::memcpy(bytes + (first + i) * unit_bytes + offset, &q, sizeof q);
      }
    }
  }
}

// The values of one group as bytes, units in a row: where they lie (8 bits), else written to `bytes`.
inline const uint8_t* expand_group(const uint8_t* values, int bits, int group_size, uint8_t* bytes) {
  switch (bits) {
    case 2:
      expand_bits<2>(values, group_size, bytes);
      break;
    case 3:
      expand_bits<3>(values, group_size, bytes);
      break;
    case 4:
      expand_bits<4>(values, group_size, bytes);
      break;
    case 5:
      expand_bits<5>(values, group_size, bytes);
      break;
    case 6:
      expand_bits<6>(values, group_size, bytes);
      break;
    default:
      return values;
  }
  return bytes;
}

#if defined(__AVX2__) && MTPLX_ROWS_OF_WORDS

// The sums without a way through memory: 3, 5 and 6 bits then take 1.8 times what 4 bits take, not 2.5.
template <int R, int bits>
void unit_sums(const uint8_t* values, int group_size, const GroupRows& x, i32x16 (&s)[R]) {
  const __m256i even = _mm256_set1_epi32(0x00ff00ff);
  Planes at = planes_of(bits, group_size);
  i32x16 t[R];
  clear<R>(t);
  GroupRows rows = x;
  for (size_t first = 0; first < static_cast<size_t>(group_size) / 4; first += 8) {
    PlaneLines lines = plane_lines(values, at, first);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      auto a = reinterpret_cast<__m256i>(unit_part<bits>(lines, i, 0));
      auto b = reinterpret_cast<__m256i>(unit_part<bits>(lines, i, 32));
      int k = 4 * (i & ~1);
      dot_pair<R>(_mm256_and_si256(a, even), _mm256_and_si256(b, even), rows, k, i & 1, t);
      dot_pair<R>(_mm256_srli_epi16(a, 8), _mm256_srli_epi16(b, 8), rows, k, 2 + (i & 1), t);
    }
    rows.q += 32 * value_bytes;
  }
  for (int r = 0; r < R; ++r) {
    s[r] = t[r];
  }
}

// False: this width is read otherwise.
template <int R>
MTPLX_INLINE bool plane_sums(const LinearLayout& l, const uint8_t* values, const GroupRows& x, i32x16 (&s)[R]) {
  switch (l.bits) {
    case 2:
      unit_sums<R, 2>(values, l.group_size, x, s);
      return true;
    case 3:
      unit_sums<R, 3>(values, l.group_size, x, s);
      return true;
    case 5:
      unit_sums<R, 5>(values, l.group_size, x, s);
      return true;
    case 6:
      unit_sums<R, 6>(values, l.group_size, x, s);
      return true;
    default:
      return false;
  }
}

#else

template <int R>
MTPLX_INLINE bool plane_sums(const LinearLayout&, const uint8_t*, const GroupRows&, i32x16 (&)[R]) {
  return false;
}

#endif

} // namespace mtplx::kernels::MTPLX_ISA
