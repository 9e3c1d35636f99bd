#include "kernels/common/slabs.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <map>
#include <mutex>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace mtplx::kernels {

namespace {

constexpr size_t huge_page = size_t{2} << 20; // also where a slab begins, so that a piece tells its slab
// A slab's end, in a small page: the lines before the data of pieces that would fill a huge page alone.
constexpr size_t overhang = size_t{4} << 10;

// A slab's free stretches by where they begin; no two touch. Sizes share a slab, so that of all sizes one slab is
// partly empty and not one of each.
class Slab {
 public:
  size_t free_bytes() const { return free_bytes_; }
  bool empty() const { return free_bytes_ == huge_page + overhang; }

  bool has_room(size_t bytes) const { return room(bytes) != free_.end(); }

  // Where `bytes`, which there is room for, begin.
  size_t take(size_t bytes) {
    auto [at, size] = *room(bytes);
    free_.erase(at);
    if (size > bytes) {
      free_.emplace(at + bytes, size - bytes);
    }
    free_bytes_ -= bytes;
    return at;
  }

  void give(size_t at, size_t bytes) {
    free_bytes_ += bytes;
    auto next = free_.lower_bound(at);
    if (next != free_.end() && at + bytes == next->first) {
      bytes += next->second;
      next = free_.erase(next);
    }
    if (next != free_.begin()) {
      auto before = std::prev(next);
      if (before->first + before->second == at) {
        before->second += bytes;
        return;
      }
    }
    free_.emplace(at, bytes);
  }

 private:
  // The first stretch that fits, and a piece begins in the huge page.
  std::map<size_t, size_t>::const_iterator room(size_t bytes) const {
    auto fits = std::find_if(free_.begin(), free_.end(), [&](const auto& s) { return s.second >= bytes; });
    return fits != free_.end() && fits->first < huge_page ? fits : free_.end();
  }

  std::map<size_t, size_t> free_{{0, huge_page + overhang}};
  size_t free_bytes_ = huge_page + overhang;
};

struct Slabs {
  std::mutex mutex;
  std::map<uintptr_t, Slab> by_address;
};

// Never destroyed: arrays may be dropped while the process exits.
Slabs& slabs() {
  static Slabs* instance = new Slabs;
  return *instance;
}

auto new_slab(Slabs& all) {
  // A multiple of the alignment, as aligned_alloc wants it; a page that nobody writes takes no memory.
  void* memory = std::aligned_alloc(huge_page, 2 * huge_page);
  if (!memory) {
    throw std::bad_alloc();
  }
#if defined(MADV_HUGEPAGE)
  madvise(memory, huge_page, MADV_HUGEPAGE); // without it the pages stay small: slower, not wrong
#endif
  return all.by_address.emplace(reinterpret_cast<uintptr_t>(memory), Slab{}).first;
}

} // namespace

void* take_piece(size_t bytes) {
  Slabs& all = slabs();
  std::lock_guard lock(all.mutex);
  auto slab = all.by_address.end();
  for (auto it = all.by_address.begin(); it != all.by_address.end(); ++it) {
    // The fullest: others may then become empty and go.
    if (it->second.free_bytes() >= bytes && it->second.has_room(bytes) &&
        (slab == all.by_address.end() || it->second.free_bytes() < slab->second.free_bytes())) {
      slab = it;
    }
  }
  if (slab == all.by_address.end()) {
    slab = new_slab(all);
  }
  return reinterpret_cast<void*>(slab->first + slab->second.take(bytes));
}

void give_piece(void* piece, size_t bytes) {
  Slabs& all = slabs();
  std::lock_guard lock(all.mutex);
  auto at = reinterpret_cast<uintptr_t>(piece);
  uintptr_t address = at / huge_page * huge_page;
  Slab& slab = all.by_address.at(address);
  slab.give(at - address, bytes);
  if (!slab.empty()) {
    return;
  }
  // An empty slab goes when another one has room for as much: the next piece must not cost new pages.
  for (const auto& [other_address, other] : all.by_address) {
    if (other_address != address && other.has_room(bytes)) {
      all.by_address.erase(address);
      std::free(reinterpret_cast<void*>(address));
      return;
    }
  }
}

size_t slab_bytes() {
  Slabs& all = slabs();
  std::lock_guard lock(all.mutex);
  return all.by_address.size() * huge_page;
}

} // namespace mtplx::kernels
