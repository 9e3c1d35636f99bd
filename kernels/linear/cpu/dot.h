#pragma once

#include <algorithm>

#include "kernels/common/simd.h"
#include "kernels/linear/cpu/planes.h"

// Exact sums over one group: sum of q_w * q_x for 16 outputs and R rows, one form for each instruction set.
// Include only from *.dot.cpp files.
namespace mtplx::kernels::MTPLX_ISA {

// A group of a tile of rows, as prepared: rows are `row` bytes apart, planes `plane` bytes.
struct GroupRows {
  const uint8_t* q;
  size_t row;
  size_t plane;
};

#if (defined(__AVX2__) && !defined(__AVXVNNI__) && !defined(__AVX512VNNI__)) || \
    (!defined(__AVX2__) && !defined(__ARM_NEON))
#define MTPLX_ROWS_OF_WORDS 1 // int16, see IntegerRows
#else
#define MTPLX_ROWS_OF_WORDS 0 // planes
#endif

#if defined(__AVX512VNNI__)

inline constexpr int max_rows = 8;

// Blocks that share the broadcasts of x: as many as the registers hold sums of.
constexpr int blocks_at_once(int rows) {
  return rows <= 4 ? 2 : 1;
}

// Four bytes of x for every output.
MTPLX_INLINE __m512i four_of(const uint8_t* x) {
  int v;
  std::memcpy(&v, x, 4);
  return _mm512_set1_epi32(v);
}

// The sums of R rows and B blocks over `units` of bytes, or of nibbles two a line. Few sums: two chains each, of even
// and of odd units, hide the product's latency. For one row high nibbles stay where they are: their chain is 16 times
// its sum, and a line takes two instructions in place of three.
template <int R, int units, bool nibbles, int B>
MTPLX_INLINE void group_sums(const uint8_t* const (&values)[B], const GroupRows& x, i32x16 (&s)[B][R]) {
  constexpr int chains = R * B <= 4 ? 2 : 1;
  __m512i hi[chains][B][R];
  __m512i lo[chains][B][R];
  for (int c = 0; c < chains; ++c) {
    for (int b = 0; b < B; ++b) {
      for (int r = 0; r < R; ++r) {
        hi[c][b][r] = _mm512_setzero_si512();
        lo[c][b][r] = _mm512_setzero_si512();
      }
    }
  }
  auto unit = [&](const __m512i(&w)[B], int k, int chain) __attribute__((always_inline)) {
    for (int r = 0; r < R; ++r) {
      const uint8_t* at = x.q + r * x.row + k;
      __m512i h = four_of(at);
      __m512i l = four_of(at + x.plane);
      for (int b = 0; b < B; ++b) {
        hi[chain][b][r] = _mm512_dpbusd_epi32(hi[chain][b][r], w[b], h);
        lo[chain][b][r] = _mm512_dpbusd_epi32(lo[chain][b][r], w[b], l);
      }
    }
  };
  constexpr bool in_place = nibbles && R == 1;
  const __m512i low = _mm512_set1_epi8(15);
  const __m512i high = _mm512_set1_epi8(static_cast<char>(0xf0));
#pragma GCC unroll 16
  for (int u = 0; u < units; u += 2) {
    __m512i even[B];
    __m512i odd[B];
    for (int b = 0; b < B; ++b) {
      if constexpr (nibbles) {
        __m512i w = _mm512_loadu_si512(values[b] + u / 2 * unit_bytes);
        asm("" : "+v"(w)); // the compiler would load it twice, and loads are what few rows wait for
        even[b] = _mm512_and_si512(w, low);
        odd[b] = in_place ? _mm512_and_si512(w, high) : _mm512_and_si512(_mm512_srli_epi16(w, 4), low);
      } else {
        even[b] = _mm512_loadu_si512(values[b] + u * unit_bytes);
        odd[b] = _mm512_loadu_si512(values[b] + (u + 1) * unit_bytes);
      }
    }
    unit(even, 4 * u, 0);
    unit(odd, 4 * u + 4, chains - 1);
  }
  for (int b = 0; b < B; ++b) {
    for (int r = 0; r < R; ++r) {
      __m512i h = _mm512_slli_epi32(hi[0][b][r], 8);
      __m512i l = lo[0][b][r];
      if constexpr (chains == 2) {
        constexpr int shift = in_place ? 4 : 0;
        h = _mm512_add_epi32(h, _mm512_slli_epi32(hi[1][b][r], 8 - shift));
        l = _mm512_add_epi32(l, _mm512_srai_epi32(lo[1][b][r], shift));
      }
      s[b][r] = {_mm512_add_epi32(h, l)};
    }
  }
}

#elif defined(__AVXVNNI__)

inline constexpr int max_rows = 4;

// Eight outputs at a time: four rows of two planes fill half the registers.
template <int R, int units, bool nibbles>
MTPLX_INLINE void half_sums(const uint8_t* values, const GroupRows& x, __m256i (&s)[R]) {
  __m256i hi[R];
  __m256i lo[R];
  for (int r = 0; r < R; ++r) {
    hi[r] = _mm256_setzero_si256();
    lo[r] = _mm256_setzero_si256();
  }
  const __m256i low = _mm256_set1_epi8(15);
  auto unit = [&](__m256i w, int k) {
    for (int r = 0; r < R; ++r) {
      const uint8_t* at = x.q + r * x.row + k;
      int h;
      int l;
      std::memcpy(&h, at, 4);
      std::memcpy(&l, at + x.plane, 4);
      hi[r] = _mm256_dpbusd_avx_epi32(hi[r], w, _mm256_set1_epi32(h));
      lo[r] = _mm256_dpbusd_avx_epi32(lo[r], w, _mm256_set1_epi32(l));
    }
  };
  auto line = [&](int i) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values + i * unit_bytes)); };
#pragma GCC unroll 16
  for (int u = 0; u < units; u += 2) {
    if constexpr (nibbles) {
      __m256i w = line(u / 2);
      unit(_mm256_and_si256(w, low), 4 * u);
      unit(_mm256_and_si256(_mm256_srli_epi16(w, 4), low), 4 * u + 4);
    } else {
      unit(line(u), 4 * u);
      unit(line(u + 1), 4 * u + 4);
    }
  }
  for (int r = 0; r < R; ++r) {
    s[r] = _mm256_add_epi32(_mm256_slli_epi32(hi[r], 8), lo[r]);
  }
}

template <int R, int units, bool nibbles>
MTPLX_INLINE void group_sums(const uint8_t* values, const GroupRows& x, i32x16 (&s)[R]) {
  __m256i half[2][R];
  half_sums<R, units, nibbles>(values, x, half[0]);
  half_sums<R, units, nibbles>(values + 32, x, half[1]);
  for (int r = 0; r < R; ++r) {
    s[r] = {half[0][r], half[1][r]};
  }
}

#elif defined(__AVX2__)

// No byte product that cannot saturate: 16-bit products of nibbles left where they are in their words (units of 1, 16
// and 256) need one AND for sixteen weights. Sums in units of 256 come first and are shifted down on the way, which
// is exact; 32 k of them reach 2.0e9 < 2^31.
inline constexpr int max_rows = 4;

// The compiler would regroup integer sums into trees that spill.
MTPLX_INLINE void in_order(__m256i& v) {
  asm("" : "+x"(v));
}

// The pairs of x that stand at word pair `index` (of four) of the eight k from `k`, against 16 outputs.
template <int R>
MTPLX_INLINE void dot_pair(__m256i a, __m256i b, const GroupRows& x, int k, int index, i32x16* s) {
  for (int r = 0; r < R; ++r) {
    int pair;
    std::memcpy(&pair, x.q + r * x.row + 2 * k + 4 * index, 4);
    __m256i v = _mm256_set1_epi32(pair);
    s[r].lo = _mm256_add_epi32(s[r].lo, _mm256_madd_epi16(a, v));
    s[r].hi = _mm256_add_epi32(s[r].hi, _mm256_madd_epi16(b, v));
    in_order(s[r].lo);
    in_order(s[r].hi);
  }
}

template <int R>
MTPLX_INLINE void clear(i32x16* s) {
  for (int r = 0; r < R; ++r) {
    s[r] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  }
}

template <int R>
MTPLX_INLINE void sixteenth(i32x16* s) {
  for (int r = 0; r < R; ++r) {
    s[r] = {_mm256_srai_epi32(s[r].lo, 4), _mm256_srai_epi32(s[r].hi, 4)};
  }
}

MTPLX_INLINE __m256i load_half(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

template <int R, int units, bool nibbles>
MTPLX_INLINE void group_sums(const uint8_t* values, const GroupRows& x, i32x16 (&s)[R]) {
  clear<R>(s);
  if constexpr (!nibbles) {
    const __m256i even = _mm256_set1_epi32(0x00ff00ff);
#pragma GCC unroll 16
    for (int u = 0; u < units; ++u) {
      __m256i a = load_half(values + u * unit_bytes);
      __m256i b = load_half(values + u * unit_bytes + 32);
      dot_pair<R>(_mm256_and_si256(a, even), _mm256_and_si256(b, even), x, 4 * (u & ~1), u & 1, s);
      dot_pair<R>(_mm256_srli_epi16(a, 8), _mm256_srli_epi16(b, 8), x, 4 * (u & ~1), 2 + (u & 1), s);
    }
  } else {
    const __m256i m0 = _mm256_set1_epi16(0x000f);
    const __m256i m4 = _mm256_set1_epi16(0x00f0);
    const __m256i m8 = _mm256_set1_epi16(0x0f00);
    if constexpr (R == 1) {
      // Registers suffice for the three units: each line is loaded once.
      i32x16 s16[R];
      i32x16 s256[R];
      clear<R>(s16);
      clear<R>(s256);
#pragma GCC unroll 8
      for (int p = 0; p < units / 2; ++p) {
        __m256i a = load_half(values + p * unit_bytes);
        __m256i b = load_half(values + p * unit_bytes + 32);
        dot_pair<R>(_mm256_and_si256(a, m0), _mm256_and_si256(b, m0), x, 8 * p, 0, s);
        dot_pair<R>(_mm256_and_si256(a, m4), _mm256_and_si256(b, m4), x, 8 * p, 1, s16);
        dot_pair<R>(_mm256_and_si256(a, m8), _mm256_and_si256(b, m8), x, 8 * p, 2, s256);
        dot_pair<R>(_mm256_srli_epi16(a, 12), _mm256_srli_epi16(b, 12), x, 8 * p, 3, s);
      }
      sixteenth<R>(s256);
      for (int r = 0; r < R; ++r) {
        s16[r] = s16[r] + s256[r];
      }
      sixteenth<R>(s16);
      for (int r = 0; r < R; ++r) {
        s[r] = s[r] + s16[r];
      }
    } else {
      auto pass = [&](auto word, int index) {
#pragma GCC unroll 8
        for (int p = 0; p < units / 2; ++p) {
          const uint8_t* line = values + p * unit_bytes;
          dot_pair<R>(word(load_half(line)), word(load_half(line + 32)), x, 8 * p, index, s);
        }
      };
      pass([&](__m256i w) { return _mm256_and_si256(w, m8); }, 2);
      sixteenth<R>(s);
      pass([&](__m256i w) { return _mm256_and_si256(w, m4); }, 1);
      sixteenth<R>(s);
      pass([&](__m256i w) { return _mm256_and_si256(w, m0); }, 0);
      pass([&](__m256i w) { return _mm256_srli_epi16(w, 12); }, 3);
    }
  }
}

#elif defined(__ARM_NEON)

inline constexpr int max_rows = 4;

// One unit, four outputs a register: without dot products, products of bytes summed in pairs.
MTPLX_INLINE int32x4_t dot4(int32x4_t s, int8x16_t w, int8x16_t x) {
#if defined(__ARM_FEATURE_DOTPROD)
  return vdotq_s32(s, w, x);
#else
  int16x8_t a = vmull_s8(vget_low_s8(w), vget_low_s8(x));
  int16x8_t b = vmull_s8(vget_high_s8(w), vget_high_s8(x));
  return vaddq_s32(s, vpaddq_s32(vpaddlq_s16(a), vpaddlq_s16(b)));
#endif
}

template <int R>
MTPLX_INLINE void dot_unit(
    const uint8x16_t (&w)[4], const GroupRows& x, int k, int32x4_t (&hi)[R][4], int32x4_t (&lo)[R][4]) {
  for (int r = 0; r < R; ++r) {
    const uint8_t* at = x.q + r * x.row + k;
    uint32_t h;
    uint32_t l;
    std::memcpy(&h, at, 4);
    std::memcpy(&l, at + x.plane, 4);
    int8x16_t xh = vreinterpretq_s8_u32(vdupq_n_u32(h));
    int8x16_t xl = vreinterpretq_s8_u32(vdupq_n_u32(l));
    for (int i = 0; i < 4; ++i) {
      hi[r][i] = dot4(hi[r][i], vreinterpretq_s8_u8(w[i]), xh);
      lo[r][i] = dot4(lo[r][i], vreinterpretq_s8_u8(w[i]), xl);
    }
  }
}

// The byte products are signed: bytes above 127 (8 bits) are taken in two nibbles.
template <int R, int units, bool nibbles>
MTPLX_INLINE void group_sums(const uint8_t* values, const GroupRows& x, i32x16 (&s)[R]) {
  int32x4_t hi[R][4];
  int32x4_t lo[R][4];
  int32x4_t hi16[R][4];
  int32x4_t lo16[R][4];
  for (int r = 0; r < R; ++r) {
    for (int i = 0; i < 4; ++i) {
      hi[r][i] = vdupq_n_s32(0);
      lo[r][i] = vdupq_n_s32(0);
      hi16[r][i] = vdupq_n_s32(0);
      lo16[r][i] = vdupq_n_s32(0);
    }
  }
  const uint8x16_t low = vdupq_n_u8(15);
  for (int u = 0; u < units; u += nibbles ? 2 : 1) {
    uint8x16_t a[4];
    uint8x16_t b[4];
    for (int i = 0; i < 4; ++i) {
      uint8x16_t w = vld1q_u8(values + (nibbles ? u / 2 : u) * unit_bytes + 16 * i);
      a[i] = vandq_u8(w, low);
      b[i] = vshrq_n_u8(w, 4);
    }
    dot_unit<R>(a, x, 4 * u, hi, lo);
    if constexpr (nibbles) {
      dot_unit<R>(b, x, 4 * u + 4, hi, lo);
    } else {
      dot_unit<R>(b, x, 4 * u, hi16, lo16);
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int i = 0; i < 4; ++i) {
      int32x4_t t = vaddq_s32(vshlq_n_s32(hi[r][i], 8), lo[r][i]);
      if constexpr (!nibbles) {
        t = vaddq_s32(t, vshlq_n_s32(vaddq_s32(vshlq_n_s32(hi16[r][i], 8), lo16[r][i]), 4));
      }
      s[r].q[i] = vreinterpretq_u32_s32(t);
    }
  }
}

#else

inline constexpr int max_rows = 4;

template <int R, int units, bool nibbles>
MTPLX_INLINE void group_sums(const uint8_t* values, const GroupRows& x, i32x16 (&s)[R]) {
  static constexpr int place[8] = {0, 4, 1, 5, 2, 6, 3, 7}; // of k % 8 among the words
  for (int r = 0; r < R; ++r) {
    s[r] = {};
  }
  for (int u = 0; u < units; ++u) {
    const uint8_t* line = values + (nibbles ? u / 2 : u) * unit_bytes;
    int shift = nibbles ? 4 * (u & 1) : 0;
    int mask = nibbles ? 15 : 255;
    for (int r = 0; r < R; ++r) {
      const uint8_t* words = x.q + r * x.row + 8 * (u & ~1);
      for (int j = 0; j < 4; ++j) {
        int16_t v;
        std::memcpy(&v, words + 2 * place[4 * (u & 1) + j], 2);
        for (int n = 0; n < 16; ++n) {
          s[r].x[n] += static_cast<uint32_t>(((line[4 * n + j] >> shift) & mask) * v);
        }
      }
    }
  }
}

#endif

#if !defined(__AVX512VNNI__)
constexpr int blocks_at_once(int) {
  return 1;
}

template <int R, int units, bool nibbles>
MTPLX_INLINE void group_sums(const uint8_t* const (&values)[1], const GroupRows& x, i32x16 (&s)[1][R]) {
  group_sums<R, units, nibbles>(values[0], x, s[0]);
}
#endif

inline constexpr size_t value_bytes = MTPLX_ROWS_OF_WORDS ? 2 : 1; // of x, in its first plane

MTPLX_INLINE f32x16 load_elements(const uint8_t* p, Element e) {
  if (e == Element::f32) {
    return load(reinterpret_cast<const float*>(p));
  }
  const auto* half = reinterpret_cast<const uint16_t*>(p);
  return e == Element::f16 ? load_f16(half) : load_bf16(half);
}

// The last block's outputs where they are fewer than sixteen.
__attribute__((noinline, unused)) static void store_some(f32x16 acc, int lanes, const float* residual, float* y) {
  float out[16];
  store(out, acc);
  for (int n = 0; n < lanes; ++n) {
    y[n] = residual ? out[n] + residual[n] : out[n];
  }
}

MTPLX_INLINE void store_row(const LinearLayout& l, f32x16 acc, int block, const float* residual, float* y) {
  size_t at = static_cast<size_t>(block) * 16;
  int lanes = l.out_features - block * 16;
  if (lanes < 16) {
    store_some(acc, lanes, residual ? residual + at : nullptr, y + at);
    return;
  }
  store(y + at, residual ? acc + load(residual + at) : acc);
}

} // namespace mtplx::kernels::MTPLX_ISA
