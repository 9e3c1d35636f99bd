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

TEST_CASE("slabs: memory comes back when the pieces do, but for one slab of a size") {
  constexpr size_t bytes = 99968; // of this test alone; 20 pieces a slab
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
