#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/candidates/candidates.h"
#include "kernels/candidates/mlx_form.h"
#include "kernels/candidates/reference.h"
#include "kernels/common/testing/ops.h"

using namespace mtplx;
using namespace mtplx::kernels;
using testing::cpu_stream;
using testing::error_of;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

struct Row {
  std::vector<int> ids;
  std::vector<float> logits;
  double log_sum, log_sum_tempered;
};

std::vector<Row> cut(const mx::array& logits,
                     const std::vector<CandidateSpec>& specs,
                     const std::vector<RowEdits>& edits = {}) {
  CandidateOutput out = candidates(logits, specs, edits);
  mx::eval({out.ids, out.logits, out.log_sum});
  std::vector<Row> rows;
  int width = out.ids.shape(1);
  for (int r = 0; r < logits.shape(0); ++r) {
    const int32_t* ids = out.ids.data<int32_t>() + r * width;
    const float* values = out.logits.data<float>() + r * width;
    const double* sums = out.log_sum.data<double>() + 2 * r;
    int count = static_cast<int>(std::find(ids, ids + width, -1) - ids);
    for (int i = count; i < width; ++i) {
      CHECK(ids[i] == -1);
      CHECK(values[i] == -inf);
    }
    rows.push_back({{ids, ids + count}, {values, values + count}, sums[0], sums[1]});
  }
  return rows;
}

Row cut_one(const std::vector<float>& row, const CandidateSpec& spec, const RowEdits& edits = {}) {
  return cut(mx::array(row.begin(), {1, static_cast<int>(row.size())}, mx::float32), {spec}, {edits})[0];
}

bool same(const Row& a, const Row& b) {
  return a.ids == b.ids && a.logits == b.logits && a.log_sum == b.log_sum && a.log_sum_tempered == b.log_sum_tempered;
}

} // namespace

TEST_CASE("candidates: ids, logits and log-sum-exp agree with the reference, with edits, masks, ties and NaN") {
  testing::Numbers numbers(4);
  double worst = 0.0;
  for (int round = 0; round < 400; ++round) {
    int vocab = 1 + round % 131;
    std::vector<float> row;
    for (int i = 0; i < vocab; ++i) {
      float x = std::round(numbers.normal(4.0f) * 2.0f) / 2.0f; // many ties
      row.push_back(i > 0 && numbers.uniform() > 0.9f ? -inf : i > 0 && numbers.uniform() > 0.9f ? NAN : x);
    }
    RowEdits edits;
    for (int i = 0; i < round % 5; ++i) {
      int id = static_cast<int>((numbers.uniform() + 1.0f) / 2.0f * static_cast<float>(vocab)) % vocab;
      edits.edits.push_back({id, numbers.uniform() + 1.5f, numbers.normal()});
    }
    if (round % 3 == 0) {
      edits.mask.assign((vocab + 31) / 32, 0u);
      for (int i = 0; i < vocab; ++i) {
        edits.mask[i / 32] |= static_cast<uint32_t>(i == 0 || numbers.uniform() > -0.5f) << (i % 32);
      }
    }
    CandidateSpec spec{round % 6 == 0 ? 0.0 : 0.25 * (round % 6), round % 2 ? vocab : 1 + round % vocab};
    Row found = cut_one(row, spec, edits);
    CandidateReference expected = candidates_reference(row, spec, edits);
    REQUIRE(found.ids.size() == expected.best.size());
    for (size_t i = 0; i < expected.best.size(); ++i) {
      REQUIRE(found.ids[i] == expected.best[i].first);
      REQUIRE(found.logits[i] == expected.best[i].second);
    }
    worst = std::max(
        {worst, std::abs(found.log_sum - expected.log_sum) / (1.0 + std::abs(expected.log_sum)),
         std::abs(found.log_sum_tempered - expected.log_sum_tempered) / (1.0 + std::abs(expected.log_sum_tempered))});
  }
  CHECK(worst < 1e-14);
}

TEST_CASE("candidates: equal logits come by rising id, at every count") {
  std::vector<float> row(200, 1.0f);
  for (int count : {1, 2, 16, 17, 50, 51, 199, 200}) {
    Row r = cut_one(row, {1.0, count});
    REQUIRE(static_cast<int>(r.ids.size()) == count);
    for (int i = 0; i < count; ++i) {
      REQUIRE(r.ids[i] == i);
    }
  }
  row[150] = 2.0f;
  row[199] = 2.0f;
  CHECK(cut_one(row, {1.0, 4}).ids == std::vector<int>{150, 199, 0, 1});
}

TEST_CASE("candidates: log-sum-exp over a large vocabulary and far from 0") {
  testing::Numbers numbers(9);
  for (float mean : {0.0f, 500.0f, -3000.0f}) {
    std::vector<float> row;
    for (int i = 0; i < 50001; ++i) {
      row.push_back(mean + numbers.normal(3.0f));
    }
    for (double temperature : {0.1, 0.6, 1.0, 2.0}) {
      Row found = cut_one(row, {temperature, 20});
      CandidateReference expected = candidates_reference(row, {temperature, 20}, {});
      CHECK(std::abs(found.log_sum - expected.log_sum) < 1e-13 * std::abs(expected.log_sum));
      CHECK(std::abs(found.log_sum_tempered - expected.log_sum_tempered) < 1e-13 * std::abs(expected.log_sum_tempered));
    }
  }
}

TEST_CASE("candidates: rows of several parts keep the order of ids and ties, at any count and number of threads") {
  testing::Numbers numbers(21);
  constexpr int vocab = 2 * 16384 + 3000; // the last part is short
  std::vector<float> row;
  for (int i = 0; i < vocab; ++i) {
    float x = std::round(numbers.normal(3.0f) * 8.0f) / 8.0f; // ties across the parts
    row.push_back(numbers.uniform() > 0.9f ? -inf : numbers.uniform() > 0.99f ? NAN : x);
  }
  // A part without any candidate.
  std::vector<float> holed = row;
  std::fill(holed.begin(), holed.begin() + 16384, NAN);
  for (const auto& x : {row, holed}) {
    for (int count : {1, 20, 1000, 16384, vocab}) {
      CAPTURE(count);
      CandidateReference expected = candidates_reference(x, {0.6, count}, {});
      std::vector<Row> first;
      testing::on_all_machines([&](Isa isa, int threads) {
        CAPTURE(isa_name(isa));
        CAPTURE(threads);
        Row found = cut_one(x, {0.6, count});
        if (first.empty()) {
          first.push_back(found);
          REQUIRE(found.ids.size() == expected.best.size());
          bool right = true;
          for (size_t i = 0; i < found.ids.size(); ++i) {
            right = right && found.ids[i] == expected.best[i].first && found.logits[i] == expected.best[i].second;
          }
          CHECK(right);
          CHECK(std::abs(found.log_sum - expected.log_sum) < 1e-13 * std::abs(expected.log_sum));
          CHECK(std::abs(found.log_sum_tempered - expected.log_sum_tempered) < 1e-13 * expected.log_sum_tempered);
        }
        CHECK(same(found, first[0]));
      });
    }
  }
}

TEST_CASE("candidates: edits run in order and before the mask") {
  std::vector<float> row = {1.0f, 2.0f, 3.0f};
  RowEdits edits{{{0, 2.0f, 1.0f}, {0, 1.0f, 3.0f}, {2, 1.0f, -inf}}, {}};
  Row r = cut_one(row, {1.0, 3}, edits);
  CHECK(r.ids == std::vector<int>{0, 1});
  CHECK(r.logits == std::vector<float>{6.0f, 2.0f});
  edits.mask = {0b110u};
  r = cut_one(row, {1.0, 3}, edits);
  CHECK(r.ids == std::vector<int>{1});
  CHECK(r.log_sum == doctest::Approx(2.0).epsilon(1e-15));
  mx::array all = edited(mx::array(row.begin(), {1, 3}, mx::float32), {edits});
  CHECK(testing::floats(all) == std::vector<float>{-inf, 2.0f, -inf});
}

TEST_CASE("candidates: a row's bits do not depend on neighbours (NaN rows too), threads or instruction set") {
  testing::Numbers numbers(6);
  constexpr int rows = 7, vocab = 1003;
  std::vector<float> values = testing::floats(numbers.array({rows, vocab}, 4.0f));
  std::vector<CandidateSpec> specs;
  for (int r = 0; r < rows; ++r) {
    specs.push_back({r == 2 ? 0.0 : 0.5 + 0.1 * r, r == 5 ? vocab : 1 + 10 * r});
  }
  std::vector<Row> first;
  testing::on_all_machines([&](Isa isa, int threads) {
    CAPTURE(isa_name(isa));
    CAPTURE(threads);
    std::vector<Row> all = cut(mx::array(values.begin(), {rows, vocab}, mx::float32), specs);
    if (first.empty()) {
      first = all;
    }
    std::vector<float> spoilt = values;
    for (int i = 1; i < vocab; ++i) {
      spoilt[3 * vocab + i] = NAN;
    }
    std::vector<Row> beside_nan = cut(mx::array(spoilt.begin(), {rows, vocab}, mx::float32), specs);
    for (int r = 0; r < rows; ++r) {
      CHECK(same(all[r], first[r]));
      CHECK(same(all[r], cut_one({values.begin() + r * vocab, values.begin() + (r + 1) * vocab}, specs[r])));
      if (r != 3) {
        CHECK(same(all[r], beside_nan[r]));
      }
    }
  });
}

TEST_CASE("candidates: wrong inputs") {
  std::vector<float> row = {1.0f, 2.0f};
  mx::array logits(row.begin(), {1, 2}, mx::float32);
  auto message = [&](const CandidateSpec& spec, const RowEdits& edits) {
    return error_of([&] { cut_one(row, spec, edits); });
  };
  CHECK(message({1.0, 0}, {}) == "[candidates] the count lies outside 1 .. V.");
  CHECK(message({1.0, 3}, {}) == "[candidates] the count lies outside 1 .. V.");
  for (double temperature : {-1.0, static_cast<double>(NAN), static_cast<double>(INFINITY), 1e-40}) {
    CHECK(message({temperature, 1}, {}) == "[candidates] the temperature must be 0 or lie in [1e-30, 1e30].");
  }
  CHECK(message({1.0, 1}, {{{2, 1.0f, 0.0f}}, {}}) == "[candidates] an edit's id is outside the vocabulary.");
  CHECK(message({1.0, 1}, {{{-1, 1.0f, 0.0f}}, {}}) == "[candidates] an edit's id is outside the vocabulary.");
  CHECK(message({1.0, 1}, {{}, {1u, 1u}}) == "[candidates] a mask has ceil(V / 32) words.");
  CHECK(message({1.0, 1}, {{}, {0u}}) == "[candidates] a mask allows no id.");
  CHECK(message({1.0, 1}, {{}, {4u}}) == "[candidates] a mask allows no id."); // a bit beyond the vocabulary
  CHECK(message({1.0, 1}, {{{0, 1.0f, inf}}, {}}) == "[candidates] the largest logit of a row is not finite.");
  CHECK(error_of([&] { candidates(logits, {}, {}); }) == "[candidates] one spec for each row is needed.");
  CHECK(error_of([&] {
          candidates(logits, {{1.0, 1}}, {{}, {}});
        }) == "[candidates] one RowEdits for each row is needed.");
  CHECK(error_of([&] { candidates(mx::array({1.0f}), {{1.0, 1}}, {}); }) == "[candidates] logits must be f32 [R, V].");
  CHECK(error_of([&] { edited(mx::array({1.0f}), {{}}); }) == "[candidates] logits must be f32 [R, V].");
  // A failed row leaves nothing behind.
  CHECK(message({1.0, 1}, {}).empty());
}

TEST_CASE("candidates: the stock form breaks ties by no rule and sums in f32") {
  testing::Numbers numbers(13);
  constexpr int vocab = 8192;
  mx::array logits = numbers.array({2, vocab}, 3.0f);
  auto stock = candidates_mlx(logits, 20, 0.7, cpu_stream());
  mx::eval({stock.ids, stock.logits, stock.log_sum});
  auto own = cut(logits, {{0.7, 20}, {0.7, 20}});
  double worst = 0.0;
  for (int r = 0; r < 2; ++r) {
    for (int i = 0; i < 20; ++i) {
      CHECK(stock.ids.data<int32_t>()[r * 20 + i] == own[r].ids[i]);
    }
    worst = std::max(worst, std::abs(stock.log_sum.data<float>()[2 * r + 1] - own[r].log_sum_tempered));
  }
  CHECK(worst < 1e-4);
  CHECK(worst > 1e-9); // f32: not the number that an exact acceptance needs
  mx::array equal = mx::zeros({1, vocab}, mx::float32);
  auto ties = candidates_mlx(equal, 20, 0.7, cpu_stream());
  mx::eval(ties.ids);
  std::vector<int> ids(ties.ids.data<int32_t>(), ties.ids.data<int32_t>() + 20);
  std::vector<int> lowest;
  for (int i = 0; i < 20; ++i) {
    lowest.push_back(i);
  }
  CHECK(ids != lowest);
}
