#include "kernels/common/slabs.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

using namespace mtplx::kernels;

namespace {

// Takes pieces until none of `bytes` fits in a slab that there is.
std::vector<void*> fill_up(size_t bytes) {
  std::vector<void*> pieces;
  for (size_t before = slab_bytes(); slab_bytes() == before;) {
    pieces.push_back(take_piece(bytes));
  }
  give_piece(pieces.back(), bytes);
  pieces.pop_back();
  return pieces;
}

void give_all(const std::vector<void*>& pieces, size_t bytes) {
  for (void* p : pieces) {
    give_piece(p, bytes);
  }
}

} // namespace

TEST_CASE("slabs: pieces lie apart, at cache lines, and hold their bytes") {
  std::vector<uint8_t*> pieces;
  for (int i = 0; i < 100; ++i) {
    size_t bytes = i % 2 ? 65600 : 262208;
    pieces.push_back(static_cast<uint8_t*>(take_piece(bytes)));
    CHECK(reinterpret_cast<uintptr_t>(pieces.back()) % 64 == 0);
    std::memset(pieces.back(), i, bytes);
  }
  for (int i = 0; i < 100; ++i) {
    size_t bytes = i % 2 ? 65600 : 262208;
    CHECK(pieces[i][0] == i);
    CHECK(pieces[i][bytes - 1] == i);
  }
  for (int i = 0; i < 100; ++i) {
    give_piece(pieces[i], i % 2 ? 65600 : 262208);
  }
}

TEST_CASE("slabs: pieces that lack a line to fill a huge page fill a slab") {
  constexpr size_t bytes = 174784; // 12 are 256 bytes longer than a huge page
  auto others = fill_up(64);
  size_t before = slab_bytes();
  std::vector<void*> pieces;
  for (int i = 0; i < 12; ++i) {
    pieces.push_back(take_piece(bytes));
    std::memset(pieces.back(), i, bytes);
  }
  CHECK(slab_bytes() == before);
  for (int i = 0; i < 12; ++i) {
    CHECK(static_cast<uint8_t*>(pieces[i])[0] == i);
    CHECK(static_cast<uint8_t*>(pieces[i])[bytes - 1] == i);
  }
  give_all(pieces, bytes);
  give_all(others, 64);
}

TEST_CASE("slabs: two sizes share a slab, and its stretches grow together again") {
  auto others = fill_up(64);
  size_t before = slab_bytes();
  // Four states and 16 KV blocks of the embedded model, and a large piece where they were, in any order of giving.
  for (bool backwards : {false, true}) {
    std::vector<std::pair<void*, size_t>> pieces;
    for (int i = 0; i < 20; ++i) {
      size_t bytes = i % 5 == 0 ? 262208 : 65600;
      pieces.push_back({take_piece(bytes), bytes});
    }
    CHECK(slab_bytes() == before);
    if (backwards) {
      std::reverse(pieces.begin(), pieces.end());
    }
    for (int odd : {1, 0}) {
      for (size_t i = odd; i < pieces.size(); i += 2) {
        give_piece(pieces[i].first, pieces[i].second);
      }
    }
    void* large = take_piece(largest_piece);
    void* other = take_piece(largest_piece);
    CHECK(slab_bytes() == before);
    give_piece(large, largest_piece);
    give_piece(other, largest_piece);
  }
  give_all(others, 64);
}

TEST_CASE("slabs: the last of many small pieces finds its slab") {
  std::vector<void*> pieces;
  for (int i = 0; i < 70000; ++i) {
    pieces.push_back(take_piece(64));
  }
  for (void* p : pieces) {
    give_piece(p, 64);
  }
  CHECK(std::set<void*>(pieces.begin(), pieces.end()).size() == pieces.size());
}

TEST_CASE("slabs: memory comes back when the pieces do, but for one slab") {
  constexpr size_t bytes = 99968; // 21 pieces a slab
  auto others = fill_up(64);
  size_t before = slab_bytes();
  std::vector<void*> pieces;
  for (int i = 0; i < 210; ++i) {
    pieces.push_back(take_piece(bytes));
  }
  CHECK(slab_bytes() - before == 9 * (size_t{2} << 20));
  std::set<void*> known(pieces.begin(), pieces.end());
  CHECK(known.size() == 210);
  give_all(pieces, bytes);
  CHECK(slab_bytes() == before);
  void* again = take_piece(bytes);
  CHECK(known.count(again) == 1);
  give_piece(again, bytes);
  give_all(others, 64);
}
