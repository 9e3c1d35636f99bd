#include "kernels/common/buffers.h"

#include <sys/mman.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <new>
#include <stdexcept>

#include "kernels/common/slabs.h"
#include "kernels/common/small_arrays.h"
#include "mlx/allocator.h"

namespace mtplx::kernels {

namespace {

constexpr size_t line = 64;
// Waiting buffers hold at most this much; the longest unused goes first. 1 MB less takes 2 % of a prompt's time.
constexpr size_t most_waiting = size_t{3} << 20;
// A buffer of a size that none has takes the place of what waits, but for as much as keeps a cycle's sizes: a prompt's
// chunk of another length would stand beside what the last one left.
constexpr size_t most_beside_new = size_t{3} << 19;

// Mapped memory goes when it is freed; the allocator would keep the holes that a prompt leaves.
void* of_system(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::bad_alloc();
  }
  return memory;
}

void to_system(void* memory, size_t bytes) {
  munmap(memory, bytes);
}

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
      drop_oldest_above(most_beside_new - std::min(bytes, most_beside_new));
    }
    return of_system(bytes);
  }

  void give(void* memory, size_t bytes) {
    std::lock_guard lock(mutex_);
    waiting_.push_back({memory, bytes});
    waiting_bytes_ += bytes;
    drop_oldest_above(most_waiting);
  }

  size_t waiting_bytes() {
    std::lock_guard lock(mutex_);
    return waiting_bytes_;
  }

 private:
  struct Waiting {
    void* memory;
    size_t bytes;
  };

  void drop_oldest_above(size_t bytes) {
    while (waiting_bytes_ > bytes) {
      to_system(waiting_.front().memory, waiting_.front().bytes);
      waiting_bytes_ -= waiting_.front().bytes;
      waiting_.pop_front();
    }
  }

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

// As MLX's own allocator lays a buffer out: the size, then the data.
mx::allocator::Buffer buffer_at(void* data, size_t bytes) {
  size_t* size = static_cast<size_t*>(data) - 1;
  *size = bytes;
  mx::allocator::Buffer buffer(size);
  if (buffer.raw_ptr() != data) {
    throw std::logic_error("[buffers] This build of MLX lays out its buffers in another way.");
  }
  return buffer;
}

} // namespace

mx::array wrapped(void* data, mx::Shape shape, mx::Dtype dtype, std::function<void()> back) {
  mx::allocator::Buffer buffer = buffer_at(data, bytes_of(shape, dtype));
  return mx::array(mx::allocator::Data(buffer, [back = std::move(back)](mx::allocator::Buffer) { back(); }),
                   std::move(shape), dtype);
}

namespace {

// Stands in the line before the data, so that giving it back needs nothing else to be remembered.
struct Header {
  size_t bytes; // of header and data
  bool slab;
};

void* take(Header header) {
  void* memory = header.slab ? take_piece(header.bytes) : buffers().take(header.bytes);
  *static_cast<Header*>(memory) = header;
  return static_cast<uint8_t*>(memory) + line;
}

void give(void* data) {
  void* memory = static_cast<uint8_t*>(data) - line;
  Header header = *static_cast<Header*>(memory);
  header.slab ? give_piece(memory, header.bytes) : buffers().give(memory, header.bytes);
}

} // namespace

mx::array fresh(const mx::Shape& shape, mx::Dtype dtype, Life life) {
  size_t size = bytes_of(shape, dtype);
  if (life == Life::step && size <= largest_small) {
    return small_array(shape, dtype);
  }
  size_t bytes = line + std::max(line, (size + line - 1) / line * line);
  void* data = take({bytes, life == Life::state && bytes <= largest_piece});
  mx::allocator::Data owned(buffer_at(data, size), [](mx::allocator::Buffer b) { give(b.raw_ptr()); });
  return mx::array(std::move(owned), shape, dtype);
}

size_t waiting_bytes() {
  return buffers().waiting_bytes();
}

} // namespace mtplx::kernels
