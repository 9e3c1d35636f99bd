#pragma once

#include <vector>

#include "kernels/kv_cache/kv_cache.h"

namespace mtplx::kernels {

// A block by the layout of kv_cache.h: entry (head, position, dim) of rows [position][head][dim], zero beyond them.
std::vector<float> kv_block_reference(KvKind kind, int kv_heads, int head_dim, const std::vector<float>& rows);

} // namespace mtplx::kernels
