#include "kernels/linear/cpu/lines.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "kernels/linear/linear.h"

namespace mtplx::kernels {

namespace {

constexpr size_t line = 64;
constexpr size_t page = size_t{4} << 10;
constexpr size_t huge_page = size_t{2} << 20;
// Address space; a page not written yet takes no memory.
constexpr size_t region_bytes = size_t{64} << 20;

size_t rounded(size_t bytes, size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

struct Region {
  explicit Region(size_t bytes) : size(rounded(bytes, huge_page)), memory(std::aligned_alloc(huge_page, size)) {
    if (!memory) {
      throw std::bad_alloc();
    }
#if defined(MADV_HUGEPAGE)
    madvise(memory, size, MADV_HUGEPAGE); // without it the pages stay small: slower, not wrong
#endif
  }
  ~Region() {
    std::free(memory);
  }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  size_t size;
  void* memory;
  size_t used = 0;
};

// The region that is being filled. Weak: its last weight frees it.
struct Last {
  std::mutex mutex;
  std::weak_ptr<Region> region;
};

Last& last() {
  static Last instance;
  return instance;
}

} // namespace

Lines zeroed_lines(size_t bytes) {
  size_t whole = line + rounded(bytes, line);
  std::lock_guard lock(last().mutex);
  std::shared_ptr<Region> region = last().region.lock();
  if (!region || region->size - region->used < whole) {
    region = std::make_shared<Region>(std::max(whole, region_bytes));
    last().region = region;
  }
  uint8_t* data = static_cast<uint8_t*>(region->memory) + region->used + line;
  region->used += whole;
  std::memset(data, 0, whole - line);
  return {data, region};
}

void give_back_unused_lines() {
#if defined(__linux__)
  std::lock_guard lock(last().mutex);
  if (std::shared_ptr<Region> region = last().region.lock()) {
    size_t begin = rounded(region->used, page);
    madvise(static_cast<uint8_t*>(region->memory) + begin, rounded(begin, huge_page) - begin, MADV_DONTNEED);
  }
#endif
}

} // namespace mtplx::kernels
