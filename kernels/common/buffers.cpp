#include "kernels/common/buffers.h"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <new>
#include <stdexcept>

#include "mlx/allocator.h"

namespace mtplx::kernels {

namespace {

constexpr size_t line = 64;
// Waiting buffers hold at most this much; the longest unused goes first.
constexpr size_t most_waiting = size_t{16} << 20;

class Buffers {
 public:
  void* take(size_t bytes) {
    {
      std::lock_guard lock(mutex_);
      // The last one freed is the warmest.
      for (auto it = waiting_.rbegin(); it != waiting_.rend(); ++it) {
        if (it->bytes == bytes) {
          void* memory = it->memory;
          waiting_.erase(std::next(it).base());
          waiting_bytes_ -= bytes;
          return memory;
        }
      }
    }
    void* memory = std::aligned_alloc(line, bytes);
    if (!memory) {
      throw std::bad_alloc();
    }
    return memory;
  }

  void give(void* memory, size_t bytes) {
    std::lock_guard lock(mutex_);
    waiting_.push_back({memory, bytes});
    waiting_bytes_ += bytes;
    while (waiting_bytes_ > most_waiting) {
      std::free(waiting_.front().memory);
      waiting_bytes_ -= waiting_.front().bytes;
      waiting_.pop_front();
    }
  }

 private:
  struct Waiting {
    void* memory;
    size_t bytes;
  };
  std::mutex mutex_; // arrays may be dropped on another thread than the engine's
  std::deque<Waiting> waiting_;
  size_t waiting_bytes_ = 0;
};

// Never destroyed: arrays may be dropped while the process exits.
Buffers& buffers() {
  static Buffers* instance = new Buffers;
  return *instance;
}

} // namespace

mx::array fresh(mx::Shape shape, mx::Dtype dtype) {
  size_t elements = 1;
  for (int n : shape) {
    elements *= static_cast<size_t>(n);
  }
  size_t bytes = line + std::max(line, (elements * mx::size_of(dtype) + line - 1) / line * line);
  auto* memory = static_cast<uint8_t*>(buffers().take(bytes));
  // MLX's constructor from a pointer copies on the CPU, and its allocator keeps the size in front of the data and so
  // off the line: we do the same one line earlier.
  auto* data = reinterpret_cast<size_t*>(memory + line);
  data[-1] = bytes - line;
  mx::allocator::Buffer buffer(data - 1);
  if (buffer.raw_ptr() != data) {
    buffers().give(memory, bytes);
    throw std::logic_error("[fresh] This build of MLX lays out its buffers in another way.");
  }
  auto back = [memory, bytes](mx::allocator::Buffer) { buffers().give(memory, bytes); };
  return mx::array(mx::allocator::Data(buffer, back), std::move(shape), dtype);
}

} // namespace mtplx::kernels
