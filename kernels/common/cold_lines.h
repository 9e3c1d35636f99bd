#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mlx/mlx.h"

namespace mtplx::kernels {

namespace mx = mlx::core;

// Cache lines of descriptions that a step reads and that the weights which stream through have driven out since the
// last one. Asked for together they come in about the time of one; a kernel call would wait for each, one by one.
class ColdLines {
 public:
  void add(const void* begin, size_t bytes) {
    auto at = reinterpret_cast<uintptr_t>(begin) / line * line;
    for (auto end = reinterpret_cast<uintptr_t>(begin) + bytes; at < end; at += line) {
      lines_.push_back(reinterpret_cast<const void*>(at));
    }
  }

  // What a kernel reads of an array, its values left out.
  void add(const mx::array& a) {
    add(reinterpret_cast<const void*>(a.id()), description_bytes);
    add(a.data_shared_ptr().get(), sizeof(mx::array::Data));
  }

  void fetch() const {
    for (const void* line : lines_) {
      __builtin_prefetch(line);
    }
  }

 private:
  static constexpr uintptr_t line = 64;
  // MLX does not show its type. What is too much is harmless, what is too little slower.
  static constexpr size_t description_bytes = 384;

  std::vector<const void*> lines_;
};

} // namespace mtplx::kernels
