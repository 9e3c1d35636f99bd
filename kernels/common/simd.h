#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

// Sixteen float lanes: one AVX-512 register, two AVX2, four NEON, or an array.
// Every operation is the IEEE one of each lane, so all builds give the same bits.
// Include only from *.isa.cpp files; MTPLX_ISA names the build's namespace.
#ifndef MTPLX_ISA
#error "simd.h is for *.isa.cpp files, which are compiled with -DMTPLX_ISA=<name>"
#endif

#define MTPLX_INLINE inline __attribute__((always_inline))

namespace mtplx::kernels::MTPLX_ISA {

#if defined(__AVX512F__) && defined(__AVX512DQ__)

struct f32x16 {
  __m512 v;
};
MTPLX_INLINE f32x16 load(const float* p) {
  return {_mm512_loadu_ps(p)};
}
MTPLX_INLINE void store(float* p, f32x16 a) {
  _mm512_storeu_ps(p, a.v);
}
MTPLX_INLINE f32x16 splat(float x) {
  return {_mm512_set1_ps(x)};
}
MTPLX_INLINE f32x16 operator+(f32x16 a, f32x16 b) {
  return {_mm512_add_ps(a.v, b.v)};
}
MTPLX_INLINE f32x16 operator-(f32x16 a, f32x16 b) {
  return {_mm512_sub_ps(a.v, b.v)};
}
MTPLX_INLINE f32x16 operator*(f32x16 a, f32x16 b) {
  return {_mm512_mul_ps(a.v, b.v)};
}
MTPLX_INLINE f32x16 operator/(f32x16 a, f32x16 b) {
  return {_mm512_div_ps(a.v, b.v)};
}
MTPLX_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}

MTPLX_INLINE f32x16 max(f32x16 a, f32x16 b) {
  return {_mm512_max_ps(a.v, b.v)};
}
MTPLX_INLINE f32x16 round(f32x16 a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
// b where a < limit (false for NaN), else c.
MTPLX_INLINE f32x16 select_less(f32x16 a, float limit, f32x16 b, f32x16 c) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, _mm512_set1_ps(limit), _CMP_LT_OQ), c.v, b.v)};
}
// Bit i is set where lane i > limit (never for NaN).
MTPLX_INLINE uint32_t lanes_above(f32x16 a, float limit) {
  return _mm512_cmp_ps_mask(a.v, _mm512_set1_ps(limit), _CMP_GT_OQ);
}
struct i32x16 {
  __m512i v;
};
MTPLX_INLINE i32x16 load_u32(const uint32_t* p) {
  return {_mm512_loadu_si512(p)};
}
MTPLX_INLINE i32x16 operator&(i32x16 a, uint32_t mask) {
  return {_mm512_and_si512(a.v, _mm512_set1_epi32(static_cast<int>(mask)))};
}
template <int n>
MTPLX_INLINE i32x16 shift_right(i32x16 a) {
  return {_mm512_srli_epi32(a.v, n)};
}
MTPLX_INLINE i32x16 operator+(i32x16 a, i32x16 b) {
  return {_mm512_add_epi32(a.v, b.v)};
}
// Of signed lanes.
MTPLX_INLINE i32x16 max(i32x16 a, i32x16 b) {
  return {_mm512_max_epi32(a.v, b.v)};
}
// Rounded to nearest even; |a| < 2^22, else (and for NaN) anything.
MTPLX_INLINE i32x16 nearest(f32x16 a) {
  return {_mm512_cvtps_epi32(a.v)};
}
MTPLX_INLINE f32x16 to_float(i32x16 a) {
  return {_mm512_cvtepi32_ps(a.v)};
}
MTPLX_INLINE f32x16 bits_to_float(i32x16 a) {
  return {_mm512_castsi512_ps(a.v)};
}
// Integers n in [-126, 127] held as floats to the floats 2^n.
MTPLX_INLINE f32x16 exp2_int(f32x16 n) {
  return {
      _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n.v), _mm512_set1_epi32(127)), 23))};
}
MTPLX_INLINE f32x16 load_bf16(const uint16_t* p) {
  return {_mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16))};
}
MTPLX_INLINE f32x16 load_f16(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}

#elif defined(__AVX2__) && defined(__FMA__)

struct f32x16 {
  __m256 lo, hi;
};
MTPLX_INLINE f32x16 load(const float* p) {
  return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
MTPLX_INLINE void store(float* p, f32x16 a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
MTPLX_INLINE f32x16 splat(float x) {
  return {_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
MTPLX_INLINE f32x16 operator+(f32x16 a, f32x16 b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
MTPLX_INLINE f32x16 operator-(f32x16 a, f32x16 b) {
  return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
MTPLX_INLINE f32x16 operator*(f32x16 a, f32x16 b) {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
MTPLX_INLINE f32x16 operator/(f32x16 a, f32x16 b) {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
MTPLX_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

MTPLX_INLINE f32x16 max(f32x16 a, f32x16 b) {
  return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
MTPLX_INLINE f32x16 round(f32x16 a) {
  constexpr int mode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(a.lo, mode), _mm256_round_ps(a.hi, mode)};
}
// b where a < limit (false for NaN), else c.
MTPLX_INLINE f32x16 select_less(f32x16 a, float limit, f32x16 b, f32x16 c) {
  __m256 l = _mm256_set1_ps(limit);
  return {_mm256_blendv_ps(c.lo, b.lo, _mm256_cmp_ps(a.lo, l, _CMP_LT_OQ)),
          _mm256_blendv_ps(c.hi, b.hi, _mm256_cmp_ps(a.hi, l, _CMP_LT_OQ))};
}
// Bit i is set where lane i > limit (never for NaN).
MTPLX_INLINE uint32_t lanes_above(f32x16 a, float limit) {
  __m256 l = _mm256_set1_ps(limit);
  return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a.lo, l, _CMP_GT_OQ)) |
                               _mm256_movemask_ps(_mm256_cmp_ps(a.hi, l, _CMP_GT_OQ)) << 8);
}
struct i32x16 {
  __m256i lo, hi;
};
MTPLX_INLINE i32x16 load_u32(const uint32_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 8))};
}
MTPLX_INLINE i32x16 operator&(i32x16 a, uint32_t mask) {
  __m256i m = _mm256_set1_epi32(static_cast<int>(mask));
  return {_mm256_and_si256(a.lo, m), _mm256_and_si256(a.hi, m)};
}
template <int n>
MTPLX_INLINE i32x16 shift_right(i32x16 a) {
  return {_mm256_srli_epi32(a.lo, n), _mm256_srli_epi32(a.hi, n)};
}
MTPLX_INLINE i32x16 operator+(i32x16 a, i32x16 b) {
  return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}
MTPLX_INLINE i32x16 max(i32x16 a, i32x16 b) {
  return {_mm256_max_epi32(a.lo, b.lo), _mm256_max_epi32(a.hi, b.hi)};
}
MTPLX_INLINE int32_t sum_lanes(i32x16 a) {
  __m256i h = _mm256_add_epi32(a.lo, a.hi);
  __m128i q = _mm_add_epi32(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));
  q = _mm_add_epi32(q, _mm_shuffle_epi32(q, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(q, _mm_shuffle_epi32(q, 0xb1)));
}
MTPLX_INLINE int32_t max_lanes(i32x16 a) {
  __m256i h = _mm256_max_epi32(a.lo, a.hi);
  __m128i q = _mm_max_epi32(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));
  q = _mm_max_epi32(q, _mm_shuffle_epi32(q, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(q, _mm_shuffle_epi32(q, 0xb1)));
}
MTPLX_INLINE i32x16 nearest(f32x16 a) {
  return {_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi)};
}
MTPLX_INLINE f32x16 to_float(i32x16 a) {
  return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)};
}
MTPLX_INLINE f32x16 bits_to_float(i32x16 a) {
  return {_mm256_castsi256_ps(a.lo), _mm256_castsi256_ps(a.hi)};
}
// Integers n in [-126, 127] held as floats to the floats 2^n.
MTPLX_INLINE f32x16 exp2_int(f32x16 n) {
  __m256i bias = _mm256_set1_epi32(127);
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.lo), bias), 23)),
          _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.hi), bias), 23))};
}
MTPLX_INLINE f32x16 load_bf16(const uint16_t* p) {
  auto half = [](const uint16_t* q) {
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(q))), 16));
  };
  return {half(p), half(p + 8)};
}
MTPLX_INLINE f32x16 load_f16(const uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
          _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
}

#elif defined(__ARM_NEON)

struct f32x16 {
  float32x4_t q[4];
};
#define MTPLX_EACH_(expr)       \
  f32x16 r;                     \
  for (int i = 0; i < 4; ++i) { \
    r.q[i] = (expr);            \
  }                             \
  return r
MTPLX_INLINE f32x16 load(const float* p) {
  MTPLX_EACH_(vld1q_f32(p + 4 * i));
}
MTPLX_INLINE void store(float* p, f32x16 a) {
  for (int i = 0; i < 4; ++i) {
    vst1q_f32(p + 4 * i, a.q[i]);
  }
}
MTPLX_INLINE f32x16 splat(float x) {
  MTPLX_EACH_(vdupq_n_f32(x));
}
MTPLX_INLINE f32x16 operator+(f32x16 a, f32x16 b) {
  MTPLX_EACH_(vaddq_f32(a.q[i], b.q[i]));
}
MTPLX_INLINE f32x16 operator-(f32x16 a, f32x16 b) {
  MTPLX_EACH_(vsubq_f32(a.q[i], b.q[i]));
}
MTPLX_INLINE f32x16 operator*(f32x16 a, f32x16 b) {
  MTPLX_EACH_(vmulq_f32(a.q[i], b.q[i]));
}
MTPLX_INLINE f32x16 operator/(f32x16 a, f32x16 b) {
  MTPLX_EACH_(vdivq_f32(a.q[i], b.q[i]));
}
MTPLX_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) {
  MTPLX_EACH_(vfmaq_f32(c.q[i], a.q[i], b.q[i]));
}
MTPLX_INLINE f32x16 max(f32x16 a, f32x16 b) {
  MTPLX_EACH_(vbslq_f32(vcgtq_f32(a.q[i], b.q[i]), a.q[i], b.q[i]));
}
MTPLX_INLINE f32x16 round(f32x16 a) {
  MTPLX_EACH_(vrndnq_f32(a.q[i]));
}
// b where a < limit (false for NaN), else c.
MTPLX_INLINE f32x16 select_less(f32x16 a, float limit, f32x16 b, f32x16 c) {
  MTPLX_EACH_(vbslq_f32(vcltq_f32(a.q[i], vdupq_n_f32(limit)), b.q[i], c.q[i]));
}
// Bit i is set where lane i > limit (never for NaN).
MTPLX_INLINE uint32_t lanes_above(f32x16 a, float limit) {
  constexpr uint32_t bits[4] = {1, 2, 4, 8};
  uint32_t mask = 0;
  for (int i = 0; i < 4; ++i) {
    mask |= vaddvq_u32(vandq_u32(vcgtq_f32(a.q[i], vdupq_n_f32(limit)), vld1q_u32(bits))) << (4 * i);
  }
  return mask;
}
struct i32x16 {
  uint32x4_t q[4];
};
MTPLX_INLINE i32x16 load_u32(const uint32_t* p) {
  i32x16 r;
  for (int i = 0; i < 4; ++i) {
    r.q[i] = vld1q_u32(p + 4 * i);
  }
  return r;
}
MTPLX_INLINE i32x16 operator&(i32x16 a, uint32_t mask) {
  for (int i = 0; i < 4; ++i) {
    a.q[i] = vandq_u32(a.q[i], vdupq_n_u32(mask));
  }
  return a;
}
template <int n>
MTPLX_INLINE i32x16 shift_right(i32x16 a) {
  for (int i = 0; i < 4; ++i) {
    a.q[i] = vshrq_n_u32(a.q[i], n);
  }
  return a;
}
MTPLX_INLINE i32x16 operator+(i32x16 a, i32x16 b) {
  for (int i = 0; i < 4; ++i) {
    a.q[i] = vaddq_u32(a.q[i], b.q[i]);
  }
  return a;
}
MTPLX_INLINE i32x16 max(i32x16 a, i32x16 b) {
  for (int i = 0; i < 4; ++i) {
    a.q[i] = vreinterpretq_u32_s32(vmaxq_s32(vreinterpretq_s32_u32(a.q[i]), vreinterpretq_s32_u32(b.q[i])));
  }
  return a;
}
MTPLX_INLINE int32_t sum_lanes(i32x16 a) {
  return static_cast<int32_t>(vaddvq_u32(vaddq_u32(vaddq_u32(a.q[0], a.q[1]), vaddq_u32(a.q[2], a.q[3]))));
}
MTPLX_INLINE int32_t max_lanes(i32x16 a) {
  int32_t most = vmaxvq_s32(vreinterpretq_s32_u32(a.q[0]));
  for (int i = 1; i < 4; ++i) {
    int32_t q = vmaxvq_s32(vreinterpretq_s32_u32(a.q[i]));
    most = q > most ? q : most;
  }
  return most;
}
MTPLX_INLINE i32x16 nearest(f32x16 a) {
  i32x16 r;
  for (int i = 0; i < 4; ++i) {
    r.q[i] = vreinterpretq_u32_s32(vcvtnq_s32_f32(a.q[i]));
  }
  return r;
}
MTPLX_INLINE f32x16 to_float(i32x16 a) {
  MTPLX_EACH_(vcvtq_f32_s32(vreinterpretq_s32_u32(a.q[i])));
}
MTPLX_INLINE f32x16 bits_to_float(i32x16 a) {
  MTPLX_EACH_(vreinterpretq_f32_u32(a.q[i]));
}
// Integers n in [-126, 127] held as floats to the floats 2^n.
MTPLX_INLINE f32x16 exp2_int(f32x16 n) {
  MTPLX_EACH_(vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n.q[i]), vdupq_n_s32(127)), 23)));
}
MTPLX_INLINE f32x16 load_bf16(const uint16_t* p) {
  MTPLX_EACH_(vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p + 4 * i), 16)));
}
MTPLX_INLINE f32x16 load_f16(const uint16_t* p) {
  MTPLX_EACH_(vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i))));
}
#undef MTPLX_EACH_

#else

struct f32x16 {
  float x[16];
};
#define MTPLX_EACH_(expr)        \
  f32x16 r;                      \
  for (int i = 0; i < 16; ++i) { \
    r.x[i] = (expr);             \
  }                              \
  return r
MTPLX_INLINE f32x16 load(const float* p) {
  MTPLX_EACH_(p[i]);
}
MTPLX_INLINE void store(float* p, f32x16 a) {
  std::memcpy(p, a.x, sizeof a.x);
}
MTPLX_INLINE f32x16 splat(float v) {
  MTPLX_EACH_(v);
}
MTPLX_INLINE f32x16 operator+(f32x16 a, f32x16 b) {
  MTPLX_EACH_(a.x[i] + b.x[i]);
}
MTPLX_INLINE f32x16 operator-(f32x16 a, f32x16 b) {
  MTPLX_EACH_(a.x[i] - b.x[i]);
}
MTPLX_INLINE f32x16 operator*(f32x16 a, f32x16 b) {
  MTPLX_EACH_(a.x[i] * b.x[i]);
}
MTPLX_INLINE f32x16 operator/(f32x16 a, f32x16 b) {
  MTPLX_EACH_(a.x[i] / b.x[i]);
}
MTPLX_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) {
  MTPLX_EACH_(std::fma(a.x[i], b.x[i], c.x[i]));
}
MTPLX_INLINE f32x16 max(f32x16 a, f32x16 b) {
  MTPLX_EACH_(a.x[i] > b.x[i] ? a.x[i] : b.x[i]);
}
MTPLX_INLINE f32x16 round(f32x16 a) {
  MTPLX_EACH_(std::nearbyint(a.x[i]));
}
// b where a < limit (false for NaN), else c.
MTPLX_INLINE f32x16 select_less(f32x16 a, float limit, f32x16 b, f32x16 c) {
  MTPLX_EACH_(a.x[i] < limit ? b.x[i] : c.x[i]);
}
// Bit i is set where lane i > limit (never for NaN).
MTPLX_INLINE uint32_t lanes_above(f32x16 a, float limit) {
  uint32_t mask = 0;
  for (int i = 0; i < 16; ++i) {
    mask |= static_cast<uint32_t>(a.x[i] > limit) << i;
  }
  return mask;
}
struct i32x16 {
  uint32_t x[16];
};
MTPLX_INLINE i32x16 load_u32(const uint32_t* p) {
  i32x16 r;
  std::memcpy(r.x, p, sizeof r.x);
  return r;
}
MTPLX_INLINE i32x16 operator&(i32x16 a, uint32_t mask) {
  for (auto& x : a.x) {
    x &= mask;
  }
  return a;
}
template <int n>
MTPLX_INLINE i32x16 shift_right(i32x16 a) {
  for (auto& x : a.x) {
    x >>= n;
  }
  return a;
}
MTPLX_INLINE i32x16 operator+(i32x16 a, i32x16 b) {
  for (int i = 0; i < 16; ++i) {
    a.x[i] += b.x[i];
  }
  return a;
}
MTPLX_INLINE i32x16 max(i32x16 a, i32x16 b) {
  for (int i = 0; i < 16; ++i) {
    a.x[i] = static_cast<int32_t>(a.x[i]) > static_cast<int32_t>(b.x[i]) ? a.x[i] : b.x[i];
  }
  return a;
}
MTPLX_INLINE int32_t sum_lanes(i32x16 a) {
  uint32_t sum = 0;
  for (uint32_t x : a.x) {
    sum += x;
  }
  return static_cast<int32_t>(sum);
}
MTPLX_INLINE int32_t max_lanes(i32x16 a) {
  auto most = static_cast<int32_t>(a.x[0]);
  for (uint32_t x : a.x) {
    most = static_cast<int32_t>(x) > most ? static_cast<int32_t>(x) : most;
  }
  return most;
}
MTPLX_INLINE i32x16 nearest(f32x16 a) {
  i32x16 r;
  for (int i = 0; i < 16; ++i) {
    float sum = a.x[i] + 12582912.0f; // 1.5 * 2^23: the sum's low bits are the nearest integer
    std::memcpy(&r.x[i], &sum, 4);
    r.x[i] -= 0x4b400000u;
  }
  return r;
}
MTPLX_INLINE f32x16 to_float(i32x16 a) {
  MTPLX_EACH_(static_cast<float>(static_cast<int32_t>(a.x[i])));
}
MTPLX_INLINE float bits_to_float(uint32_t u) {
  float f;
  std::memcpy(&f, &u, sizeof f);
  return f;
}
MTPLX_INLINE f32x16 bits_to_float(i32x16 a) {
  MTPLX_EACH_(bits_to_float(a.x[i]));
}
// Integers n in [-126, 127] held as floats to the floats 2^n.
MTPLX_INLINE f32x16 exp2_int(f32x16 n) {
  MTPLX_EACH_(n.x[i] == n.x[i] ? bits_to_float(static_cast<uint32_t>(static_cast<int32_t>(n.x[i]) + 127) << 23)
                               : n.x[i]);
}
MTPLX_INLINE f32x16 load_bf16(const uint16_t* p) {
  MTPLX_EACH_(bits_to_float(static_cast<uint32_t>(p[i]) << 16));
}
MTPLX_INLINE float half_to_float(uint16_t h) {
  uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16;
  int exponent = (h >> 10) & 31;
  uint32_t mantissa = h & 1023;
  if (exponent == 31) {
    return bits_to_float(sign | 0x7f800000u | (mantissa << 13) | (mantissa ? 0x400000u : 0));
  }
  if (exponent == 0) {
    return bits_to_float(sign | 0x3f800000u) * (static_cast<float>(mantissa) * 5.9604644775390625e-8f);
  }
  return bits_to_float(sign | static_cast<uint32_t>(exponent + 112) << 23 | mantissa << 13);
}
MTPLX_INLINE f32x16 load_f16(const uint16_t* p) {
  MTPLX_EACH_(half_to_float(p[i]));
}
#undef MTPLX_EACH_

#endif

MTPLX_INLINE f32x16 zero() {
  return splat(0.0f);
}

// Sum of the lanes as a fixed tree: halves of 8, 4, 2, 1.
MTPLX_INLINE float sum_lanes(f32x16 a) {
#if defined(__AVX2__) && defined(__FMA__)
#if defined(__AVX512F__) && defined(__AVX512DQ__)
  __m256 x8 = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
#else
  __m256 x8 = _mm256_add_ps(a.lo, a.hi);
#endif
  __m128 x4 = _mm_add_ps(_mm256_castps256_ps128(x8), _mm256_extractf128_ps(x8, 1));
  __m128 x2 = _mm_add_ps(x4, _mm_movehl_ps(x4, x4));
  return _mm_cvtss_f32(_mm_add_ss(x2, _mm_movehdup_ps(x2)));
#else
  float x[16];
  store(x, a);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      x[i] = x[i] + x[i + half];
    }
  }
  return x[0];
#endif
}

// Largest lane, in the same tree; lanes must not be NaN.
MTPLX_INLINE float max_lanes(f32x16 a) {
  float x[16];
  store(x, a);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      x[i] = x[i] > x[i + half] ? x[i] : x[i + half];
    }
  }
  return x[0];
}

} // namespace mtplx::kernels::MTPLX_ISA
