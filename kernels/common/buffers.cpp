#include "kernels/common/buffers.h"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <new>
#include <stdexcept>

#include "kernels/common/slabs.h"
#include "mlx/allocator.h"

namespace mtplx::kernels {

namespace {

constexpr size_t line = 64;
// Waiting buffers hold at most this much; the longest unused goes first.
constexpr size_t most_waiting = size_t{8} << 20;

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

size_t bytes_of(const mx::Shape& shape, mx::Dtype dtype) {
  size_t bytes = mx::size_of(dtype);
  for (int n : shape) {
    bytes *= static_cast<size_t>(n);
  }
  return bytes;
}

} // namespace

mx::array wrapped(void* data, mx::Shape shape, mx::Dtype dtype, std::function<void()> back) {
  // As MLX's own allocator lays a buffer out: the size, then the data.
  size_t* size = static_cast<size_t*>(data) - 1;
  *size = bytes_of(shape, dtype);
  mx::allocator::Buffer buffer(size);
  if (buffer.raw_ptr() != data) {
    throw std::logic_error("[wrapped] This build of MLX lays out its buffers in another way.");
  }
  return mx::array(mx::allocator::Data(buffer, [back = std::move(back)](mx::allocator::Buffer) { back(); }),
                   std::move(shape), dtype);
}

mx::array fresh(mx::Shape shape, mx::Dtype dtype, Life life) {
  size_t bytes = line + std::max(line, (bytes_of(shape, dtype) + line - 1) / line * line);
  bool slab = life == Life::state && bytes <= largest_piece;
  auto* memory = static_cast<uint8_t*>(slab ? take_piece(bytes) : buffers().take(bytes));
  auto back = [memory, bytes, slab] { slab ? give_piece(memory) : buffers().give(memory, bytes); };
  try {
    return wrapped(memory + line, std::move(shape), dtype, back);
  } catch (...) {
    back();
    throw;
  }
}

} // namespace mtplx::kernels
