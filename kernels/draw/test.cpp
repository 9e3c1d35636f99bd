#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/common/fixed_math64.h"
#include "kernels/common/philox.h"
#include "kernels/common/testing/ops.h"
#include "kernels/draw/draw.h"
#include "kernels/draw/mlx_form.h"
#include "kernels/draw/reference.h"

using namespace mtplx;
using namespace mtplx::kernels;
using testing::cpu_stream;
using testing::error_of;
using testing::floats;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

mx::array logits_of(const std::vector<float>& row) {
  return mx::array(row.begin(), {1, static_cast<int>(row.size())}, mx::float32);
}

struct Drawn {
  int token;
  std::vector<int> ids;
  std::vector<double> p;
};

std::vector<Drawn> draw_rows(const mx::array& logits, const std::vector<DrawSpec>& specs) {
  DrawOutput out = draw(logits, specs);
  mx::eval({out.token, out.support, out.probability, out.count});
  std::vector<Drawn> rows;
  int width = out.support.shape(1);
  for (int r = 0; r < logits.shape(0); ++r) {
    int count = out.count.data<int32_t>()[r];
    const int32_t* ids = out.support.data<int32_t>() + r * width;
    const double* p = out.probability.data<double>() + r * width;
    rows.push_back({out.token.data<int32_t>()[r], {ids, ids + count}, {p, p + count}});
    for (int i = count; i < width; ++i) {
      CHECK(ids[i] == -1);
      CHECK(p[i] == 0.0);
    }
  }
  return rows;
}

Drawn draw_one(const std::vector<float>& row, const Filter& filter, const Noise& noise) {
  return draw_rows(logits_of(row), {{filter, noise}})[0];
}

Noise at(double uniform) {
  return {Noise::Kind::uniform, uniform, 0, 0, 0};
}

Noise gumbel(uint64_t seed, uint32_t position) {
  return {Noise::Kind::gumbel, 0.0, seed, 0, position};
}

const Noise none = {Noise::Kind::none, 0.0, 0, 0, 0};

// Logits whose softmax at T = 1 is p.
std::vector<float> logs(const std::vector<double>& p) {
  std::vector<float> out;
  for (double v : p) {
    out.push_back(static_cast<float>(std::log(v)));
  }
  return out;
}

} // namespace

TEST_CASE("draw: support and probabilities agree with the reference") {
  testing::Numbers numbers(11);
  double worst = 0.0;
  for (int round = 0; round < 300; ++round) {
    int vocab = 1 + round % 90;
    std::vector<float> row;
    for (int i = 0; i < vocab; ++i) {
      float x = std::round(numbers.normal(3.0f) * 4.0f) / 4.0f; // many ties
      row.push_back(i > 0 && numbers.uniform() > 0.9f ? -inf : i > 0 && numbers.uniform() > 0.95f ? NAN : x);
    }
    Filter filter{round % 7 == 0 ? 0.0 : 0.3 + 0.4 * (round % 5), round % 3 == 0 ? 1.0 : 0.5013 + 0.049 * (round % 10),
                  round % 4 == 0 ? 0 : round % 23 + 1};
    Drawn found = draw_one(row, filter, filter.temperature == 0.0 ? none : at(0.5));
    auto expected = draw_reference(row, filter);
    REQUIRE(found.ids.size() == expected.size());
    double sum = 0.0;
    for (size_t i = 0; i < expected.size(); ++i) {
      REQUIRE(found.ids[i] == expected[i].first);
      worst = std::max(worst, std::abs(found.p[i] - expected[i].second));
      sum += found.p[i];
    }
    REQUIRE(std::abs(sum - 1.0) < 1e-14);
  }
  CHECK(worst < 1e-14);
}

TEST_CASE("draw: top-p cuts the whole softmax, then top-k, then it renormalises") {
  // Top-k 2 first would renormalise to 4/7 and 3/7, and top-p 0.5 would keep one; the right order keeps two.
  std::vector<float> row = logs({0.4, 0.3, 0.2, 0.1});
  Drawn d = draw_one(row, {1.0, 0.5, 2}, at(0.5));
  CHECK(d.ids == std::vector<int>{0, 1});
  CHECK(d.p[0] == doctest::Approx(4.0 / 7.0).epsilon(1e-6));
  // Temperature before top-p: at T = 0.5 the masses are 16, 9, 4, 1 of 30.
  d = draw_one(row, {0.5, 0.6, 0}, at(0.5));
  CHECK(d.ids == std::vector<int>{0, 1});
  CHECK(d.p[0] == doctest::Approx(16.0 / 25.0).epsilon(1e-6));
  CHECK(draw_one(row, {1.0, 1.0, 3}, at(0.5)).ids == std::vector<int>{0, 1, 2});
  CHECK(draw_one(row, {1.0, 1.0, 0}, at(0.5)).ids == std::vector<int>{0, 1, 2, 3});
  CHECK(draw_one(row, {1.0, 1.0, 99}, at(0.5)).ids == std::vector<int>{0, 1, 2, 3});
  CHECK(draw_one(row, {1.0, 1e-9, 0}, at(0.999)).ids == std::vector<int>{0});
}

TEST_CASE("draw: ties at a cut go to the lower id") {
  std::vector<float> row = {0.0f, 1.0f, 1.0f, 1.0f, 0.5f, 1.0f};
  CHECK(draw_one(row, {1.0, 1.0, 2}, at(0.5)).ids == std::vector<int>{1, 2});
  CHECK(draw_one(row, {1.0, 0.3, 0}, at(0.5)).ids == std::vector<int>{1, 2});
  CHECK(draw_one(row, {0.0, 1.0, 0}, none).token == 1);
  // Many candidates are wanted of few: the other way through the selection.
  CHECK(draw_one(row, {1.0, 1.0, 5}, at(0.5)).ids == std::vector<int>{1, 2, 3, 5, 4});
}

TEST_CASE("draw: temperature 0 is the argmax, whatever the other filters") {
  Drawn d = draw_one({NAN, 3.0f, 7.0f, -inf, 7.0f}, {0.0, 0.1, 4}, none);
  CHECK(d.token == 2);
  CHECK(d.ids == std::vector<int>{2});
  CHECK(d.p == std::vector<double>{1.0});
}

TEST_CASE("draw: a uniform number picks the cell of the cumulative sum, its border belongs to the next") {
  std::vector<float> row = {0.0f, 0.0f, 0.0f, 0.0f};
  Filter filter{1.0, 1.0, 0};
  std::vector<double> p = draw_one(row, filter, at(0.5)).p;
  double border = p[0];
  CHECK(draw_one(row, filter, at(0x1p-54)).token == 0);
  CHECK(draw_one(row, filter, at(std::nextafter(border, 0.0))).token == 0);
  CHECK(draw_one(row, filter, at(border)).token == 1);
  border = p[0] + p[1];
  CHECK(draw_one(row, filter, at(std::nextafter(border, 0.0))).token == 1);
  CHECK(draw_one(row, filter, at(border)).token == 2);
  CHECK(draw_one(row, filter, at(1.0 - 0x1p-53)).token == 3);
  // Sums that end below the number fall to the last member, never outside the support.
  std::vector<float> uneven = {1.1f, 0.3f, -0.2f, -inf};
  CHECK(draw_one(uneven, {0.7, 0.95, 0}, at(1.0 - 0x1p-53)).token == 2);
}

TEST_CASE("draw: Gumbel noise gives the distribution (chi square) and is keyed by seed and position") {
  std::vector<double> p = {0.45, 0.25, 0.15, 0.1, 0.05};
  std::vector<float> row = logs(p);
  constexpr int draws = 20000;
  auto chi2 = [&](double temperature) {
    std::vector<int> counts(p.size());
    for (int begin = 0; begin < draws; begin += 500) {
      std::vector<float> many;
      std::vector<DrawSpec> specs;
      for (int i = 0; i < 500; ++i) {
        many.insert(many.end(), row.begin(), row.end());
        specs.push_back({{temperature, 1.0, 0}, gumbel(99, static_cast<uint32_t>(begin + i))});
      }
      for (const auto& d : draw_rows(mx::array(many.begin(), {500, 5}, mx::float32), specs)) {
        counts[d.token] += 1;
      }
    }
    double sum = 0.0;
    for (size_t i = 0; i < p.size(); ++i) {
      double expected = p[i] * draws;
      sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    return sum;
  };
  CHECK(chi2(1.0) < 18.5); // 4 degrees of freedom, p = 0.001
  CHECK(chi2(0.9) > 40.0); // the test sees a wrong temperature
}

TEST_CASE("draw: Gumbel noise belongs to the id, so that a cut of other ids changes no score") {
  testing::Numbers numbers(8);
  int moved = 0;
  for (uint32_t position = 0; position < 200; ++position) {
    std::vector<float> row;
    // Long rows too: most of their ids are refused without a score.
    for (int i = 0; i < (position % 2 == 0 ? 12 : 900); ++i) {
      row.push_back(numbers.normal() * (position % 3 == 0 ? 12.0f : 1.0f));
    }
    Drawn whole = draw_one(row, {1.0, 1.0, 0}, gumbel(5, position));
    // The score by its definition.
    int best = -1;
    double best_score = 0.0;
    for (size_t i = 0; i < whole.ids.size(); ++i) {
      double u = philox_uniform(5, 0, position, purpose_gumbel, static_cast<uint32_t>(whole.ids[i]));
      double score = fixed64::log(whole.p[i]) - fixed64::log(-fixed64::log(u));
      if (best < 0 || score > best_score) {
        best = whole.ids[i];
        best_score = score;
      }
    }
    REQUIRE(whole.token == best);
    Drawn cut = draw_one(row, {1.0, 1.0, 6}, gumbel(5, position));
    if (std::find(cut.ids.begin(), cut.ids.end(), whole.token) != cut.ids.end()) {
      REQUIRE(cut.token == whole.token);
    }
    moved += draw_one(row, {1.0, 1.0, 0}, gumbel(6, position)).token != whole.token;
  }
  CHECK(moved > 50);
}

TEST_CASE("draw: a row's result does not depend on its neighbours, threads or instruction set") {
  testing::Numbers numbers(2);
  constexpr int rows = 9, vocab = 777;
  mx::array logits = numbers.array({rows, vocab}, 3.0f);
  std::vector<DrawSpec> specs;
  for (int r = 0; r < rows; ++r) {
    specs.push_back({{r == 4 ? 0.0 : 0.7, 0.95, r % 3 == 0 ? 0 : 20},
                     r == 4  ? none
                     : r % 2 ? at(0.1 * r)
                             : gumbel(3, static_cast<uint32_t>(r))});
  }
  std::vector<Drawn> first;
  testing::on_all_machines([&](Isa isa, int threads) {
    CAPTURE(isa_name(isa));
    CAPTURE(threads);
    std::vector<Drawn> all = draw_rows(logits, specs);
    for (int r = 0; r < rows; ++r) {
      Drawn alone = draw_rows(testing::row_range(logits, r, 1), {specs[r]})[0];
      CHECK(alone.token == all[r].token);
      CHECK(alone.ids == all[r].ids);
      CHECK(alone.p == all[r].p);
    }
    if (first.empty()) {
      first = all;
    }
    for (int r = 0; r < rows; ++r) {
      CHECK(all[r].token == first[r].token);
      CHECK(all[r].ids == first[r].ids);
      CHECK(all[r].p == first[r].p);
    }
  });
}

TEST_CASE("draw: wrong inputs") {
  std::vector<float> row = {1.0f, 2.0f};
  const char* filter = "[draw] A filter needs temperature 0 or in [1e-30, 1e30], top-p in (0, 1] and top-k >= 0.";
  CHECK(error_of([&] { draw_one(row, {-0.1, 1.0, 0}, at(0.5)); }) == filter);
  CHECK(error_of([&] { draw_one(row, {NAN, 1.0, 0}, at(0.5)); }) == filter);
  CHECK(error_of([&] { draw_one(row, {1e-40, 1.0, 0}, at(0.5)); }) == filter);
  CHECK(error_of([&] { draw_one(row, {INFINITY, 1.0, 0}, at(0.5)); }) == filter);
  CHECK(error_of([&] { draw_one(row, {1.0, 0.0, 0}, at(0.5)); }) == filter);
  CHECK(error_of([&] { draw_one(row, {1.0, 1.1, 0}, at(0.5)); }) == filter);
  CHECK(error_of([&] { draw_one(row, {1.0, NAN, 0}, at(0.5)); }) == filter);
  CHECK(error_of([&] { draw_one(row, {1.0, 1.0, -1}, at(0.5)); }) == filter);
  CHECK(error_of([&] { draw_one(row, {1.0, 1.0, 0}, none); }) == "[draw] A draw at a temperature above 0 needs noise.");
  CHECK(error_of([&] { draw_one(row, {1.0, 1.0, 0}, at(0.0)); }) == "[draw] A uniform number must lie in (0, 1).");
  CHECK(error_of([&] { draw_one(row, {1.0, 1.0, 0}, at(1.0)); }) == "[draw] A uniform number must lie in (0, 1).");
  const char* shape = "[draw] logits must be f32 [R, V] with one spec a row.";
  CHECK(error_of([&] { draw(logits_of(row), {}); }) == shape);
  CHECK(error_of([&] { draw(mx::array({1.0f, 2.0f}), {{{0.0, 1.0, 0}, none}}); }) == shape);
  CHECK(error_of([&] { draw(mx::array({1.0f, 2.0f}), {}); }) == shape);
  CHECK(error_of([&] {
          draw_one({NAN, -inf}, {1.0, 1.0, 0}, at(0.5));
        }) == "[draw] The largest logit of a row is not finite.");
  CHECK(error_of([&] {
          draw_one({inf, 0.0f}, {1.0, 1.0, 0}, at(0.5));
        }) == "[draw] The largest logit of a row is not finite.");
  // The failure stays with its call.
  CHECK(draw_one(row, {0.0, 1.0, 0}, none).token == 1);
}

TEST_CASE("draw: the stock form agrees away from borders; its f32 sums move a cell's border") {
  testing::Numbers numbers(21);
  constexpr int vocab = 5000;
  mx::array logits = numbers.array({4, vocab}, 2.0f);
  Filter filter{0.8, 0.9, 40};
  std::vector<float> u = {0.05f, 0.35f, 0.6f, 0.95f};
  DrawMlx stock = draw_mlx(logits, filter, mx::array(u.begin(), {4}, mx::float32), cpu_stream());
  mx::eval({stock.token, stock.support, stock.probability});
  std::vector<DrawSpec> specs;
  for (float v : u) {
    specs.push_back({filter, at(v)});
  }
  auto own = draw_rows(logits, specs);
  double worst = 0.0;
  for (int r = 0; r < 4; ++r) {
    CHECK(stock.token.data<int32_t>()[r] == own[r].token);
    for (size_t i = 0; i < own[r].ids.size(); ++i) {
      CHECK(stock.support.data<int32_t>()[r * vocab + i] == own[r].ids[i]);
      worst = std::max(worst, std::abs(stock.probability.data<float>()[r * vocab + i] - own[r].p[i]));
    }
  }
  CHECK(worst < 1e-6);
  CHECK(worst > 0.0); // not the float64 numbers that acceptance needs
}
