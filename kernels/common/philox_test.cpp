#include "kernels/common/philox.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "kernels/common/testing/vectors.h"

using namespace mtplx;
using namespace mtplx::kernels;

TEST_CASE("Philox 4x32-10 gives the known answers of Random123") {
  auto vectors = testing::vectors_of("philox4x32-10");
  REQUIRE(vectors.size() == 3);
  for (const auto& v : vectors) {
    uint32_t counter[4];
    uint32_t key[2];
    for (int i = 0; i < 4; ++i) {
      counter[i] = static_cast<uint32_t>(v[i]);
    }
    for (int i = 0; i < 2; ++i) {
      key[i] = static_cast<uint32_t>(v[4 + i]);
    }
    Philox r = philox4x32(counter, key);
    for (int i = 0; i < 4; ++i) {
      CHECK(r.word[i] == v[6 + i]);
    }
  }
}

TEST_CASE("uniform numbers have the bits of the common vectors, all-zero and all-one words among them") {
  auto vectors = testing::vectors_of("uniform");
  REQUIRE(vectors.size() > 60);
  std::set<double> seen;
  for (const auto& v : vectors) {
    double u = philox_uniform(v[0], static_cast<uint32_t>(v[1]), static_cast<uint32_t>(v[2]),
                              static_cast<uint32_t>(v[3]), static_cast<uint32_t>(v[4]));
    uint64_t bits;
    std::memcpy(&bits, &u, sizeof bits);
    CHECK(bits == v[5]);
    seen.insert(u);
  }
  CHECK(seen.count(0x1p-54) == 1);
  CHECK(seen.count(1.0 - 0x1p-53) == 1);
}

TEST_CASE("uniform numbers lie inside (0, 1), have 53 bits and fill it evenly") {
  constexpr int draws = 20000;
  int cells[16] = {};
  int odd = 0;
  for (int i = 0; i < draws; ++i) {
    double u = philox_uniform(42, 0, static_cast<uint32_t>(i), purpose_gumbel, static_cast<uint32_t>(7 * i));
    REQUIRE(u > 0.0);
    REQUIRE(u < 1.0);
    double scaled = u * 0x1p53;
    REQUIRE(scaled == std::floor(scaled));
    odd += std::fmod(scaled, 2.0) == 1.0;
    cells[static_cast<int>(u * 16.0)] += 1;
  }
  double chi2 = 0.0;
  for (int c : cells) {
    double expected = draws / 16.0;
    chi2 += (c - expected) * (c - expected) / expected;
  }
  CHECK(chi2 < 37.7); // 15 degrees of freedom, p = 0.001
  CHECK(std::abs(odd - draws / 2) < 400);
}

TEST_CASE("every part of the key and counter changes the number") {
  double u = philox_uniform(1, 2, 3, 4, 5);
  CHECK(u != philox_uniform(0, 2, 3, 4, 5));
  CHECK(u != philox_uniform(1 | 1ULL << 32, 2, 3, 4, 5));
  CHECK(u != philox_uniform(1, 0, 3, 4, 5));
  CHECK(u != philox_uniform(1, 2, 0, 4, 5));
  CHECK(u != philox_uniform(1, 2, 3, 0, 5));
  CHECK(u != philox_uniform(1, 2, 3, 4, 0));
}
