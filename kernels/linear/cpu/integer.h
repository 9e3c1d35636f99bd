#pragma once

#include "kernels/common/isa.h"
#include "kernels/linear/cpu/layout.h"

// The affine linear in integers. A row of x is quantised for each of the weight's groups: scale = max|x| / 32512,
// q = round(x / scale) in 16 bits. The group's sum of q_w * q_x is an exact integer, so its order is free, and one
// fixed float finish makes y: acc = fma(float(sum) * scale, w_scale, acc), acc = fma(w_bias, scale * float(sum of
// q_x), acc), groups in ascending order. So y has the same bits at every M, thread count and instruction set.
namespace mtplx::kernels {

inline constexpr float integer_range = 32512.0f; // 127 * 256: q = 256 * hi + lo, both of int8

// Rows of x as the active instruction set reads them: in tiles of nearly the same height (RowTile), tile after tile, so
// that what one group needs of a tile lies together, at distances known when compiling.
struct IntegerRows {
  const float* x; // [M, K], as given
  int rows;
  int in_features;
  int group_size;
  // A tile: [groups][rows][2 * group_size] bytes: either int8 hi and lo planes, or int16, each eight k as 0 2 4 6 1 3
  // 5 7.
  uint8_t* q;
  float* scale;    // a tile: [groups][rows]
  float* sum;      // a tile: [groups][rows]: scale * sum of q
  uint8_t* finite; // [M]: 0 where x has a NaN or an infinity
};

// Rows [row, row + rows): tile `index` of those with at most `most` rows.
struct RowTile {
  int row;
  int rows;

  static int count(int rows, int most) { return (rows + most - 1) / most; }
  static RowTile at(int rows, int most, int index) {
    int tiles = count(rows, most);
    int first = rows * index / tiles;
    return {first, rows * (index + 1) / tiles - first};
  }
};

// Where a tile's prepared values begin.
struct PreparedTile {
  uint8_t* q;
  float* scale;
  float* sum;
};

inline PreparedTile prepared(const IntegerRows& x, RowTile tile) {
  size_t row = static_cast<size_t>(tile.row);
  size_t at = row * (x.in_features / x.group_size);
  return {x.q + row * 2 * x.in_features, x.scale + at, x.sum + at};
}

struct IntegerKernel {
  // Quantises rows [begin, end).
  void (*prepare)(const IntegerRows& x, int begin, int end);
  // y [M, N] for the blocks [block_begin, block_end); residual [M, N] or null is added after the sum.
  void (*blocks)(const LinearLayout& layout,
                 const uint8_t* data,
                 const IntegerRows& x,
                 const float* residual,
                 float* y,
                 int block_begin,
                 int block_end);
};

// The build for an instruction set.
const IntegerKernel& integer_kernel(Isa isa);

} // namespace mtplx::kernels
