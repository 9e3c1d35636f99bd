#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "kernels/common/testing/lanes.h"
#include "kernels/common/testing/ops.h"

using namespace mtplx;
using namespace mtplx::kernels;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

using Lanes = std::vector<float>;

Lanes apply(LaneOp op, const Lanes& a, const Lanes& b, const Lanes& c) {
  Lanes out(16);
  MTPLX_SELECT_ISA(lanes)(op, a.data(), b.data(), c.data(), out.data());
  return out;
}

// Equal bits, or both NaN: the sign and payload of a NaN are nobody's result.
bool same_lanes(const Lanes& a, const Lanes& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    uint32_t x;
    uint32_t y;
    std::memcpy(&x, &a[i], 4);
    std::memcpy(&y, &b[i], 4);
    if (x != y && !(std::isnan(a[i]) && std::isnan(b[i]))) {
      return false;
    }
  }
  return true;
}

Lanes by_lane(const std::function<float(int)>& f) {
  Lanes out;
  for (int i = 0; i < 16; ++i) {
    out.push_back(f(i));
  }
  return out;
}

float tree(Lanes x, const std::function<float(float, float)>& join) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      x[i] = join(x[i], x[i + half]);
    }
  }
  return x[0];
}

float half_value(uint16_t h) {
  int exponent = h >> 10 & 31;
  float mantissa = static_cast<float>(h & 1023);
  float size = exponent == 31  ? (h & 1023 ? not_a_number : inf)
               : exponent == 0 ? std::ldexp(mantissa, -24)
                               : std::ldexp(1024.0f + mantissa, exponent - 25);
  return h & 0x8000 ? -size : size;
}

// Numbers of all sizes; now and then a zero, an infinity or a subnormal.
Lanes random_lanes(testing::Numbers& numbers, bool special) {
  return by_lane([&](int) {
    float x = numbers.normal() * std::ldexp(1.0f, static_cast<int>(numbers.uniform() * 30.0f));
    int kind = static_cast<int>((numbers.uniform() + 1.0f) * 20.0f);
    return !special    ? x
           : kind == 0 ? 0.0f
           : kind == 1 ? -0.0f
           : kind == 2 ? inf
           : kind == 3 ? -inf
           : kind == 4 ? x * 1e-40f
           : kind == 5 ? not_a_number
                       : x;
  });
}

} // namespace

TEST_CASE("simd: every operation is the scalar one of each lane") {
  testing::on_all_machines([](Isa isa, int threads) {
    if (threads > 1) {
      return;
    }
    CAPTURE(isa_name(isa));
    testing::Numbers numbers(5);
    for (int round = 0; round < 500; ++round) {
      Lanes a = random_lanes(numbers, round % 2);
      Lanes b = random_lanes(numbers, round % 2);
      Lanes c = random_lanes(numbers, round % 2);
      auto same = [&](LaneOp op, const std::function<float(int)>& f) {
        return same_lanes(apply(op, a, b, c), by_lane(f));
      };
      REQUIRE(same(LaneOp::add, [&](int i) { return a[i] + b[i]; }));
      REQUIRE(same(LaneOp::subtract, [&](int i) { return a[i] - b[i]; }));
      REQUIRE(same(LaneOp::multiply, [&](int i) { return a[i] * b[i]; }));
      REQUIRE(same(LaneOp::divide, [&](int i) { return a[i] / b[i]; }));
      REQUIRE(same(LaneOp::fma, [&](int i) { return std::fma(a[i], b[i], c[i]); }));
      // The second operand where they are equal or one is NaN.
      REQUIRE(same(LaneOp::max, [&](int i) { return a[i] > b[i] ? a[i] : b[i]; }));
      REQUIRE(same(LaneOp::round, [&](int i) { return std::nearbyint(a[i]); }));
      REQUIRE(same(LaneOp::largest_bits, [&](int i) {
        int32_t x;
        int32_t y;
        std::memcpy(&x, &a[i], 4);
        std::memcpy(&y, &b[i], 4);
        return x > y ? a[i] : b[i];
      }));
      REQUIRE(same(LaneOp::select_less, [&](int i) { return a[i] < b[0] ? b[i] : c[i]; }));
      REQUIRE(same(LaneOp::splat, [&](int) { return a[0]; }));
      REQUIRE(same(LaneOp::sum, [&](int) { return tree(a, [](float x, float y) { return x + y; }); }));
      if (round % 2 == 0) {
        REQUIRE(same(LaneOp::largest, [&](int) { return tree(a, [](float x, float y) { return x > y ? x : y; }); }));
      }
    }
    for (int n = -32512; n <= 32512; n += 127) { // halves to the even integer
      Lanes x = by_lane([&](int i) { return static_cast<float>(n) + static_cast<float>(i - 8) * 0.25f; });
      REQUIRE(apply(LaneOp::nearest, x, x, x) == by_lane([&](int i) { return std::nearbyint(x[i]); }));
    }
    for (int n = -126; n <= 127; ++n) {
      Lanes powers = apply(LaneOp::exp2_int, Lanes(16, static_cast<float>(n)), Lanes(16), Lanes(16));
      REQUIRE(same_lanes(powers, Lanes(16, std::ldexp(1.0f, n))));
    }
  });
}

TEST_CASE("simd: integer lanes and the conversions of all halves") {
  testing::on_all_machines([](Isa isa, int threads) {
    if (threads > 1) {
      return;
    }
    CAPTURE(isa_name(isa));
    std::vector<uint32_t> words(16);
    for (uint32_t i = 0; i < 16; ++i) {
      words[i] = 0x9e3779b9u * (i + 1);
    }
    Lanes out(16);
    for (int shift : {0, 4, 13, 28}) {
      for (uint32_t mask : {0xfu, 0xf0u, 0x1ffffu, 0x7fffffffu}) {
        MTPLX_SELECT_ISA(lanes_of_words)(words.data(), shift, mask, out.data());
        REQUIRE(same_lanes(out, by_lane([&](int i) { return static_cast<float>(words[i] >> shift & mask); })));
      }
    }
    for (uint32_t first = 0; first < 65536; first += 16) {
      std::vector<uint16_t> halves;
      for (uint32_t i = 0; i < 16; ++i) {
        halves.push_back(static_cast<uint16_t>(first + i));
      }
      MTPLX_SELECT_ISA(lanes_of_halves)(halves.data(), true, out.data());
      REQUIRE(same_lanes(out, by_lane([&](int i) {
                           uint32_t bits = static_cast<uint32_t>(halves[i]) << 16;
                           float f;
                           std::memcpy(&f, &bits, 4);
                           return f;
                         })));
      MTPLX_SELECT_ISA(lanes_of_halves)(halves.data(), false, out.data());
      REQUIRE(same_lanes(out, by_lane([&](int i) { return half_value(halves[i]); })));
    }
  });
}

TEST_CASE("fixed f32 exp, sigmoid and silu: accuracy, edges, and the same bits on every instruction set") {
  std::vector<Lanes> first;
  testing::on_all_machines([&](Isa isa, int threads) {
    if (threads > 1) {
      return;
    }
    CAPTURE(isa_name(isa));
    double worst = 0.0;
    std::vector<Lanes> results;
    for (int step = 0; step < 20000; ++step) {
      Lanes x = by_lane([&](int i) { return -87.25f + (step * 16.0f + static_cast<float>(i)) * (175.9f / 320000.0f); });
      Lanes y = apply(LaneOp::exp, x, x, x);
      for (int i = 0; i < 16; ++i) {
        double exact = std::exp(static_cast<double>(x[i]));
        float rounded = static_cast<float>(exact);
        worst = std::max(worst, std::abs(y[i] - exact) / (std::nextafter(rounded, inf) - static_cast<double>(rounded)));
      }
      if (step % 20 == 0) {
        results.push_back(y);
        results.push_back(apply(LaneOp::sigmoid, x, x, x));
        results.push_back(apply(LaneOp::silu, x, x, x));
      }
    }
    CHECK(worst < 1.5);
    Lanes edges = {0.0f,  -0.0f, -87.3f, -87.4f,       -1e30f, 88.6f,   88.7f, 88.8f,
                   1e30f, inf,   -inf,   not_a_number, 1e-30f, -1e-45f, 1.0f,  -1.0f};
    Lanes y = apply(LaneOp::exp, edges, edges, edges);
    CHECK(y[0] == 1.0f);
    CHECK(y[1] == 1.0f);
    CHECK(y[2] > 0.0f);
    CHECK(y[3] == 0.0f);
    CHECK(y[4] == 0.0f);
    CHECK(std::isfinite(y[5]));
    CHECK(y[7] == inf);
    CHECK(y[8] == inf);
    CHECK(y[9] == inf);
    CHECK(y[10] == 0.0f);
    CHECK(std::isnan(y[11]));
    CHECK(y[12] == 1.0f);
    Lanes s = apply(LaneOp::sigmoid, edges, edges, edges);
    CHECK(s[0] == 0.5f);
    CHECK(s[4] == 0.0f);
    CHECK(s[8] == 1.0f);
    CHECK(std::isnan(s[11]));
    results.push_back(y);
    results.push_back(s);
    if (first.empty()) {
      first = results;
    }
    bool equal = true;
    for (size_t i = 0; i < results.size(); ++i) {
      equal = equal && same_lanes(results[i], first[i]);
    }
    CHECK(equal);
  });
}

TEST_CASE("isa: names, forcing, refusals") {
  Isa before = active_isa();
  CHECK(isa_runs_here(Isa::scalar));
  CHECK(isa_runs_here(before));
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::neon}) {
    CHECK(parse_isa(isa_name(isa)) == isa);
    if (isa_runs_here(isa)) {
      force_isa(isa);
      CHECK(active_isa() == isa);
    } else {
      CHECK(testing::error_of([&] { force_isa(isa); }) ==
            std::string("[isa] ") + isa_name(isa) + " does not run on this CPU.");
    }
  }
  force_isa(before);
  CHECK(testing::error_of([] { parse_isa("sse9"); }) ==
        "[isa] Unknown instruction set 'sse9': use one of scalar, avx2, avxvnni, avx512, avx512vnni, amx, neon, "
        "neondot.");
}
