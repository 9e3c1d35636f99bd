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
MTPLX_INLINE f32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
MTPLX_INLINE void store(float* p, f32x16 a) { _mm512_storeu_ps(p, a.v); }
MTPLX_INLINE f32x16 splat(float x) { return {_mm512_set1_ps(x)}; }
MTPLX_INLINE f32x16 operator+(f32x16 a, f32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
MTPLX_INLINE f32x16 operator-(f32x16 a, f32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
MTPLX_INLINE f32x16 operator*(f32x16 a, f32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
MTPLX_INLINE f32x16 operator/(f32x16 a, f32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
MTPLX_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }

#elif defined(__AVX2__) && defined(__FMA__)

struct f32x16 {
  __m256 lo, hi;
};
MTPLX_INLINE f32x16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
MTPLX_INLINE void store(float* p, f32x16 a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
MTPLX_INLINE f32x16 splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
MTPLX_INLINE f32x16 operator+(f32x16 a, f32x16 b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
MTPLX_INLINE f32x16 operator-(f32x16 a, f32x16 b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
MTPLX_INLINE f32x16 operator*(f32x16 a, f32x16 b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
MTPLX_INLINE f32x16 operator/(f32x16 a, f32x16 b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
MTPLX_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

#elif defined(__ARM_NEON)

struct f32x16 {
  float32x4_t q[4];
};
#define MTPLX_EACH_(expr)        \
  f32x16 r;                      \
  for (int i = 0; i < 4; ++i) {  \
    r.q[i] = (expr);             \
  }                              \
  return r
MTPLX_INLINE f32x16 load(const float* p) { MTPLX_EACH_(vld1q_f32(p + 4 * i)); }
MTPLX_INLINE void store(float* p, f32x16 a) {
  for (int i = 0; i < 4; ++i) {
    vst1q_f32(p + 4 * i, a.q[i]);
  }
}
MTPLX_INLINE f32x16 splat(float x) { MTPLX_EACH_(vdupq_n_f32(x)); }
MTPLX_INLINE f32x16 operator+(f32x16 a, f32x16 b) { MTPLX_EACH_(vaddq_f32(a.q[i], b.q[i])); }
MTPLX_INLINE f32x16 operator-(f32x16 a, f32x16 b) { MTPLX_EACH_(vsubq_f32(a.q[i], b.q[i])); }
MTPLX_INLINE f32x16 operator*(f32x16 a, f32x16 b) { MTPLX_EACH_(vmulq_f32(a.q[i], b.q[i])); }
MTPLX_INLINE f32x16 operator/(f32x16 a, f32x16 b) { MTPLX_EACH_(vdivq_f32(a.q[i], b.q[i])); }
MTPLX_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) { MTPLX_EACH_(vfmaq_f32(c.q[i], a.q[i], b.q[i])); }
#undef MTPLX_EACH_

#else

struct f32x16 {
  float x[16];
};
#define MTPLX_EACH_(expr)         \
  f32x16 r;                       \
  for (int i = 0; i < 16; ++i) {  \
    r.x[i] = (expr);              \
  }                               \
  return r
MTPLX_INLINE f32x16 load(const float* p) { MTPLX_EACH_(p[i]); }
MTPLX_INLINE void store(float* p, f32x16 a) { std::memcpy(p, a.x, sizeof a.x); }
MTPLX_INLINE f32x16 splat(float v) { MTPLX_EACH_(v); }
MTPLX_INLINE f32x16 operator+(f32x16 a, f32x16 b) { MTPLX_EACH_(a.x[i] + b.x[i]); }
MTPLX_INLINE f32x16 operator-(f32x16 a, f32x16 b) { MTPLX_EACH_(a.x[i] - b.x[i]); }
MTPLX_INLINE f32x16 operator*(f32x16 a, f32x16 b) { MTPLX_EACH_(a.x[i] * b.x[i]); }
MTPLX_INLINE f32x16 operator/(f32x16 a, f32x16 b) { MTPLX_EACH_(a.x[i] / b.x[i]); }
MTPLX_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) { MTPLX_EACH_(std::fma(a.x[i], b.x[i], c.x[i])); }
#undef MTPLX_EACH_

#endif

MTPLX_INLINE f32x16 zero() { return splat(0.0f); }

// Sum of the lanes as a fixed tree: halves of 8, 4, 2, 1.
MTPLX_INLINE float sum_lanes(f32x16 a) {
  float x[16];
  store(x, a);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      x[i] = x[i] + x[i + half];
    }
  }
  return x[0];
}

} // namespace mtplx::kernels::MTPLX_ISA
