#include "kernels/kv_cache/kv_cache.h"

#include <cstring>

namespace mtplx::kernels {

mx::array kv_block(int kv_heads, int head_dim) {
  mx::array block = mx::zeros({kv_heads, kv_block_tokens, head_dim}, mx::float32);
  mx::eval(block);
  return block;
}

mx::array kv_append(
    mx::array&& block, const mx::array& rows, int row_begin, int count, int offset, mx::Stream s) {
  int heads = block.shape(0);
  int dim = block.shape(2);
  if (rows.ndim() != 3 || rows.shape(1) != heads || rows.shape(2) != dim || row_begin < 0 || count < 0 ||
      row_begin + count > rows.shape(0) || offset < 0 || offset + count > kv_block_tokens) {
    throw std::invalid_argument("[kv_append] The rows do not fit the block.");
  }
  std::vector<mx::array> inputs;
  inputs.push_back(std::move(block));
  inputs.push_back(rows);
  return cpu_update(
      "kv_append", std::move(inputs),
      [=](const std::vector<mx::array>& in, mx::array& out, bool copied) {
        float* to = out.data<float>();
        if (copied) {
          std::memcpy(to, in[0].data<float>(), out.nbytes());
        }
        const float* from = in[1].data<float>();
        for (int r = 0; r < count; ++r) {
          for (int h = 0; h < heads; ++h) {
            std::memcpy(
                to + (static_cast<size_t>(h) * kv_block_tokens + offset + r) * dim,
                from + (static_cast<size_t>(row_begin + r) * heads + h) * dim, dim * sizeof(float));
          }
        }
      },
      s);
}

} // namespace mtplx::kernels
