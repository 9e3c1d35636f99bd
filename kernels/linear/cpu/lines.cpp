#include "kernels/linear/cpu/lines.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace mtplx::kernels {

namespace {

constexpr size_t line = 64;
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

} // namespace

Lines zeroed_lines(size_t bytes) {
  static std::mutex mutex;
  static std::weak_ptr<Region> last; // weak: the last weight frees its region
  size_t whole = line + rounded(bytes, line);
  std::lock_guard lock(mutex);
  std::shared_ptr<Region> region = last.lock();
  if (!region || region->size - region->used < whole) {
    region = std::make_shared<Region>(std::max(whole, region_bytes));
    last = region;
  }
  uint8_t* data = static_cast<uint8_t*>(region->memory) + region->used + line;
  region->used += whole;
  std::memset(data, 0, whole - line);
  return {data, region};
}

} // namespace mtplx::kernels
