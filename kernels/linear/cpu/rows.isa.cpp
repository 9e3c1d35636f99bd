#include "kernels/linear/cpu/rows.h"

#include <vector>

#include "kernels/common/simd.h"

namespace mtplx::kernels::MTPLX_ISA {

namespace {

MTPLX_INLINE f32x16 load_elements(const uint8_t* p, Element element) {
  switch (element) {
    case Element::f32:
      return load(reinterpret_cast<const float*>(p));
    case Element::f16:
      return load_f16(reinterpret_cast<const uint16_t*>(p));
    case Element::bf16:
      break;
  }
  return load_bf16(reinterpret_cast<const uint16_t*>(p));
}

// Nibble t of 16 words, times 2^4t (t = 7: the nibble itself). Exact.
template <int t>
MTPLX_INLINE f32x16 nibble(i32x16 words) {
  if constexpr (t == 7) {
    return to_float(shift_right<28>(words));
  } else {
    return to_float(words & (15u << (4 * t)));
  }
}

template <int R, int B>
struct Tile {
  f32x16 sum[B][R];
};

template <int R, int B, int t>
MTPLX_INLINE void nibble_step(Tile<R, B>& tile, const i32x16 (&words)[B], const float* x, int stride) {
  f32x16 w[B];
  for (int b = 0; b < B; ++b) {
    w[b] = nibble<t>(words[b]);
  }
  for (int r = 0; r < R; ++r) {
    f32x16 xr = splat(x[r * stride + t]);
    for (int b = 0; b < B; ++b) {
      tile.sum[b][r] = fma(w[b], xr, tile.sum[b][r]);
    }
  }
}

// One group of B blocks for R rows, 4 bits.
template <int R, int B>
MTPLX_INLINE void nibble_group(Tile<R, B>& tile, const uint8_t* const (&values)[B], const float* x, int k, int group) {
  for (int word = 0; word < group / 8; ++word) {
    i32x16 words[B];
    for (int b = 0; b < B; ++b) {
      words[b] = load_u32(reinterpret_cast<const uint32_t*>(values[b]) + word * 16);
    }
    const float* xw = x + word * 8;
    nibble_step<R, B, 0>(tile, words, xw, k);
    nibble_step<R, B, 1>(tile, words, xw, k);
    nibble_step<R, B, 2>(tile, words, xw, k);
    nibble_step<R, B, 3>(tile, words, xw, k);
    nibble_step<R, B, 4>(tile, words, xw, k);
    nibble_step<R, B, 5>(tile, words, xw, k);
    nibble_step<R, B, 6>(tile, words, xw, k);
    nibble_step<R, B, 7>(tile, words, xw, k);
  }
}

// Sixteen values of one k from a bit stream of any width.
inline void unpack16(const uint8_t* p, int bits, float* out) {
  const uint32_t mask = (1u << bits) - 1;
  uint32_t buffer = 0;
  int have = 0;
  for (int i = 0; i < 16; ++i) {
    while (have < bits) {
      buffer |= static_cast<uint32_t>(*p++) << have;
      have += 8;
    }
    out[i] = static_cast<float>(buffer & mask);
    buffer >>= bits;
    have -= bits;
  }
}

inline void unpack_group(const LinearLayout& l, const uint8_t* values, float* out) {
  if (l.bits == 8) {
    for (int i = 0; i < l.group_size * 16; ++i) {
      out[i] = static_cast<float>(values[i]);
    }
    return;
  }
  for (int k = 0; k < l.group_size; ++k) {
    unpack16(values + static_cast<size_t>(k) * 2 * l.bits, l.bits, out + k * 16);
  }
}

template <int R>
MTPLX_INLINE void float_group(f32x16 (&sum)[R], const float* w, const float* x, int k, int group) {
  for (int i = 0; i < group; ++i) {
    f32x16 wi = load(w + i * 16);
    for (int r = 0; r < R; ++r) {
      sum[r] = fma(wi, splat(x[r * k + i]), sum[r]);
    }
  }
}

template <int R>
MTPLX_INLINE void dense_group(
    f32x16 (&sum)[R], const LinearLayout& l, const uint8_t* w, const float* x, int k, int group) {
  size_t step = 16 * element_bytes(l.element);
  for (int i = 0; i < group; ++i) {
    f32x16 wi = load_elements(w + i * step, l.element);
    for (int r = 0; r < R; ++r) {
      sum[r] = fma(wi, splat(x[r * k + i]), sum[r]);
    }
  }
}

void write_block(const LinearLayout& l, f32x16 value, const float* residual, float* y, int block) {
  int n = block * 16;
  if (n + 16 <= l.out_features) {
    if (residual) {
      value = value + load(residual + n);
    }
    store(y + n, value);
    return;
  }
  float lanes[16];
  store(lanes, value);
  for (int i = 0; n + i < l.out_features; ++i) {
    y[n + i] = residual ? lanes[i] + residual[n + i] : lanes[i];
  }
}

struct Job {
  const LinearLayout& l;
  const uint8_t* data;
  const LinearInput& in;
  const float* residual;
  float* y;
};

// B blocks from `block` on, R rows from `row` on.
template <int R, int B>
void nibble_tile(const Job& job, int row, int block) {
  const LinearLayout& l = job.l;
  int K = l.in_features;
  int G = l.groups();
  size_t eb = element_bytes(l.element);
  const uint8_t* group[B];
  f32x16 y[B][R];
  for (int b = 0; b < B; ++b) {
    group[b] = job.data + static_cast<size_t>(block + b) * l.block_bytes();
    for (int r = 0; r < R; ++r) {
      y[b][r] = zero();
    }
  }
  const float* x = job.in.x + static_cast<size_t>(row) * K;
  const float* sums = job.in.group_sums + static_cast<size_t>(row) * G;
  for (int g = 0; g < G; ++g) {
    Tile<R, B> tile;
    const uint8_t* values[B];
    for (int b = 0; b < B; ++b) {
      values[b] = group[b] + l.scale_bytes();
      for (int r = 0; r < R; ++r) {
        tile.sum[b][r] = zero();
      }
    }
    nibble_group<R, B>(tile, values, x + g * l.group_size, K, l.group_size);
    for (int b = 0; b < B; ++b) {
      f32x16 scale = load_elements(group[b], l.element);
      f32x16 bias = load_elements(group[b] + 16 * eb, l.element);
      for (int r = 0; r < R; ++r) {
        y[b][r] = fma(scale, tile.sum[b][r], y[b][r]);
        y[b][r] = fma(bias, splat(sums[r * G + g]), y[b][r]);
      }
      group[b] += l.group_bytes();
    }
  }
  for (int b = 0; b < B; ++b) {
    for (int r = 0; r < R; ++r) {
      size_t at = static_cast<size_t>(row + r) * l.out_features;
      write_block(l, y[b][r], job.residual ? job.residual + at : nullptr, job.y + at, block + b);
    }
  }
}

// One block, any width or dense. `values` is the group's values as floats for bits > 0.
template <int R>
void general_tile(const Job& job, int row, int block, const float* unpacked) {
  const LinearLayout& l = job.l;
  int K = l.in_features;
  int G = l.groups();
  size_t eb = element_bytes(l.element);
  const uint8_t* group = job.data + static_cast<size_t>(block) * l.block_bytes();
  const float* x = job.in.x + static_cast<size_t>(row) * K;
  f32x16 y[R];
  for (int r = 0; r < R; ++r) {
    y[r] = zero();
  }
  if (l.bits == 0) {
    dense_group<R>(y, l, group, x, K, K);
  } else {
    const float* sums = job.in.group_sums + static_cast<size_t>(row) * G;
    for (int g = 0; g < G; ++g) {
      f32x16 sum[R];
      for (int r = 0; r < R; ++r) {
        sum[r] = zero();
      }
      float_group<R>(sum, unpacked + static_cast<size_t>(g) * l.group_size * 16, x + g * l.group_size, K, l.group_size);
      f32x16 scale = load_elements(group, l.element);
      f32x16 bias = load_elements(group + 16 * eb, l.element);
      for (int r = 0; r < R; ++r) {
        y[r] = fma(scale, sum[r], y[r]);
        y[r] = fma(bias, splat(sums[r * G + g]), y[r]);
      }
      group += l.group_bytes();
    }
  }
  for (int r = 0; r < R; ++r) {
    size_t at = static_cast<size_t>(row + r) * l.out_features;
    write_block(l, y[r], job.residual ? job.residual + at : nullptr, job.y + at, block);
  }
}

void nibble_blocks(const Job& job, int begin, int end) {
  for (int row = 0; row < job.in.rows;) {
    int left = job.in.rows - row;
    int block = begin;
    if (left >= 4) {
      for (; block < end; ++block) {
        nibble_tile<4, 1>(job, row, block);
      }
      row += 4;
    } else if (left == 3) {
      for (; block < end; ++block) {
        nibble_tile<3, 1>(job, row, block);
      }
      row += 3;
    } else if (left == 2) {
      for (; block + 2 <= end; block += 2) {
        nibble_tile<2, 2>(job, row, block);
      }
      for (; block < end; ++block) {
        nibble_tile<2, 1>(job, row, block);
      }
      row += 2;
    } else {
      for (; block + 4 <= end; block += 4) {
        nibble_tile<1, 4>(job, row, block);
      }
      for (; block < end; ++block) {
        nibble_tile<1, 1>(job, row, block);
      }
      row += 1;
    }
  }
}

void general_blocks(const Job& job, int begin, int end) {
  const LinearLayout& l = job.l;
  std::vector<float> unpacked(l.bits == 0 ? 0 : static_cast<size_t>(l.in_features) * 16);
  for (int block = begin; block < end; ++block) {
    if (l.bits != 0) {
      const uint8_t* group = job.data + static_cast<size_t>(block) * l.block_bytes();
      for (int g = 0; g < l.groups(); ++g) {
        unpack_group(l, group + l.scale_bytes(), unpacked.data() + static_cast<size_t>(g) * l.group_size * 16);
        group += l.group_bytes();
      }
    }
    int row = 0;
    for (; row + 4 <= job.in.rows; row += 4) {
      general_tile<4>(job, row, block, unpacked.data());
    }
    for (; row + 2 <= job.in.rows; row += 2) {
      general_tile<2>(job, row, block, unpacked.data());
    }
    for (; row < job.in.rows; ++row) {
      general_tile<1>(job, row, block, unpacked.data());
    }
  }
}

} // namespace

void linear_blocks(const LinearLayout& layout,
                   const uint8_t* data,
                   const LinearInput& input,
                   const float* residual,
                   float* y,
                   int block_begin,
                   int block_end) {
  Job job{layout, data, input, residual, y};
  if (layout.bits == 4) {
    nibble_blocks(job, block_begin, block_end);
  } else {
    general_blocks(job, block_begin, block_end);
  }
}

void prepare_rows(const LinearLayout& layout, const float* x, int rows, float* scaled, float* sums) {
  static constexpr float factors[16] = {1.0f, 0x1p-4f, 0x1p-8f, 0x1p-12f, 0x1p-16f, 0x1p-20f, 0x1p-24f, 1.0f,
                                        1.0f, 0x1p-4f, 0x1p-8f, 0x1p-12f, 0x1p-16f, 0x1p-20f, 0x1p-24f, 1.0f};
  f32x16 factor = layout.bits == 4 ? load(factors) : splat(1.0f);
  for (int r = 0; r < rows; ++r) {
    for (int g = 0; g < layout.groups(); ++g) {
      size_t at = static_cast<size_t>(r) * layout.in_features + static_cast<size_t>(g) * layout.group_size;
      f32x16 sum = zero();
      for (int k = 0; k < layout.group_size; k += 16) {
        f32x16 v = load(x + at + k);
        sum = sum + v;
        store(scaled + at + k, v * factor);
      }
      sums[static_cast<size_t>(r) * layout.groups() + g] = sum_lanes(sum);
    }
  }
}

void weight_row(const LinearLayout& layout, const uint8_t* data, int n, float* out) {
  const uint8_t* group = data + static_cast<size_t>(n / 16) * layout.block_bytes();
  int lane = n % 16;
  size_t eb = element_bytes(layout.element);
  float lanes[16];
  if (layout.bits == 0) {
    for (int k = 0; k < layout.in_features; ++k) {
      store(lanes, load_elements(group + static_cast<size_t>(k) * 16 * eb, layout.element));
      out[k] = lanes[lane];
    }
    return;
  }
  for (int g = 0; g < layout.groups(); ++g) {
    store(lanes, load_elements(group, layout.element));
    float scale = lanes[lane];
    store(lanes, load_elements(group + 16 * eb, layout.element));
    float bias = lanes[lane];
    const uint8_t* values = group + layout.scale_bytes();
    for (int k = 0; k < layout.group_size; ++k) {
      float q;
      if (layout.bits == 4) {
        uint32_t word;
        std::memcpy(&word, values + (static_cast<size_t>(k / 8) * 16 + lane) * 4, 4);
        q = static_cast<float>((word >> (4 * (k % 8))) & 15);
      } else {
        unpack16(values + static_cast<size_t>(k) * 2 * layout.bits, layout.bits, lanes);
        q = lanes[lane];
      }
      out[g * layout.group_size + k] = std::fma(scale, q, bias);
    }
    group += layout.group_bytes();
  }
}

} // namespace mtplx::kernels::MTPLX_ISA
