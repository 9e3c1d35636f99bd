#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

// How a weight lies in memory for the CPU kernel. Sixteen outputs make a block; in a block, groups of k follow
// each other, so that one pass over K reads straight ahead.
//
// affine, a group of a block: 16 scales and 16 biases (their dtype), then the quantized values. Four k of the
// sixteen outputs are a unit: 64 bytes, byte 4 * n + k % 4. A unit's values are split into bit planes:
//   8 bits: the units themselves; 4, 5, 6: a plane of low nibbles, two units a line of 64 bytes (low nibbles first);
//   2, 3, 6: a plane of two bits (the low ones, or bits 4-5), four units a line; 3, 5: a plane of the top bit,
//   eight units a line. Planes follow each other in this order and take exactly `bits` a value.
// dense: [K][16 outputs] in the weight's own dtype.
namespace mtplx::kernels {

inline constexpr int linear_block = 16;
inline constexpr int unit_bytes = 4 * linear_block;

enum class Element : int { f32, f16, bf16 };

inline size_t element_bytes(Element e) {
  return e == Element::f32 ? 4 : 2;
}

constexpr bool has_nibbles(int bits) {
  return bits == 4 || bits == 5 || bits == 6;
}
constexpr bool has_pairs(int bits) {
  return bits == 2 || bits == 3 || bits == 6;
}
constexpr bool has_top_bit(int bits) {
  return bits == 3 || bits == 5;
}

struct LinearLayout {
  int out_features;
  int in_features;
  int bits;        // 0: dense
  int group_size;  // dense: in_features
  Element element; // of the dense weight, or of scales and biases

  int blocks() const { return (out_features + linear_block - 1) / linear_block; }
  int groups() const { return in_features / group_size; }
  // Bytes of the values of one group in one block.
  size_t value_bytes() const {
    return bits == 0 ? static_cast<size_t>(group_size) * linear_block * element_bytes(element)
                     : static_cast<size_t>(group_size) * linear_block * bits / 8;
  }
  size_t scale_bytes() const { return bits == 0 ? 0 : 2 * linear_block * element_bytes(element); }
  size_t group_bytes() const { return scale_bytes() + value_bytes(); }
  size_t block_bytes() const { return group_bytes() * groups(); }
};

} // namespace mtplx::kernels
