#include "kernels/linear/cpu/pack.h"

#include <algorithm>

#include "kernels/linear/cpu/planes.h"

namespace mtplx::kernels {

namespace {

// The low four nibbles of v, one to a byte.
uint32_t spread(uint32_t v) {
  v = (v | v << 8) & 0x00ff00ffu;
  return (v | v << 4) & 0x0f0f0f0fu;
}

void pack_nibbles(const uint8_t* row, int group_size, int lane, uint8_t* values) {
  for (int line = 0; line < group_size / 8; ++line) {
    uint32_t w;
    std::memcpy(&w, row + 4 * line, 4);
    uint32_t both = spread(w & 0xffffu) | spread(w >> 16) << 4;
    std::memcpy(values + line * unit_bytes + 4 * lane, &both, 4);
  }
}

// Units of a row's group; eight values of any width fill whole bytes.
void pack_units(const uint8_t* row, int bits, int group_size, int lane, uint8_t* values) {
  uint64_t mask = (1u << bits) - 1;
  for (int k = 0; k < group_size; k += 8) {
    uint64_t stream = 0;
    std::memcpy(&stream, row + static_cast<size_t>(k) * bits / 8, static_cast<size_t>(bits));
    for (int half = 0; half < 2; ++half) {
      uint32_t q = 0;
      for (int j = 0; j < 4; ++j) {
        q |= static_cast<uint32_t>((stream >> ((4 * half + j) * bits)) & mask) << (8 * j);
      }
      write_unit(values, bits, group_size, k / 4 + half, lane, q);
    }
  }
}

} // namespace

void pack_block(const LinearLayout& l,
                const uint8_t* words,
                const uint8_t* scales,
                const uint8_t* biases,
                int block,
                uint8_t* out) {
  size_t eb = element_bytes(l.element);
  size_t row_bytes = static_cast<size_t>(l.in_features) * l.bits / 8;
  int lanes = std::min(linear_block, l.out_features - block * linear_block);
  for (int g = 0; g < l.groups(); ++g) {
    uint8_t* group = out + g * l.group_bytes();
    for (int lane = 0; lane < lanes; ++lane) {
      size_t n = static_cast<size_t>(block) * linear_block + lane;
      std::memcpy(group + lane * eb, scales + (n * l.groups() + g) * eb, eb);
      std::memcpy(group + (linear_block + lane) * eb, biases + (n * l.groups() + g) * eb, eb);
      const uint8_t* row = words + n * row_bytes + static_cast<size_t>(g) * l.group_size * l.bits / 8;
      if (l.bits == 4) {
        pack_nibbles(row, l.group_size, lane, group + l.scale_bytes());
      } else {
        pack_units(row, l.bits, l.group_size, lane, group + l.scale_bytes());
      }
    }
  }
}

} // namespace mtplx::kernels
