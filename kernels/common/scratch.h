#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace mtplx::kernels {

// Memory that a thread keeps between calls: it only grows, starts at a cache line and holds what the last user left.
class Scratch {
 public:
  float* floats(size_t count) {
    if (count > size_) {
      memory_.reset(new float[count + line]);
      size_ = count;
    }
    uintptr_t at = reinterpret_cast<uintptr_t>(memory_.get());
    return reinterpret_cast<float*>((at + 63) / 64 * 64);
  }

 private:
  static constexpr size_t line = 16; // floats
  std::unique_ptr<float[]> memory_;
  size_t size_ = 0;
};

// Gives out parts of a scratch one after the other, each from a cache line on.
class Parts {
 public:
  explicit Parts(float* memory) : at_(memory) {}
  static size_t padded(size_t floats) { return (floats + 15) / 16 * 16; }
  float* take(size_t floats) {
    float* part = at_;
    at_ += padded(floats);
    return part;
  }

 private:
  float* at_;
};

} // namespace mtplx::kernels
