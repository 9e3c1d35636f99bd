#pragma once

#include <cstddef>

// Memory of what lives long and has few sizes (KV blocks, recurrent states), in huge pages where the system has them: a
// step walks through megabytes of it, and small pages cost a walk of the page tables every 4 KiB.
namespace mtplx::kernels {

inline constexpr size_t largest_piece = size_t{1} << 20;

// 64-byte aligned memory of `bytes` (a multiple of 64, at most largest_piece). Throws std::bad_alloc.
void* take_piece(size_t bytes);
// As many bytes as it was taken with.
void give_piece(void* piece, size_t bytes);
// Bytes of all slabs; for tests.
size_t slab_bytes();

} // namespace mtplx::kernels
