#include "kernels/linear/cpu/lines.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "kernels/linear/linear.h"

namespace mtplx::kernels {

TEST_CASE("lines of weights: zeros, aligned, one after the other, apart, and kept by their owner alone") {
  size_t sizes[] = {1, 64, 65, 5000, 3 << 20, 70 << 20, 100};
  std::vector<Lines> all;
  for (size_t bytes : sizes) {
    all.push_back(zeroed_lines(bytes));
    uint8_t* data = all.back().data;
    CHECK(reinterpret_cast<uintptr_t>(data) % 64 == 0);
    CHECK(std::all_of(data, data + bytes, [](uint8_t v) { return v == 0; }));
    std::fill(data, data + bytes, static_cast<uint8_t>(all.size()));
  }
  for (size_t i = 0; i < all.size(); ++i) {
    uint8_t value = static_cast<uint8_t>(i + 1);
    CHECK(std::all_of(all[i].data, all[i].data + sizes[i], [=](uint8_t v) { return v == value; }));
  }
  CHECK(all[1].data == all[0].data + 128);
  CHECK(all[2].data == all[1].data + 128);
  // The rest that goes back holds nothing of theirs, and is there again.
  give_back_unused_lines();
  for (size_t i = 0; i < all.size(); ++i) {
    uint8_t value = static_cast<uint8_t>(i + 1);
    CHECK(std::all_of(all[i].data, all[i].data + sizes[i], [=](uint8_t v) { return v == value; }));
  }
  Lines next = zeroed_lines(3 << 20);
  CHECK(std::all_of(next.data, next.data + (3 << 20), [](uint8_t v) { return v == 0; }));
  next = {};
  std::weak_ptr<void> owner = all[5].owner;
  CHECK(!owner.expired());
  all.clear();
  CHECK(owner.expired());
  // What was written before is zeros again.
  Lines again = zeroed_lines(5000);
  CHECK(std::all_of(again.data, again.data + 5000, [](uint8_t v) { return v == 0; }));
}

} // namespace mtplx::kernels
