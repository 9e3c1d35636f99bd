#pragma once

#include "kernels/common/simd.h"
#include "kernels/linear/cpu/dot.h"
#include "kernels/linear/cpu/expand.h"
#include "kernels/linear/cpu/integer.h"

#include <algorithm>

// AMX: a tile of rows (hi and lo plane of each) against a tile of weights (a group's units), int32 out.
#if defined(__AMX_INT8__)
#define MTPLX_HAS_TILES 1

namespace mtplx::kernels::MTPLX_ISA {

// Below this VNNI is faster (Xeon, 2 threads: 10 % at 4 rows, 4 % at 5, even at 6), though tiles win from five rows on
// where the weights are in the L2: a tile's store costs two thirds of its products, whatever the rows.
inline constexpr int tile_min_rows = 7;

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start = 0;
  uint8_t reserved[14] = {};
  uint16_t bytes[16] = {};
  uint8_t rows[16] = {};
};

// Tiles 0, 1: sums; 4, 5: rows of x; 6, 7: weights. `units` of four k.
MTPLX_INLINE void configure_tiles(int planes, int units) {
  TileConfig c;
  for (int t : {0, 1}) {
    c.bytes[t] = 64;
    c.rows[t] = static_cast<uint8_t>(planes);
  }
  for (int t : {4, 5}) {
    c.bytes[t] = static_cast<uint16_t>(4 * units);
    c.rows[t] = static_cast<uint8_t>(planes);
  }
  for (int t : {6, 7}) {
    c.bytes[t] = 64;
    c.rows[t] = static_cast<uint8_t>(units);
  }
  // The compiler believes that the instruction reads eight bytes: the others must be stored before it.
  asm volatile("" ::"m"(c) : "memory");
  _tile_loadconfig(&c);
}

// A tile of at most 8 rows. Weights are expanded two groups ahead of the product and sums finished two
// groups behind it, so that no load waits for a store just made.
template <bool fast>
void tile_blocks(const LinearLayout& l,
                 const uint8_t* data,
                 const IntegerRows& all,
                 RowTile tile,
                 int begin,
                 int end,
                 const float* residual,
                 float* y) {
  constexpr int ahead = 2;
  constexpr int behind = 2;
  constexpr int slots = 8;
  const int group_size = fast ? 64 : l.group_size;
  const int part = std::min(group_size, 64);
  const size_t eb = element_bytes(l.element);
  const size_t group_bytes = l.group_bytes();
  alignas(64) uint8_t weights[slots][fast ? max_expanded / 2 : max_expanded];
  alignas(64) int32_t sums[slots][16][16];
  int groups = l.groups();
  int items = (end - begin) * groups;
  const int rows = tile.rows;
  const PreparedTile x = prepared(all, tile);
  const uint8_t* first = data + begin * l.block_bytes();
  configure_tiles(2 * rows, part / 4);

  auto expand = [&](int i) __attribute__((always_inline)) {
    const uint8_t* group = first + i * group_bytes;
    for (size_t b = 0; b < group_bytes; b += 64) {
      __builtin_prefetch(group + 4096 + b);
    }
    const uint8_t* values = group + 32 * eb;
    uint8_t* to = weights[i % slots];
    if constexpr (fast) {
      const __m512i low = _mm512_set1_epi8(15);
#pragma GCC unroll 8
      for (int p = 0; p < 8; ++p) {
        __m512i w = _mm512_loadu_si512(values + p * unit_bytes);
        _mm512_store_si512(to + 2 * p * unit_bytes, _mm512_and_si512(w, low));
        _mm512_store_si512(to + (2 * p + 1) * unit_bytes, _mm512_and_si512(_mm512_srli_epi16(w, 4), low));
      }
    } else if (expand_group(values, l.bits, group_size, to) == values) {
      std::memcpy(to, values, static_cast<size_t>(group_size) * linear_block);
    }
  };
  // Tile loads tell the compiler nothing of the memory they read: the barrier keeps the stores before them.
  auto multiply = [&](int i, int g) __attribute__((always_inline)) {
    const uint8_t* at = x.q + static_cast<size_t>(g) * rows * 2 * group_size;
    const uint8_t* w = weights[i % slots];
    asm volatile("" ::: "memory");
    if (i % 2 == 0) {
      _tile_zero(0);
      _tile_loadd(4, at, group_size);
      _tile_loadd(6, w, unit_bytes);
      _tile_dpbsud(0, 4, 6);
      if (group_size > part) {
        _tile_loadd(5, at + part, group_size);
        _tile_loadd(7, w + 16 * part, unit_bytes);
        _tile_dpbsud(0, 5, 7);
      }
      _tile_stored(0, sums[i % slots], 64);
    } else {
      _tile_zero(1);
      _tile_loadd(5, at, group_size);
      _tile_loadd(7, w, unit_bytes);
      _tile_dpbsud(1, 5, 7);
      if (group_size > part) {
        _tile_loadd(4, at + part, group_size);
        _tile_loadd(6, w + 16 * part, unit_bytes);
        _tile_dpbsud(1, 4, 6);
      }
      _tile_stored(1, sums[i % slots], 64);
    }
  };

  __m512 acc[8];
  for (auto& a : acc) {
    a = _mm512_setzero_ps();
  }
  int done_group = 0;
  int done_block = begin;
  auto finish = [&](int i) __attribute__((always_inline)) {
    const uint8_t* group = first + i * group_bytes;
    __m512 scale = load_elements(group, l.element).v;
    __m512 bias = load_elements(group + 16 * eb, l.element).v;
    const int32_t(*c)[16] = sums[i % slots];
    size_t at = static_cast<size_t>(done_group) * rows;
#pragma GCC unroll 8
    for (int r = 0; r < 8; ++r) {
      if (r < rows) {
        __m512i s =
            _mm512_add_epi32(_mm512_slli_epi32(_mm512_load_si512(c[2 * r]), 8), _mm512_load_si512(c[2 * r + 1]));
        __m512 t = _mm512_mul_ps(_mm512_cvtepi32_ps(s), _mm512_set1_ps(x.scale[at + r]));
        acc[r] = _mm512_fmadd_ps(t, scale, acc[r]);
        acc[r] = _mm512_fmadd_ps(bias, _mm512_set1_ps(x.sum[at + r]), acc[r]);
      }
    }
    if (++done_group == groups) {
#pragma GCC unroll 8
      for (int r = 0; r < 8; ++r) {
        if (r < rows) {
          size_t at_row = static_cast<size_t>(tile.row + r) * l.out_features;
          store_row(l, {acc[r]}, done_block, residual ? residual + at_row : nullptr, y + at_row);
        }
        acc[r] = _mm512_setzero_ps();
      }
      done_group = 0;
      ++done_block;
    }
  };

  for (int i = 0; i < std::min(ahead, items); ++i) {
    expand(i);
  }
  for (int i = 0, g = 0; i < items; ++i) {
    if (i + ahead < items) {
      expand(i + ahead);
    }
    multiply(i, g);
    g = g + 1 == groups ? 0 : g + 1;
    if (i >= behind) {
      finish(i - behind);
    }
  }
  for (int i = std::max(0, items - behind); i < items; ++i) {
    finish(i);
  }
  _tile_release();
}

} // namespace mtplx::kernels::MTPLX_ISA

#else
#define MTPLX_HAS_TILES 0
#endif
