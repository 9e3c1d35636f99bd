#include <doctest/doctest.h>

#include <cstdint>
#include <set>

#include "kernels/common/buffers.h"

using namespace mtplx::kernels;

namespace {

uintptr_t address(const mx::array& a) {
  return reinterpret_cast<uintptr_t>(a.data<void>());
}

} // namespace

TEST_CASE("buffers: an output starts at a cache line, holds its size and is there at once") {
  for (mx::Shape shape : {mx::Shape{1}, mx::Shape{3, 5}, mx::Shape{0}, mx::Shape{7, 1000}}) {
    mx::array a = fresh(shape, mx::float32);
    CHECK(address(a) % 64 == 0);
    CHECK(a.shape() == shape);
    CHECK(a.is_available());
    CHECK(a.flags().row_contiguous);
    std::fill_n(a.data<float>(), a.size(), 1.0f);
    mx::array sum = mx::sum(a, mx::Device::cpu);
    CHECK(sum.item<float>() == static_cast<float>(a.size()));
  }
}

TEST_CASE("buffers: freed memory serves the next output of its size, live memory serves nobody") {
  std::set<uintptr_t> live;
  std::vector<mx::array> arrays;
  for (int i = 0; i < 8; ++i) {
    arrays.push_back(fresh({1234}, mx::float32));
    live.insert(address(arrays.back()));
  }
  CHECK(live.size() == 8);
  uintptr_t freed = address(arrays.back());
  arrays.pop_back();
  mx::array other = fresh({4321}, mx::float32);
  CHECK(address(other) != freed);
  CHECK(address(fresh({1234}, mx::float32)) == freed);
  // A view keeps the memory.
  mx::array view = mx::slice(arrays[0], {0}, {10}, mx::Device::cpu);
  mx::eval(view);
  uintptr_t kept = address(arrays[0]);
  arrays.erase(arrays.begin());
  for (int i = 0; i < 20; ++i) {
    CHECK(address(fresh({1234}, mx::float32)) != kept);
  }
}

TEST_CASE("buffers: a few large outputs wait for the next of their size, the memory of many is given up") {
  for (int n : {100000, 800000}) {
    std::vector<mx::array> arrays;
    std::set<uintptr_t> live;
    for (int i = 0; i < 5; ++i) {
      arrays.push_back(fresh({n}, mx::float32));
      CHECK(address(arrays.back()) % 64 == 0);
      std::fill_n(arrays.back().data<float>(), n, static_cast<float>(i));
      live.insert(address(arrays.back()));
    }
    for (int i = 0; i < 5; ++i) {
      CHECK(arrays[i].data<float>()[0] == static_cast<float>(i));
      CHECK(arrays[i].data<float>()[n - 1] == static_cast<float>(i));
    }
    arrays.clear();
    if (n == 100000) {
      CHECK(live.count(address(fresh({n}, mx::float32))) == 1);
    }
  }
}

TEST_CASE("buffers: memory of a new size comes in place of what waits") {
  constexpr int large = 300000; // 1.2 MB
  for (int n : {0, 1, 2, 3}) {
    mx::array a = fresh({large + 100 * n}, mx::float32);
    // Nothing of as much waits beside it.
    CHECK(waiting_bytes() < size_t{1} << 20);
  }
  // A cycle's sizes wait beside each other.
  std::set<uintptr_t> seen;
  for (int round = 0; round < 3; ++round) {
    for (int rows : {1, 2, 3, 4}) {
      seen.insert(address(fresh({rows, 21556}, mx::float32)));
    }
  }
  CHECK(seen.size() == 4);
  CHECK(waiting_bytes() >= size_t{4} * 4 * 21556);
}

TEST_CASE("buffers: what an array was given away with comes back with it, whatever came in between") {
  mx::Shape shape = {3, 7};
  for (int i = 0; i < 300; ++i) {
    mx::array other = fresh({1 + i, 2}, mx::float32);
    mx::array a = fresh(shape, i % 2 ? mx::int32 : mx::float32);
    CHECK(a.shape() == shape);
    CHECK(a.dtype() == (i % 2 ? mx::int32 : mx::float32));
    CHECK(a.strides() == mx::Strides{7, 1});
    CHECK(address(a) % 64 == 0);
    CHECK(address(a) != address(other));
  }
  // More of one shape than are kept.
  std::set<uintptr_t> live;
  std::vector<mx::array> arrays;
  for (int i = 0; i < 200; ++i) {
    arrays.push_back(fresh(shape, mx::float32));
    live.insert(address(arrays.back()));
  }
  CHECK(live.size() == 200);
  // More bytes than are kept.
  arrays.clear();
  for (int i = 0; i < 300; ++i) {
    arrays.push_back(fresh({16000, 1 + i / 150}, mx::uint8));
    std::fill_n(arrays.back().data<uint8_t>(), arrays.back().size(), static_cast<uint8_t>(i));
  }
  for (int i = 0; i < 300; ++i) {
    CHECK(arrays[i].data<uint8_t>()[0] == static_cast<uint8_t>(i));
  }
}
