#include "kernels/common/slabs.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <vector>

using namespace mtplx::kernels;

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
  for (uint8_t* p : pieces) {
    give_piece(p);
  }
}

TEST_CASE("slabs: pieces that lack a line to fill a huge page fill a slab") {
  constexpr size_t bytes = 174784; // of this test alone; 12 are 256 bytes longer than a huge page
  size_t before = slab_bytes();
  std::vector<uint8_t*> pieces;
  for (int i = 0; i < 12; ++i) {
    pieces.push_back(static_cast<uint8_t*>(take_piece(bytes)));
    std::memset(pieces.back(), i, bytes);
  }
  CHECK(slab_bytes() - before == size_t{2} << 20);
  for (int i = 0; i < 12; ++i) {
    CHECK(pieces[i][0] == i);
    CHECK(pieces[i][bytes - 1] == i);
    give_piece(pieces[i]);
  }
}

TEST_CASE("slabs: the last of many small pieces finds its slab") {
  std::vector<void*> pieces;
  for (int i = 0; i < 70000; ++i) {
    pieces.push_back(take_piece(64));
  }
  for (void* p : pieces) {
    give_piece(p);
  }
  CHECK(std::set<void*>(pieces.begin(), pieces.end()).size() == pieces.size());
}

TEST_CASE("slabs: memory comes back when the pieces do, but for one slab of a size") {
  constexpr size_t bytes = 99968; // of this test alone; 21 pieces a slab
  size_t before = slab_bytes();
  std::vector<void*> pieces;
  for (int i = 0; i < 200; ++i) {
    pieces.push_back(take_piece(bytes));
  }
  CHECK(slab_bytes() - before == 10 * (size_t{2} << 20));
  std::set<void*> known(pieces.begin(), pieces.end());
  CHECK(known.size() == 200);
  for (void* p : pieces) {
    give_piece(p);
  }
  CHECK(slab_bytes() - before == size_t{2} << 20);
  CHECK(known.count(take_piece(bytes)) == 1);
}
