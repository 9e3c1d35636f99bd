#pragma once

#include "kernels/common/task.h"

namespace mtplx::kernels {

// Keys and values of a sequence live in blocks of this many positions.
inline constexpr int kv_block_tokens = 64;

// How a block lies in memory: keys f32 [kv_heads, head_dim, kv_block_tokens] (a vector of keys for each dim, so that
// scores need no sum across lanes), values f32 [kv_heads, kv_block_tokens, head_dim].
enum class KvKind { keys, values };

// A fresh zeroed block.
mx::array kv_block(KvKind kind, int kv_heads, int head_dim);

// `block` with rows [row_begin, row_begin + count) of `rows` (f32 [M, kv_heads, head_dim]) at positions offset.. of
// the block. Writes in place when nobody else holds the block, else into a copy.
mx::array kv_append(KvKind kind, mx::array&& block, const mx::array& rows, int row_begin, int count, int offset);

} // namespace mtplx::kernels
