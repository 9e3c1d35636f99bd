#pragma once

#include "kernels/common/simd.h"

// Eight vectors at once to one number each. One by one, the numbers would meet again in a vector only through memory,
// which waits for all of their stores.
namespace mtplx::kernels::MTPLX_ISA {

inline constexpr int folded = 8;

#if defined(__AVX512F__)

template <class Op>
MTPLX_INLINE i32x16 fold(const i32x16 (&a)[folded], Op op) {
  auto four = [&](const i32x16* v) __attribute__((always_inline)) {
    __m512i ab = op(_mm512_unpacklo_epi32(v[0].v, v[1].v), _mm512_unpackhi_epi32(v[0].v, v[1].v));
    __m512i cd = op(_mm512_unpacklo_epi32(v[2].v, v[3].v), _mm512_unpackhi_epi32(v[2].v, v[3].v));
    return op(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  };
  __m512i first = four(a);
  __m512i last = four(a + 4);
  __m512i both = op(_mm512_shuffle_i32x4(first, last, 0x88), _mm512_shuffle_i32x4(first, last, 0xdd));
  return {op(_mm512_shuffle_i32x4(both, both, 0x08), _mm512_shuffle_i32x4(both, both, 0x0d))};
}

// Lane i, up to 7: the sum of the lanes of a[i].
MTPLX_INLINE i32x16 sums_of(const i32x16 (&a)[folded]) {
  return fold(
      a, [](__m512i x, __m512i y) __attribute__((always_inline)) { return _mm512_add_epi32(x, y); });
}

// Lane i, up to 7: the largest of the lanes of a[i].
MTPLX_INLINE i32x16 tops_of(const i32x16 (&a)[folded]) {
  return fold(
      a, [](__m512i x, __m512i y) __attribute__((always_inline)) { return _mm512_max_epi32(x, y); });
}

#else

template <class Op>
MTPLX_INLINE i32x16 fold(const i32x16 (&a)[folded], Op op) {
  uint32_t lanes[16] = {};
  for (int i = 0; i < folded; ++i) {
    lanes[i] = static_cast<uint32_t>(op(a[i]));
  }
  return load_u32(lanes);
}

MTPLX_INLINE i32x16 sums_of(const i32x16 (&a)[folded]) {
  return fold(a, [](i32x16 v) { return sum_lanes(v); });
}

MTPLX_INLINE i32x16 tops_of(const i32x16 (&a)[folded]) {
  return fold(a, [](i32x16 v) { return max_lanes(v); });
}

#endif

} // namespace mtplx::kernels::MTPLX_ISA
