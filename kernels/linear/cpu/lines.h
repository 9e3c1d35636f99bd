#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace mtplx::kernels {

// Zeroed memory from a cache line on, with eight more bytes before it; it lives as long as `owner` is held.
struct Lines {
  uint8_t* data;
  std::shared_ptr<void> owner;
};

// Weights made one after the other lie one after the other, in huge pages where the system has them: a step then
// misses few TLB entries, and reading ahead runs on into the next weight. Throws std::bad_alloc.
Lines zeroed_lines(size_t bytes);

} // namespace mtplx::kernels
