#pragma once

#include <cstddef>
#include <cstdint>

// How a weight lies in memory for the CPU kernel. Sixteen outputs make a block; in a block, groups of k follow
// each other, so that one pass over K reads straight ahead.
//
// affine, a group of a block: 16 scales and 16 biases (their dtype), then the quantized values.
//   4 bits: words of 32 bits, [group_size / 8][16 outputs], nibble t of a word is k = 8 * word + t.
//   other bits: [group_size][16 outputs] as a bit stream, 2 * bits bytes for each k.
// dense: [K][16 outputs] in the weight's own dtype.
namespace mtplx::kernels {

inline constexpr int linear_block = 16;

enum class Element : int { f32, f16, bf16 };

inline size_t element_bytes(Element e) {
  return e == Element::f32 ? 4 : 2;
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
