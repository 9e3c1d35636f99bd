#include "kernels/common/buffers.h"

#include <cstdlib>
#include <deque>
#include <mutex>
#include <new>

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
  size_t bytes = std::max(line, (elements * mx::size_of(dtype) + line - 1) / line * line);
  void* memory = buffers().take(bytes);
  return mx::array(memory, std::move(shape), dtype, [bytes](void* p) { buffers().give(p, bytes); });
}

} // namespace mtplx::kernels
