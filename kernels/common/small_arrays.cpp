#include "kernels/common/small_arrays.h"

#include <algorithm>
#include <vector>

#include "mlx/allocator.h"

namespace mtplx::kernels {

namespace {

constexpr size_t line = 64;
constexpr size_t shelves = 256; // a power of two
constexpr size_t most_arrays = 64;
constexpr size_t warm = 3; // arrays of a shape that a layer uses in turn
// Bytes of all arrays of a thread, in use or not.
constexpr size_t most_kept = size_t{8} << 20;

mx::array made(const mx::Shape& shape, mx::Dtype dtype) {
  mx::array a(shape, dtype, nullptr, {});
  // Memory of MLX's allocator: only of that does is_donatable() tell whether it is free.
  mx::allocator::Data data = mx::allocator::malloc(a.nbytes() + 2 * line);
  auto address = reinterpret_cast<uintptr_t>(data.buffer().raw_ptr());
  auto offset = static_cast<int64_t>((address + line - 1) / line * line - address);
  a.set_data(std::move(data), a.size(), a.strides(), {true, true, true}, offset);
  a.set_status(mx::array::Status::available);
  return a;
}

// Arrays of one shape and dtype.
struct Shelf {
  mx::Shape shape;
  mx::Dtype dtype = mx::float32;
  std::vector<mx::array> arrays;
  size_t last = 0; // the one given last

  // The last ones first, for they are warm; then those longest in use.
  const mx::array* unused() {
    size_t size = arrays.size();
    for (size_t i = 0; i < size; ++i) {
      size_t at = (i < warm ? last + size - i : last + 1 + i - warm) % size;
      if (arrays[at].is_donatable()) {
        last = at;
        return &arrays[at];
      }
    }
    return nullptr;
  }
};

class Shelves {
 public:
  mx::array take(const mx::Shape& shape, mx::Dtype dtype) {
    Shelf& shelf = shelves_[index(shape, dtype)];
    if (shelf.dtype != dtype || shelf.shape != shape) {
      drop(shelf);
      shelf.shape = shape;
      shelf.dtype = dtype;
    }
    if (const mx::array* a = shelf.unused()) {
      return *a;
    }
    mx::array a = made(shape, dtype);
    if (shelf.arrays.size() < most_arrays) {
      keep(shelf, a);
    }
    return a;
  }

 private:
  static size_t index(const mx::Shape& shape, mx::Dtype dtype) {
    size_t hash = static_cast<size_t>(dtype.val());
    for (int n : shape) {
      hash = hash * 0x9e3779b97f4a7c15 + static_cast<size_t>(n);
    }
    return (hash * 0x9e3779b97f4a7c15) >> 56;
  }

  void keep(Shelf& shelf, const mx::array& a) {
    if (bytes_ + a.nbytes() > most_kept) {
      // Shapes of texts and batches that are over.
      std::for_each(shelves_.begin(), shelves_.end(), [this](Shelf& s) { drop(s); });
    }
    shelf.last = shelf.arrays.size();
    shelf.arrays.push_back(a);
    bytes_ += a.nbytes();
  }

  void drop(Shelf& shelf) {
    for (const auto& a : shelf.arrays) {
      bytes_ -= a.nbytes();
    }
    shelf.arrays.clear();
    shelf.last = 0;
  }

  std::vector<Shelf> shelves_ = std::vector<Shelf>(shelves);
  size_t bytes_ = 0;
};

} // namespace

mx::array small_array(const mx::Shape& shape, mx::Dtype dtype) {
  // A thread's own: no lock.
  thread_local Shelves all;
  return all.take(shape, dtype);
}

} // namespace mtplx::kernels
