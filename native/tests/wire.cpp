#include "native/src/wire.h"

#include <doctest/doctest.h>

#include <cstring>

#include "native/src/errors.h"

using namespace mtplx::native;

namespace {

// sequence, keep, depth, commits, all rows, T, count, tokens, a Gumbel draft, a uniform draw, one row of edits.
const std::vector<double> one_entry = {1, 7, 2,   3, 1, 2, 0.5,  20,   1, 42, 3,  0.7, 0.95, 20, 5, 1,
                                       9, 2, 0.6, 1, 0, 2, 0.25, 0.75, 1, 1,  11, 0.5, -2,   2,  1, 4294967295};

std::string code_of(const std::vector<double>& numbers) {
  try {
    wire::read_batch(numbers);
  } catch (const EngineError& e) {
    return e.code();
  }
  return "";
}

} // namespace

TEST_CASE("a batch has every field in its place") {
  auto batch = wire::read_batch(one_entry);
  REQUIRE(batch.size() == 1);
  const CycleEntry& e = batch[0].entry;
  CHECK(batch[0].sequence == 7);
  CHECK(e.keep == 2);
  CHECK(e.depth == 3);
  CHECK(e.commits);
  CHECK(e.logits == LogitsRows::all);
  CHECK(e.candidates.temperature == 0.5);
  CHECK(e.candidates.count == 20);
  CHECK(e.tokens == std::vector<int32_t>{42});
  REQUIRE(e.draft);
  CHECK(e.draft->noise == mtplx::kernels::Noise::Kind::gumbel);
  CHECK(e.draft->filter.temperature == 0.7);
  CHECK(e.draft->filter.top_p == 0.95);
  CHECK(e.draft->filter.top_k == 20);
  CHECK(e.draft->seed == (uint64_t{1} << 32 | 5));
  CHECK(e.draft->choice == 9);
  REQUIRE(e.draw);
  CHECK(e.draw->noise == mtplx::kernels::Noise::Kind::uniform);
  CHECK(e.draw->uniforms == std::vector<double>{0.25, 0.75});
  REQUIRE(e.edits.size() == 1);
  REQUIRE(e.edits[0].edits.size() == 1);
  CHECK(e.edits[0].edits[0].id == 11);
  CHECK(e.edits[0].edits[0].multiply == 0.5f);
  CHECK(e.edits[0].edits[0].add == -2.0f);
  CHECK(e.edits[0].mask == std::vector<uint32_t>{1, 4294967295u});
}

TEST_CASE("a batch that is cut off anywhere, or goes on, is refused") {
  for (size_t n = 0; n < one_entry.size(); ++n) {
    CHECK(code_of({one_entry.begin(), one_entry.begin() + n}) == "MTPLX_E_ENGINE_USAGE");
  }
  auto longer = one_entry;
  longer.push_back(0);
  CHECK(code_of(longer) == "MTPLX_E_ENGINE_USAGE");
  CHECK(code_of(one_entry) == "");
}

TEST_CASE("numbers that are not whole, out of range or huge counts are refused") {
  for (double value : {0.5, 3e9, -3e9, std::nan(""), std::numeric_limits<double>::infinity()}) {
    auto changed = one_entry;
    changed[1] = value;
    CHECK(code_of(changed) == "MTPLX_E_ENGINE_USAGE");
  }
  CHECK(code_of({4294967295}) == "MTPLX_E_ENGINE_USAGE");
  CHECK(code_of({-1}) == "MTPLX_E_ENGINE_USAGE");
}

TEST_CASE("a result begins with its sizes and times") {
  CycleResult r;
  r.draft_tokens = {3, 4};
  r.draft_counts = {1, 2};
  r.draft_ids = {3, 4, 5};
  r.draft_probabilities = {1, 0.5, 0.5};
  r.rows.ids = {8};
  r.rows.logits = {2.5f};
  r.rows.log_sums = {1.25, 1.5};
  auto bytes = wire::write_result(r, {1, 2, 3, 4, 5});
  CHECK(bytes.size() == (10 + 3 + 2) * 8 + (2 + 2 + 3 + 1 + 1) * 4);
  double head[15];
  std::memcpy(head, bytes.data(), sizeof head);
  CHECK(std::vector<double>(head, head + 15) ==
        std::vector<double>{2, 3, 1, 2, 0, 1, 2, 3, 4, 5, 1, 0.5, 0.5, 1.25, 1.5});
  int32_t whole[8];
  std::memcpy(whole, bytes.data() + sizeof head, sizeof whole);
  CHECK(std::vector<int32_t>(whole, whole + 8) == std::vector<int32_t>{3, 4, 1, 2, 3, 4, 5, 8});
  float logit = 0;
  std::memcpy(&logit, bytes.data() + sizeof head + sizeof whole, sizeof logit);
  CHECK(logit == 2.5f);
}
