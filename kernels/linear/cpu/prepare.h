#pragma once

#include <algorithm>
#include <cstring>

#include "kernels/linear/cpu/dot.h"
#include "kernels/linear/cpu/integer.h"

// Rows of x in 16-bit integers, in the layout that the instruction set's products read. The caller's thread does this
// alone before a round; the compiler's loops take 1.4 times as long as the AVX-512 form (4 rows of 1024: 769, 546 ns).
// Include only from *.dot.cpp files.
namespace mtplx::kernels::MTPLX_ISA {

namespace {

#if defined(__AVX512BW__) && !MTPLX_ROWS_OF_WORDS

// The bits of the largest |x|.
MTPLX_INLINE uint32_t largest_bits(const float* x, int size) {
  __m512i largest = _mm512_setzero_si512();
  for (int k = 0; k < size; k += 16) {
    __m512i bits = _mm512_and_si512(_mm512_loadu_si512(x + k), _mm512_set1_epi32(0x7fffffff));
    largest = _mm512_max_epu32(largest, bits);
  }
  return _mm512_reduce_max_epu32(largest);
}

// Both planes of a group; gives the sum of its integers.
MTPLX_INLINE int32_t quantise_group(const float* x, int size, float scale_up, float inverse, uint8_t* out) {
  __m512i total = _mm512_setzero_si512();
  for (int k = 0; k < size; k += 16) {
    __m512 v = _mm512_mul_ps(_mm512_mul_ps(_mm512_loadu_ps(x + k), _mm512_set1_ps(scale_up)), _mm512_set1_ps(inverse));
    __m512i q = _mm512_cvtps_epi32(v); // nearest, ties to even
    total = _mm512_add_epi32(total, q);
    __m512i high = _mm512_srai_epi32(_mm512_add_epi32(q, _mm512_set1_epi32(128)), 8);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + k), _mm512_cvtepi32_epi8(high));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + size + k), _mm512_cvtepi32_epi8(q));
  }
  return _mm512_reduce_add_epi32(total);
}

#else

inline uint32_t float_bits(float f) {
  uint32_t u;
  std::memcpy(&u, &f, 4);
  return u;
}

// Exact for |v| < 2^22: the sum's low mantissa bits are v rounded to nearest even.
MTPLX_INLINE int32_t round_small(float v) {
  constexpr float magic = 12582912.0f; // 1.5 * 2^23
  float sum = v + magic;
  int32_t u;
  std::memcpy(&u, &sum, 4);
  return u - 0x4b400000;
}

inline uint32_t largest_bits(const float* x, int size) {
  uint32_t largest = 0;
  for (int k = 0; k < size; ++k) {
    largest = std::max(largest, float_bits(x[k]) & 0x7fffffffu);
  }
  return largest;
}

inline void store_group(const int16_t* q, int size, uint8_t* out, [[maybe_unused]] size_t plane) {
#if MTPLX_ROWS_OF_WORDS
#if defined(__AVX2__)
  const __m256i order =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
  for (int k = 0; k < size; k += 16) {
    __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q + k));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 2 * k), _mm256_shuffle_epi8(v, order));
  }
#else
  static constexpr int order[8] = {0, 2, 4, 6, 1, 3, 5, 7};
  for (int k = 0; k < size; k += 8) {
    for (int i = 0; i < 8; ++i) {
      std::memcpy(out + 2 * (k + i), q + k + order[i], 2);
    }
  }
#endif
#else
  for (int k = 0; k < size; ++k) {
    out[k] = static_cast<uint8_t>((q[k] + 128) >> 8);
    out[plane + k] = static_cast<uint8_t>(q[k]);
  }
#endif
}

// A group in the products' layout; gives the sum of its integers.
inline int32_t quantise_group(const float* x, int size, float scale_up, float inverse, uint8_t* out) {
  alignas(64) int16_t q[128];
  int32_t total = 0;
  for (int k = 0; k < size; ++k) {
    int32_t v = round_small((x[k] * scale_up) * inverse);
    total += v;
    q[k] = static_cast<int16_t>(v);
  }
  store_group(q, size, out, size);
  return total;
}

#endif

// Row r of a tile.
inline void prepare_row(const IntegerRows& rows, RowTile tile, int r) {
  int groups = rows.in_features / rows.group_size;
  const float* x = rows.x + static_cast<size_t>(tile.row + r) * rows.in_features;
  PreparedTile to = prepared(rows, tile);
  bool finite = true;
  for (int g = 0; g < groups; ++g, x += rows.group_size) {
    size_t at = static_cast<size_t>(g) * tile.rows + r;
    uint8_t* q = to.q + at * 2 * rows.group_size;
    uint32_t largest = largest_bits(x, rows.group_size);
    float top;
    std::memcpy(&top, &largest, 4);
    float scale = 0.0f;
    int32_t sum = 0;
    if (largest == 0 || largest >= 0x7f800000u) {
      finite = finite && largest == 0;
      std::memset(q, 0, 2 * static_cast<size_t>(rows.group_size));
    } else {
      // Lifted where 32512 / top would overflow; a power of two is exact.
      bool small = top < 0x1p-100f;
      float up = small ? 0x1p64f : 1.0f;
      float lifted = top * up;
      sum = quantise_group(x, rows.group_size, up, integer_range / lifted, q);
      scale = lifted / integer_range * (small ? 0x1p-64f : 1.0f);
    }
    to.scale[at] = scale;
    to.sum[at] = scale * static_cast<float>(sum);
  }
  rows.finite[tile.row + r] = finite;
}

inline void prepare(const IntegerRows& x, int begin, int end) {
  for (int t = 0; t < RowTile::count(x.rows, max_rows); ++t) {
    RowTile tile = RowTile::at(x.rows, max_rows, t);
    for (int r = std::max(0, begin - tile.row); r < std::min(tile.rows, end - tile.row); ++r) {
      prepare_row(x, tile, r);
    }
  }
}

} // namespace

} // namespace mtplx::kernels::MTPLX_ISA
