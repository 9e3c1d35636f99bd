#pragma once

#include <algorithm>
#include <cstring>
#include <limits>

#include "kernels/common/simd.h"
#include "kernels/linear/cpu/dot.h"
#include "kernels/linear/cpu/fold.h"
#include "kernels/linear/cpu/integer.h"

// Rows of x to 16-bit integers, for all groups of a row at once: a group's maximum, step and sum are lanes of a vector.
// Include only from *.dot.cpp files.
namespace mtplx::kernels::MTPLX_ISA {

// Values k to k + 31, into the group's planes or words (IntegerRows::q).
MTPLX_INLINE void store_values(const i32x16 (&q)[2], int k, uint8_t* group, [[maybe_unused]] int group_size) {
#if MTPLX_ROWS_OF_WORDS && defined(__AVX2__)
  const __m256i order =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
  for (int i = 0; i < 2; ++i) {
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(q[i].lo, q[i].hi), 0xd8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(group + 2 * k + 32 * i), _mm256_shuffle_epi8(words, order));
  }
#elif MTPLX_ROWS_OF_WORDS
  static constexpr int order[8] = {0, 2, 4, 6, 1, 3, 5, 7};
  for (int i = 0; i < 32; ++i) {
    auto word = static_cast<int16_t>(q[i / 16].x[i % 16 / 8 * 8 + order[i % 8]]);
    std::memcpy(group + 2 * (k + i), &word, 2);
  }
#elif defined(__AVX512F__)
  __m512i words = _mm512_packs_epi32(q[0].v, q[1].v);
  __m512i lo = _mm512_and_si512(words, _mm512_set1_epi16(255));
  __m512i hi = _mm512_srli_epi16(_mm512_add_epi16(words, _mm512_set1_epi16(128)), 8);
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m512i bytes = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(lo, hi));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(group + k), _mm512_extracti64x4_epi64(bytes, 1));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(group + group_size + k), _mm512_castsi512_si256(bytes));
#elif defined(__AVX2__)
  __m256i a = _mm256_packs_epi32(q[0].lo, q[0].hi);
  __m256i b = _mm256_packs_epi32(q[1].lo, q[1].hi);
  auto plane = [](__m256i a_bytes, __m256i b_bytes, uint8_t* to) {
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(a_bytes, b_bytes), order);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), bytes);
  };
  const __m256i half = _mm256_set1_epi16(128);
  const __m256i low = _mm256_set1_epi16(255);
  plane(_mm256_srli_epi16(_mm256_add_epi16(a, half), 8), _mm256_srli_epi16(_mm256_add_epi16(b, half), 8), group + k);
  plane(_mm256_and_si256(a, low), _mm256_and_si256(b, low), group + group_size + k);
#else
  for (int i = 0; i < 4; ++i) {
    const uint32x4_t* four = q[i / 2].q + i % 2 * 2;
    uint16x8_t words = vcombine_u16(vmovn_u32(four[0]), vmovn_u32(four[1]));
    vst1_u8(group + k + 8 * i, vmovn_u16(vshrq_n_u16(vaddq_u16(words, vdupq_n_u16(128)), 8)));
    vst1_u8(group + group_size + k + 8 * i, vmovn_u16(words));
  }
#endif
}

// Bits of |x| in sixteen lanes: in the order of the floats, NaN above all.
MTPLX_INLINE i32x16 tops_in_group(const float* x, int size) {
  auto magnitude = [&](int k) { return load_u32(reinterpret_cast<const uint32_t*>(x + k)) & 0x7fffffffu; };
  i32x16 top = magnitude(0);
  for (int k = 16; k < size; k += 16) {
    top = max(top, magnitude(k));
  }
  return top;
}

// The integers' sum in sixteen lanes.
MTPLX_INLINE i32x16 quantise_group(const float* x, int size, float up, float inverse, uint8_t* out) {
  i32x16 sum{};
  for (int k = 0; k < size; k += 32) {
    i32x16 q[2];
    for (int i = 0; i < 2; ++i) {
      q[i] = nearest((load(x + k + 16 * i) * splat(up)) * splat(inverse));
      sum = sum + q[i];
    }
    store_values(q, k, out, size);
  }
  return sum;
}

// Up to eight groups of row r of a tile; x is where they begin. False: one has a NaN or an infinity.
MTPLX_INLINE bool quantise_groups(
    const float* x, int size, PreparedTile to, RowTile tile, int r, int first, int count) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  constexpr float smallest = std::numeric_limits<float>::denorm_min();
  i32x16 lanes[folded];
  for (int g = 0; g < count; ++g) {
    lanes[g] = tops_in_group(x + g * size, size);
  }
  for (int g = count; g < folded; ++g) {
    lanes[g] = i32x16{};
  }
  const f32x16 top = bits_to_float(tops_of(lanes));
  // Lifted where 32512 / top would overflow; a power of two is exact. Step 0 for zeros, infinities and NaN.
  auto usable = [&](f32x16 v) { return select_less(top, smallest, zero(), select_less(top, inf, v, zero())); };
  auto small = [&](float yes) { return select_less(top, 0x1p-100f, splat(yes), splat(1.0f)); };
  const f32x16 lifted = top * small(0x1p64f);
  const f32x16 step = usable(lifted / splat(integer_range) * small(0x1p-64f));
  alignas(64) float up[16];
  alignas(64) float inverse[16];
  store(up, small(0x1p64f));
  store(inverse, usable(splat(integer_range) / lifted));
  auto place = [&](int g) { return static_cast<size_t>(first + g) * tile.rows + r; };
  for (int g = 0; g < count; ++g) {
    lanes[g] = quantise_group(x + g * size, size, up[g], inverse[g], to.q + place(g) * 2 * size);
  }
  alignas(64) float scale[16];
  alignas(64) float sum[16];
  store(scale, step);
  store(sum, step * to_float(sums_of(lanes)));
  for (int g = 0; g < count; ++g) {
    to.scale[place(g)] = scale[g];
    to.sum[place(g)] = sum[g];
  }
  return lanes_above(select_less(top, inf, zero(), splat(1.0f)), 0.0f) == 0;
}

// Row r of a tile.
MTPLX_INLINE void quantise_row(const IntegerRows& rows, int size, RowTile tile, int r) {
  const int groups = rows.in_features / size;
  const float* x = rows.x + static_cast<size_t>(tile.row + r) * rows.in_features;
  bool finite = true;
  for (int g = 0; g < groups; g += folded) {
    finite &= quantise_groups(x + static_cast<size_t>(g) * size, size, prepared(rows, tile), tile, r, g,
                              std::min(folded, groups - g));
  }
  rows.finite[tile.row + r] = finite;
}

} // namespace mtplx::kernels::MTPLX_ISA
