#include "kernels/kv_cache/kv_cache.h"

#include <cstring>

namespace mtplx::kernels {

namespace {

struct Shape {
  int heads;
  int dim;
};

Shape shape_of(KvKind kind, const mx::array& block) {
  bool keys = kind == KvKind::keys;
  if (block.ndim() != 3 || block.shape(keys ? 2 : 1) != kv_block_tokens) {
    throw std::invalid_argument("[kv_append] Not a block of this kind.");
  }
  return {block.shape(0), block.shape(keys ? 1 : 2)};
}

void write_row(KvKind kind, Shape shape, const float* row, int slot, float* block) {
  for (int h = 0; h < shape.heads; ++h) {
    const float* from = row + static_cast<size_t>(h) * shape.dim;
    float* head = block + static_cast<size_t>(h) * kv_block_tokens * shape.dim;
    if (kind == KvKind::values) {
      std::memcpy(head + static_cast<size_t>(slot) * shape.dim, from, shape.dim * sizeof(float));
    } else {
      for (int d = 0; d < shape.dim; ++d) {
        head[static_cast<size_t>(d) * kv_block_tokens + slot] = from[d];
      }
    }
  }
}

} // namespace

mx::array kv_block(KvKind kind, int kv_heads, int head_dim) {
  mx::Shape shape = kind == KvKind::keys ? mx::Shape{kv_heads, head_dim, kv_block_tokens}
                                         : mx::Shape{kv_heads, kv_block_tokens, head_dim};
  mx::array block = fresh(shape, mx::float32, Life::state);
  std::memset(block.data<float>(), 0, block.nbytes());
  return block;
}

mx::array kv_append(KvKind kind, mx::array&& block, const mx::array& rows, int row_begin, int count, int offset) {
  Shape shape = shape_of(kind, block);
  if (rows.ndim() != 3 || rows.shape(1) != shape.heads || rows.shape(2) != shape.dim || row_begin < 0 || count < 0 ||
      row_begin + count > rows.shape(0) || offset < 0 || offset + count > kv_block_tokens) {
    throw std::invalid_argument("[kv_append] The rows do not fit the block.");
  }
  std::vector<mx::array> inputs;
  inputs.push_back(std::move(block));
  inputs.push_back(rows);
  return cpu_update("kv_append", std::move(inputs), [=](const std::vector<mx::array>& in, mx::array& out, bool copied) {
    if (copied) {
      std::memcpy(out.data<float>(), in[0].data<float>(), out.nbytes());
    }
    const float* from = in[1].data<float>();
    size_t width = static_cast<size_t>(shape.heads) * shape.dim;
    for (int r = 0; r < count; ++r) {
      write_row(kind, shape, from + (row_begin + r) * width, offset + r, out.data<float>());
    }
  });
}

} // namespace mtplx::kernels
