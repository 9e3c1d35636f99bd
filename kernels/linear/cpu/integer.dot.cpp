#include "kernels/linear/cpu/integer.h"

#include <algorithm>

#include "kernels/linear/cpu/dot.h"
#include "kernels/linear/cpu/expand.h"
#include "kernels/linear/cpu/quantise.h"
#include "kernels/linear/cpu/tiles.h"

namespace mtplx::kernels::MTPLX_ISA {

namespace {

// Bytes of weights and of x that stay in the caches while rows pass over them.
constexpr size_t weights_kept = MTPLX_HAS_TILES ? 128 * 1024 : 24 * 1024;
constexpr size_t rows_kept = 256 * 1024;
constexpr size_t prefetch_ahead = 4096;

void prepare(const IntegerRows& x, int begin, int end) {
  for (int t = 0; t < RowTile::count(x.rows, max_rows); ++t) {
    RowTile tile = RowTile::at(x.rows, max_rows, t);
    for (int r = std::max(0, begin - tile.row); r < std::min(tile.rows, end - tile.row); ++r) {
      if (x.group_size == 64) {
        quantise_row(x, 64, tile, r);
      } else {
        quantise_row(x, x.group_size, tile, r);
      }
    }
  }
}

// A row with a NaN or an infinity: each output is the plain sum, one fma after the other in the order of k, with w =
// fma(scale, q, bias) in float; every NaN is the positive quiet one. So infinities keep their sign.
float plain_sum(const LinearLayout& l, const uint8_t* block, int lane, const float* x) {
  float acc = 0.0f;
  float lanes[16];
  for (int g = 0; g < l.groups(); ++g) {
    const uint8_t* group = block + g * l.group_bytes();
    store(lanes, load_elements(group, l.element));
    float scale = lanes[lane];
    store(lanes, load_elements(group + 16 * element_bytes(l.element), l.element));
    float bias = lanes[lane];
    for (int k = 0; k < l.group_size; ++k) {
      auto q = static_cast<float>(read_value(group + l.scale_bytes(), l.bits, l.group_size, lane, k));
      acc = std::fma(std::fma(scale, q, bias), x[g * l.group_size + k], acc);
    }
  }
  return acc;
}

void plain_row(const LinearLayout& l, const uint8_t* data, const float* x, int block, const float* residual, float* y) {
  float out[16] = {};
  for (int n = 0; n < std::min(16, l.out_features - block * 16); ++n) {
    out[n] = plain_sum(l, data + block * l.block_bytes(), n, x);
    float sum = residual ? out[n] + residual[block * 16 + n] : out[n];
    y[block * 16 + n] = sum == sum ? sum : __builtin_nanf("");
  }
}

// How a group's values are read: nibbles of 64 k in one go (the common weight), nibbles in parts of 32 k, or any
// width expanded to bytes first.
enum class Form { nibbles64, nibbles, bytes };

template <Form form, int R, int B>
MTPLX_INLINE void sums_of_group(const LinearLayout& l, const uint8_t* (&values)[B], GroupRows x, i32x16 (&s)[B][R]) {
  if constexpr (form == Form::nibbles64) {
    group_sums<R, 16, true>(values, x, s);
  } else {
    static_assert(B == 1);
    constexpr int part = 32;
    constexpr bool nibbles = form == Form::nibbles;
    alignas(64) uint8_t bytes[nibbles ? 1 : max_expanded];
    if constexpr (!nibbles) {
      if (plane_sums<R>(l, values[0], x, s[0])) {
        return;
      }
      values[0] = expand_group(values[0], l.bits, l.group_size, bytes);
    }
    group_sums<R, part / 4, nibbles>(values, x, s);
    for (int k = part; k < l.group_size; k += part) {
      i32x16 more[1][R];
      x.q += part * value_bytes;
      values[0] += part * linear_block / (nibbles ? 2 : 1);
      group_sums<R, part / 4, nibbles>(values, x, more);
      for (int r = 0; r < R; ++r) {
        s[0][r] = s[0][r] + more[0][r];
      }
    }
  }
}

template <Form form>
MTPLX_INLINE void prefetch(const uint8_t* group, size_t bytes) {
  if constexpr (form == Form::nibbles64) {
#pragma GCC unroll 9
    for (size_t i = 0; i < 9 * unit_bytes; i += unit_bytes) {
      __builtin_prefetch(group + i);
    }
  } else {
    for (size_t i = 0; i < bytes; i += unit_bytes) {
      __builtin_prefetch(group + i);
    }
  }
}

// What a call is about, for the functions below.
struct Work {
  const LinearLayout& l;
  const uint8_t* data;
  const IntegerRows& x;
  const float* residual;
  float* y;
};

// What a tile of rows reads, and how far groups and blocks lie apart: one division for all of its blocks.
struct Walk {
  Walk(const Work& work, RowTile tile)
      : x(prepared(work.x, tile)),
        groups(work.l.groups()),
        bias(work.l.scale_bytes() / 2),
        group_bytes(work.l.group_bytes()),
        block_bytes(group_bytes * groups) {}

  PreparedTile x;
  int groups;
  size_t bias; // of a group, behind its scales
  size_t group_bytes;
  size_t block_bytes;
};

// B blocks from `block` against the R rows of a tile.
template <Form form, int R, int B>
MTPLX_INLINE void tile_of_blocks(const Work& work, RowTile tile, const Walk& walk, int block) {
  const LinearLayout& l = work.l;
  constexpr bool fast = form == Form::nibbles64;
  const size_t group_size = fast ? 64 : static_cast<size_t>(l.group_size);
  const uint8_t* group = work.data + static_cast<size_t>(block) * walk.block_bytes;
  f32x16 acc[B][R];
  for (int b = 0; b < B; ++b) {
    for (int r = 0; r < R; ++r) {
      acc[b][r] = zero();
    }
  }
  for (int g = 0; g < walk.groups; ++g) {
    const uint8_t* values[B];
    for (int b = 0; b < B; ++b) {
      const uint8_t* at = group + b * walk.block_bytes;
      prefetch<form>(at + (B == 1 ? prefetch_ahead : B * walk.block_bytes), walk.group_bytes);
      values[b] = at + 2 * walk.bias;
    }
    i32x16 s[B][R];
    size_t at = static_cast<size_t>(g) * R;
    sums_of_group<form, R>(l, values, {walk.x.q + at * 2 * group_size, 2 * group_size, group_size}, s);
    for (int b = 0; b < B; ++b) {
      f32x16 w = load_elements(group + b * walk.block_bytes, l.element);
      f32x16 bias = load_elements(group + b * walk.block_bytes + walk.bias, l.element);
      for (int r = 0; r < R; ++r) {
        acc[b][r] = fma(to_float(s[b][r]) * splat(walk.x.scale[at + r]), w, acc[b][r]);
        acc[b][r] = fma(bias, splat(walk.x.sum[at + r]), acc[b][r]);
      }
    }
    group += walk.group_bytes;
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    size_t out = static_cast<size_t>(tile.row + r) * l.out_features;
#pragma GCC unroll 2
    for (int b = 0; b < B; ++b) {
      store_row(l, acc[b][r], block + b, work.residual ? work.residual + out : nullptr, work.y + out);
    }
  }
}

template <Form form, int R>
void some_blocks(const Work& work, RowTile tile, int begin, int end) {
  constexpr int B = form == Form::nibbles64 ? blocks_at_once(R) : 1;
  const Walk walk(work, tile);
  int b = begin;
  for (; b + B <= end; b += B) {
    tile_of_blocks<form, R, B>(work, tile, walk, b);
  }
  if constexpr (B > 1) {
    for (; b < end; ++b) {
      tile_of_blocks<form, R, 1>(work, tile, walk, b);
    }
  }
}

template <Form form, int R>
void at_most(const Work& work, RowTile tile, int begin, int end) {
  if constexpr (R > 1) {
    if (tile.rows < R) {
      return at_most<form, R - 1>(work, tile, begin, end);
    }
  }
  some_blocks<form, R>(work, tile, begin, end);
}

// The weights of a chunk of blocks stay close while some tiles of rows pass.
template <Form form>
void all_rows(const Work& work, int begin, int end) {
  const LinearLayout& l = work.l;
  int tiles = RowTile::count(work.x.rows, max_rows);
  int kept = std::max(1, static_cast<int>(rows_kept / (2 * static_cast<size_t>(l.in_features)) / max_rows));
  int chunk = std::max(2, static_cast<int>(weights_kept / l.block_bytes()));
  for (int first = 0; first < tiles; first += kept) {
    int last = std::min(tiles, first + kept);
    int step = last - first == 1 ? end - begin : chunk;
    for (int b = begin; b < end; b += step) {
      int stop = std::min(end, b + step);
      for (int t = first; t < last; ++t) {
        RowTile tile = RowTile::at(work.x.rows, max_rows, t);
#if MTPLX_HAS_TILES
        if (tile.rows >= tile_min_rows) {
          tile_blocks<form == Form::nibbles64>(l, work.data, work.x, tile, b, stop, work.residual, work.y);
          continue;
        }
#endif
        at_most<form, max_rows>(work, tile, b, stop);
      }
    }
  }
}

void blocks(const LinearLayout& l,
            const uint8_t* data,
            const IntegerRows& x,
            const float* residual,
            float* y,
            int begin,
            int end) {
  Work work{l, data, x, residual, y};
  if (l.bits == 4 && l.group_size == 64) {
    all_rows<Form::nibbles64>(work, begin, end);
  } else if (l.bits == 4) {
    all_rows<Form::nibbles>(work, begin, end);
  } else {
    all_rows<Form::bytes>(work, begin, end);
  }
  for (int r = 0; r < x.rows; ++r) {
    if (!x.finite[r]) {
      size_t at = static_cast<size_t>(r) * l.out_features;
      for (int b = begin; b < end; ++b) {
        plain_row(l, data, x.x + static_cast<size_t>(r) * l.in_features, b, residual ? residual + at : nullptr, y + at);
      }
    }
  }
}

} // namespace

extern const IntegerKernel integer;
const IntegerKernel integer{prepare, blocks};

} // namespace mtplx::kernels::MTPLX_ISA
