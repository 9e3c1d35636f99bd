#include "native/src/sequence.h"

#include <doctest/doctest.h>

#include "native/src/cycle.h"
#include "native/src/drafting.h"
#include "native/src/errors.h"
#include "native/src/inspection.h"
#include "native/tests/tiny_model.h"

using namespace mtplx;
using namespace mtplx::native;
using testing::cpu_stream;

namespace {

const std::shared_ptr<Model>& model() {
  static const std::shared_ptr<Model> shared = testing::tiny_model();
  return shared;
}

const DrawRequest greedy = {{0.0, 1.0, 0}, kernels::Noise::Kind::none, {}, 0, 0};

CycleEntry entry(Sequence& q, int keep, std::vector<int32_t> tokens, int depth = 0) {
  return {&q,
          keep,
          std::move(tokens),
          depth,
          false,
          depth > 0 ? std::optional(greedy) : std::nullopt,
          LogitsRows::all,
          {1.0, 5},
          std::nullopt,
          {}};
}

CycleResult cycle(const std::vector<CycleEntry>& batch) {
  kernels::Timings timings;
  return run_cycle(batch, timings);
}

std::vector<int32_t> text(int count, int seed = 0) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < count; ++i) {
    tokens.push_back((7 * i + 11 * seed + i * i) % 64);
  }
  return tokens;
}

// A sequence that has consumed the tokens, in one pass.
Sequence after(const std::vector<int32_t>& tokens, bool mtp = true) {
  Sequence q = new_sequence(model(), mtp);
  cycle({entry(q, 0, tokens)});
  commit_now(q, static_cast<int>(tokens.size()));
  return q;
}

bool same_state(Sequence& a, Sequence& b) {
  SequenceState x = inspect(a);
  SequenceState y = inspect(b);
  bool same = x.length == y.length && x.mtp_length == y.mtp_length && x.tensors.size() == y.tensors.size();
  for (size_t i = 0; same && i < x.tensors.size(); ++i) {
    same = x.tensors[i].name == y.tensors[i].name && x.tensors[i].shape == y.tensors[i].shape &&
           testing::same_bits(x.tensors[i].data, y.tensors[i].data);
  }
  return same;
}

struct Failure {
  std::string code, message;
};

Failure failure_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const EngineError& e) {
    return {e.code(), e.what()};
  }
  return {};
}

} // namespace

TEST_CASE(
    "sequence: verify rows change nothing until a commit keeps them; every keep is the state that never saw more") {
  std::vector<int32_t> prompt = text(61);
  for (bool mtp : {true, false}) {
    Sequence q = after(prompt, mtp);
    Sequence untouched = after(prompt, mtp);
    std::vector<int32_t> rows = text(6, 1);
    for (int keep = 0; keep <= 6; ++keep) {
      CAPTURE(keep);
      Sequence tried = fork(q);
      cycle({entry(tried, 0, rows)});
      commit_now(tried, keep);
      std::vector<int32_t> kept = prompt;
      kept.insert(kept.end(), rows.begin(), rows.begin() + keep);
      Sequence expected = after(kept, mtp);
      CHECK(tried.tokens == kept);
      CHECK(same_state(tried, expected));
    }
    CHECK(same_state(q, untouched));
  }
}

TEST_CASE("sequence: drafting and any commit leave the state of plain decoding, MTP rows too") {
  std::vector<int32_t> prompt = text(20, 3);
  for (bool ahead : {false, true}) {
    for (int depth : {1, 3, 8}) {
      for (int keep = 1; keep <= depth + 1; ++keep) {
        CAPTURE(ahead);
        CAPTURE(depth);
        CAPTURE(keep);
        Sequence q = after(prompt);
        CycleResult r = cycle({entry(q, 0, {5}, depth)});
        REQUIRE(static_cast<int>(r.draft_tokens.size()) == depth);
        if (ahead) {
          make_mtp_rows_ahead(q);
        }
        commit_now(q, keep);
        CHECK(q.mtp.rows == (ahead ? q.length() - 1 : static_cast<int>(prompt.size())));
        std::vector<int32_t> kept = prompt;
        kept.push_back(5);
        kept.insert(kept.end(), r.draft_tokens.begin(), r.draft_tokens.begin() + keep - 1);
        Sequence expected = after(kept);
        CHECK(same_state(q, expected));
      }
    }
  }
}

TEST_CASE("sequence: MTP rows are made ahead of a decision where drafts wait for one, and may be never used") {
  Sequence q = after(text(20, 3));
  make_mtp_rows_ahead(q);
  CHECK_FALSE(q.pending);
  cycle({entry(q, 0, {5})});
  make_mtp_rows_ahead(q);
  CHECK_FALSE(q.pending->ahead);
  CycleResult first = cycle({entry(q, 0, {6}, 3)});
  make_mtp_rows_ahead(q);
  CHECK(q.pending->ahead->k.shape(0) == 3);
  // All rows of that cycle are dropped, then the same is drafted again.
  CycleResult again = cycle({entry(q, 0, {6}, 3)});
  CHECK(again.draft_tokens == first.draft_tokens);
  CHECK(again.draft_probabilities == first.draft_probabilities);
}

TEST_CASE("sequence: a prompt's chunk is kept whole or not at all") {
  std::vector<int32_t> prompt = text(40);
  for (int keep : {0, 40}) {
    Sequence q = new_sequence(model(), true);
    cycle({entry(q, 0, prompt)});
    CHECK(failure_of([&] { commit_now(q, 39); }).message ==
          "Cannot keep 39 of 40 rows: a chunk of more than 16 rows without drafts is kept whole or not at all.");
    commit_now(q, keep);
    cycle({entry(q, 0, text(9, 7))});
    commit_now(q, 9);
    std::vector<int32_t> kept(prompt.begin(), prompt.begin() + keep);
    std::vector<int32_t> rest = text(9, 7);
    kept.insert(kept.end(), rest.begin(), rest.end());
    Sequence one_by_one = new_sequence(model(), true);
    for (int32_t token : kept) {
      cycle({entry(one_by_one, 0, {token})});
      commit_now(one_by_one, 1);
    }
    CHECK(same_state(q, one_by_one));
  }
}

TEST_CASE("sequence: a chunk that commits is history at once, in place, and leaves forks alone") {
  std::vector<int32_t> prompt = text(150);
  std::vector<int32_t> chunk = text(40, 5);
  std::vector<int32_t> all = prompt;
  all.insert(all.end(), chunk.begin(), chunk.end());
  auto committing = [&](Sequence& q, int keep, const std::vector<int32_t>& tokens) {
    CycleEntry e = entry(q, keep, tokens);
    e.logits = LogitsRows::last;
    e.commits = true;
    return cycle({e});
  };
  for (bool mtp : {true, false}) {
    Sequence q = new_sequence(model(), mtp);
    committing(q, 0, prompt);
    CHECK(q.tokens == prompt);
    CHECK(failure_of([&] { commit_now(q, 1); }).message == "Cannot keep 1 rows: the last cycle left 0.");
    const float* state = q.gated_delta[0].recurrent.data<float>();
    Sequence held = fork(q);
    Sequence expected_held = after(prompt, mtp);
    CycleResult copied = committing(q, 0, chunk);
    CHECK(q.gated_delta[0].recurrent.data<float>() != state);
    CHECK(same_state(held, expected_held));
    Sequence expected = after(all, mtp);
    CHECK(same_state(q, expected));

    CycleResult in_place = committing(held, 0, chunk);
    CHECK(held.gated_delta[0].recurrent.data<float>() == state);
    CHECK(same_state(held, expected));
    CHECK(in_place.rows.logits == copied.rows.logits);
    // The logits row stays, its hidden row does not.
    CHECK(recut(held, {}, {1.0, 5}, std::nullopt).ids == in_place.rows.ids);
    CHECK(pending_rows(held, true).size() == 64);
    CHECK(failure_of([&] { pending_rows(held, false); }).code == "MTPLX_E_ENGINE_USAGE");

    // A few rows, which are owed.
    committing(held, 0, {7, 8});
    all.insert(all.end(), {7, 8});
    Sequence longer = after(all, mtp);
    CHECK(same_state(held, longer));
    all.resize(all.size() - 2);
  }
}

TEST_CASE("sequence: what a model's load freed goes back with its first cycle") {
  auto own = testing::tiny_model();
  Sequence q = new_sequence(own, true);
  CHECK_FALSE(*own->gave_back);
  cycle({entry(q, 0, text(40))});
  CHECK(*own->gave_back);
}

TEST_CASE(
    "sequence: MTP rows of a long prompt, which are keys and values alone, are those of drafting token by token") {
  std::vector<int32_t> prompt = text(200, 2);
  Sequence read = after(prompt);
  CHECK(read.mtp.rows == 199);
  Sequence drafted = after({prompt[0]});
  for (size_t i = 1; i < prompt.size(); ++i) {
    cycle({entry(drafted, i == 1 ? 0 : 1, {prompt[i]}, 1)});
  }
  commit_now(drafted, 1);
  CHECK(drafted.mtp.rows == 199);
  CHECK(same_state(read, drafted));
}

TEST_CASE("sequence: drafts after rows that waited are those of a state that was settled before") {
  Sequence q = after(text(60, 2));
  CHECK(q.mtp.rows == 0);
  Sequence settled = fork(q);
  settle_now(settled);
  CHECK(settled.mtp.rows == 59);
  CycleResult drafts = cycle({entry(q, 0, {3}, 3)});
  CycleResult expected = cycle({entry(settled, 0, {3}, 3)});
  CHECK(drafts.draft_tokens == expected.draft_tokens);
  CHECK(drafts.draft_probabilities == expected.draft_probabilities);
  commit_now(q, 2);
  commit_now(settled, 2);
  CHECK(same_state(q, settled));
}

TEST_CASE("sequence: forks that advance in turn equal lone runs") {
  std::vector<int32_t> prompt = text(63);
  Sequence a = after(prompt);
  Sequence b = fork(a);
  std::vector<int32_t> seen_a = prompt;
  std::vector<int32_t> seen_b = prompt;
  for (int i = 0; i < 5; ++i) {
    cycle({entry(a, a.pending ? 1 : 0, {i})});
    cycle({entry(b, b.pending ? 1 : 0, {40 + i})});
    seen_a.push_back(i);
    seen_b.push_back(40 + i);
  }
  commit_now(a, 1);
  commit_now(b, 1);
  Sequence lone_a = after(seen_a);
  Sequence lone_b = after(seen_b);
  CHECK(same_state(a, lone_a));
  CHECK(same_state(b, lone_b));
}

TEST_CASE("sequence: a ragged batch with drafts beside a prefill chunk gives each its lone results") {
  Sequence a = after(text(30));
  Sequence b = after(text(10, 2));
  Sequence lone_a = fork(a);
  Sequence lone_b = fork(b);
  CycleResult alone = cycle({entry(lone_a, 0, {9}, 3)});
  CycleResult beside = cycle({entry(b, 0, text(70, 4)), entry(a, 0, {9}, 3)});
  CHECK(beside.draft_tokens == alone.draft_tokens);
  CHECK(beside.draft_probabilities == alone.draft_probabilities);
  CHECK(testing::same_bits(pending_rows(a, true), pending_rows(lone_a, true)));
  cycle({entry(lone_b, 0, text(70, 4))});
  CHECK(testing::same_bits(pending_rows(b, false), pending_rows(lone_b, false)));
}

TEST_CASE("sequence: misuse is refused before anything has changed") {
  Sequence q = after(text(5));
  Sequence plain = after(text(5), false);
  Sequence fresh = new_sequence(model(), true);
  auto refused = [&](const std::vector<CycleEntry>& batch) {
    Failure f = failure_of([&] { cycle(batch); });
    CHECK(f.code == "MTPLX_E_ENGINE_USAGE");
    return f.message;
  };
  CHECK(refused({}) == "A cycle needs at least one entry.");
  CHECK(refused({entry(q, 1, {1})}) == "Cannot keep 1 rows: the last cycle left 0.");
  CHECK(refused({entry(q, -1, {1})}) == "Cannot keep -1 rows: the last cycle left 0.");
  CHECK(refused({entry(q, 0, {})}) == "A cycle entry needs at least one token.");
  CHECK(refused({entry(q, 0, {64})}) == "Token id 64 is outside the vocabulary of 64.");
  CHECK(refused({entry(q, 0, {-1})}) == "Token id -1 is outside the vocabulary of 64.");
  CHECK(refused({entry(q, 0, {1}, 9)}) == "Depth 9 is outside 0 .. 8.");
  CHECK(refused({entry(q, 0, {1}), entry(q, 0, {2})}) == "A sequence may stand in a cycle only once.");
  const std::string drafts = "Drafts need a sequence with an MTP head and some history, one token and a draft sampler.";
  CHECK(refused({entry(plain, 0, {1}, 1)}) == drafts);
  CHECK(refused({entry(fresh, 0, {1}, 1)}) == drafts);
  CHECK(refused({entry(q, 0, {1, 2}, 1)}) == drafts);
  CycleEntry unseen = entry(q, 0, {1}, 1);
  unseen.commits = true;
  CHECK(refused({unseen}) == "A cycle that commits its rows can have no drafts.");
  auto changed = [&](auto change, int depth = 0) {
    CycleEntry e = entry(q, 0, {1}, depth);
    change(e);
    return refused({e});
  };
  CHECK(changed([](CycleEntry& e) { e.candidates.temperature = -1.0; }).find("temperature") != std::string::npos);
  CHECK(changed([](CycleEntry& e) { e.candidates.count = 65; }).find("count") != std::string::npos);
  CHECK(changed([](CycleEntry& e) { e.draft->filter.top_p = 0.0; }, 1).find("top-p") != std::string::npos);
  CHECK(changed([](CycleEntry& e) { e.draft->filter.temperature = 1.0; }, 1).find("noise") != std::string::npos);
  CHECK(changed([](CycleEntry& e) { e.edits = {{{{64, 1.0f, 0.0f}}, {}}}; }).find("outside") != std::string::npos);
  CHECK(changed([](CycleEntry& e) { e.edits = {{{}, {0u, 0u}}}; }).find("allows no id") != std::string::npos);
  CHECK(changed([](CycleEntry& e) { e.edits = {{{}, {1u}}}; }).find("words") != std::string::npos);
  CHECK_FALSE(q.lost);
  Sequence expected = after(text(5));
  CHECK(same_state(q, expected));
  Failure f = failure_of([&] { commit_now(q, 1); });
  CHECK(f.code == "MTPLX_E_ENGINE_USAGE");
  CHECK_FALSE(q.lost);
}

TEST_CASE("sequence: a cycle that fails half-way loses its sequences, and only those") {
  Sequence q = after(text(5));
  Sequence other = fork(q);
  CycleEntry bad = entry(q, 0, {1});
  // Edits that leave no id show only when the row has been computed.
  bad.edits.resize(1);
  for (int32_t id = 0; id < 64; ++id) {
    bad.edits[0].edits.push_back({id, 1.0f, -INFINITY});
  }
  CHECK_THROWS(cycle({bad}));
  CHECK(q.lost);
  CHECK_FALSE(other.lost);
  for (const Failure& f : {failure_of([&] { cycle({entry(q, 0, {1})}); }), failure_of([&] { commit_now(q, 0); }),
                           failure_of([&] { inspect(q); })}) {
    CHECK(f.code == "MTPLX_E_SEQUENCE_LOST");
  }
  cycle({entry(other, 0, {1})});
  commit_now(other, 1);
  std::vector<int32_t> tokens = text(5);
  tokens.push_back(1);
  Sequence expected = after(tokens);
  CHECK(same_state(other, expected));
}

TEST_CASE("sequence: recut edits the kept rows as often as wished, and not after a commit") {
  Sequence q = after(text(5));
  CycleResult r = cycle({entry(q, 0, {1, 2})});
  std::vector<kernels::RowEdits> ban(2);
  ban[0].edits.push_back({r.rows.ids[0], 1.0f, -INFINITY});
  RowResults cut = recut(q, ban, {1.0, 5}, std::nullopt);
  CHECK(cut.ids[0] == r.rows.ids[1]);
  CHECK(cut.ids[5] == r.rows.ids[5]);
  RowResults again = recut(q, {}, {1.0, 5}, std::nullopt);
  CHECK(again.ids == r.rows.ids);
  CHECK(again.log_sums == r.rows.log_sums);
  CHECK(failure_of([&] { recut(q, {{}}, {1.0, 5}, std::nullopt); }).code == "MTPLX_E_ENGINE_USAGE");
  CHECK(failure_of([&] { recut(q, {}, {1.0, 65}, std::nullopt); }).code == "MTPLX_E_ENGINE_USAGE");
  commit_now(q, 2);
  CHECK(failure_of([&] { recut(q, {}, {1.0, 5}, std::nullopt); }).code == "MTPLX_E_ENGINE_USAGE");
}

TEST_CASE("sequence: no MTP sequence of a model without the head") {
  testing::Tensors tensors = testing::tiny_tensors();
  std::erase_if(tensors, [](const auto& item) { return item.first.rfind("mtp.", 0) == 0; });
  testing::Folder folder;
  LoadRequest request = testing::write_model(folder, tensors);
  request.spec.mtp = false;
  auto bare = load_model(request, [] {});
  CHECK(failure_of([&] { new_sequence(bare, true); }).code == "MTPLX_E_NO_MTP");
  CHECK(new_sequence(bare, false).length() == 0);
}
