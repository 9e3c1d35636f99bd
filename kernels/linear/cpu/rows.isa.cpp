#include "kernels/linear/cpu/rows.h"

#include <algorithm>

#include "kernels/common/simd.h"
#include "kernels/linear/cpu/planes.h"

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

// B blocks against R rows, each sum one fma after the other in the order of k. An fma takes four cycles or more: with
// few rows several blocks keep the pipes busy.
template <int R, int B>
void dense_tile(const DenseJob& job, int row, int block) {
  const LinearLayout& l = job.layout;
  size_t K = static_cast<size_t>(l.in_features);
  size_t step = 16 * element_bytes(l.element);
  size_t block_bytes = l.block_bytes();
  const uint8_t* w = job.data + static_cast<size_t>(block) * block_bytes;
  const float* x = job.x + row * K;
  f32x16 y[R][B];
  for (int r = 0; r < R; ++r) {
    for (int b = 0; b < B; ++b) {
      y[r][b] = zero();
    }
  }
  for (size_t k = 0; k < K; ++k) {
    for (int b = 0; b < B; ++b) {
      f32x16 wk = load_elements(w + b * block_bytes + k * step, l.element);
      for (int r = 0; r < R; ++r) {
        y[r][b] = fma(wk, splat(x[r * K + k]), y[r][b]);
      }
    }
  }
  for (int r = 0; r < R; ++r) {
    size_t at = static_cast<size_t>(row + r) * l.out_features;
    for (int b = 0; b < B; ++b) {
      write_block(l, y[r][b], job.residual ? job.residual + at : nullptr, job.y + at, block + b);
    }
  }
}

// The B blocks in tiles of T.
template <int R, int B, int T = B>
void row_tiles(const DenseJob& job, int row, int block) {
  for (int b = 0; b < B; b += T) {
    dense_tile<R, T>(job, row, block + b);
  }
}

template <int B>
void all_rows(const DenseJob& job, int block) {
  int row = 0;
  for (; row + 4 <= job.rows; row += 4) {
    row_tiles<4, B, 1>(job, row, block);
  }
  switch (job.rows - row) {
    case 3:
      return row_tiles<3, B, 1>(job, row, block);
    case 2:
      return row_tiles<2, B, (B + 1) / 2>(job, row, block);
    case 1:
      return row_tiles<1, B>(job, row, block);
    default:
      return;
  }
}

} // namespace

void dense_blocks(const DenseJob& job, int begin, int end) {
  int block = begin;
  for (; block + 4 <= end; block += 4) {
    all_rows<4>(job, block);
  }
  for (; block < end; ++block) {
    all_rows<1>(job, block);
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
      auto q = static_cast<float>(read_value(values, layout.bits, layout.group_size, lane, k));
      out[g * layout.group_size + k] = std::fma(scale, q, bias);
    }
    group += layout.group_bytes();
  }
}

} // namespace mtplx::kernels::MTPLX_ISA
