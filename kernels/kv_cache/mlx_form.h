#pragma once

#include "kernels/kv_cache/kv_cache.h"

namespace mtplx::kernels {

// kv_append by transpose and slice_update.
mx::array kv_append_mlx(
    KvKind kind, const mx::array& block, const mx::array& rows, int row_begin, int count, int offset, mx::Stream s);

} // namespace mtplx::kernels
