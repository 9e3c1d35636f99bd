#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace mtplx::kernels {

// Memory that a thread keeps between calls: it only grows, starts at a cache line and holds what the last user left.
class Scratch {
 public:
  static constexpr size_t line = 64; // bytes

  std::byte* bytes(size_t count) {
    if (count > size_) {
      memory_.reset(new std::byte[count + line]);
      size_ = count;
    }
    uintptr_t at = reinterpret_cast<uintptr_t>(memory_.get());
    return memory_.get() + ((at + line - 1) / line * line - at);
  }

 private:
  std::unique_ptr<std::byte[]> memory_;
  size_t size_ = 0;
};

// Gives out arrays of trivial types one after the other, each from a cache line on.
class Parts {
 public:
  explicit Parts(std::byte* memory) : at_(memory) {}

  template <class T = float>
  static constexpr size_t bytes(size_t count) {
    return (count * sizeof(T) + Scratch::line - 1) / Scratch::line * Scratch::line;
  }
  template <class T = float>
  T* take(size_t count) {
    T* part = reinterpret_cast<T*>(at_);
    at_ += bytes<T>(count);
    return part;
  }

 private:
  std::byte* at_;
};

} // namespace mtplx::kernels
