#include "kernels/common/slabs.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace mtplx::kernels {

namespace {

constexpr size_t huge_page = size_t{2} << 20; // also where a slab begins, so that a piece tells its slab
// A slab's end, in a small page: the lines before the data of pieces that would fill a huge page alone.
constexpr size_t overhang = size_t{4} << 10;

struct Slab {
  size_t piece;
  size_t pieces;
  std::vector<void*> free;
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

// As many as fit, and each begins in the huge page.
size_t pieces_of(size_t bytes) {
  return std::min((huge_page + overhang) / bytes, (huge_page + bytes - 1) / bytes);
}

Slab& new_slab(Slabs& all, size_t bytes) {
  Slab slab{bytes, pieces_of(bytes), {}};
  size_t size = std::max(huge_page, slab.pieces * bytes);
  // A multiple of the alignment, as aligned_alloc wants it; a page that nobody writes takes no memory.
  auto* memory = static_cast<uint8_t*>(std::aligned_alloc(huge_page, (size + huge_page - 1) / huge_page * huge_page));
  if (!memory) {
    throw std::bad_alloc();
  }
#if defined(MADV_HUGEPAGE)
  madvise(memory, huge_page, MADV_HUGEPAGE); // without it the pages stay small: slower, not wrong
#endif
  for (size_t i = slab.pieces; i > 0; --i) {
    slab.free.push_back(memory + (i - 1) * bytes);
  }
  return all.by_address.emplace(reinterpret_cast<uintptr_t>(memory), std::move(slab)).first->second;
}

} // namespace

void* take_piece(size_t bytes) {
  Slabs& all = slabs();
  std::lock_guard lock(all.mutex);
  Slab* slab = nullptr;
  for (auto& [address, other] : all.by_address) {
    // The fullest: others may then become empty and go.
    if (other.piece == bytes && !other.free.empty() && (!slab || other.free.size() < slab->free.size())) {
      slab = &other;
    }
  }
  if (!slab) {
    slab = &new_slab(all, bytes);
  }
  void* piece = slab->free.back();
  slab->free.pop_back();
  return piece;
}

void give_piece(void* piece) {
  Slabs& all = slabs();
  std::lock_guard lock(all.mutex);
  uintptr_t address = reinterpret_cast<uintptr_t>(piece) / huge_page * huge_page;
  Slab& slab = all.by_address.at(address);
  slab.free.push_back(piece);
  if (slab.free.size() < slab.pieces) {
    return;
  }
  // An empty slab goes when another one of its size has room: the next piece must not cost new pages.
  for (const auto& [other_address, other] : all.by_address) {
    if (other_address != address && other.piece == slab.piece && !other.free.empty()) {
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
