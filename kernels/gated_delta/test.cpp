#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "kernels/common/testing/ops.h"
#include "kernels/gated_delta/gated_delta.h"
#include "kernels/gated_delta/mlx_form.h"
#include "kernels/gated_delta/reference.h"

using namespace mtplx;
using namespace mtplx::kernels;
using testing::cpu_stream;
using testing::doubles;
using testing::error_of;
using testing::row_range;
using testing::same_bits;

namespace {

// Rows of one sequence with weights and a state to begin with.
struct Case {
  GatedDeltaSpec spec;
  GatedDeltaWeights weights;
  GatedDeltaState state;
  mx::array qkv, z, b, a;

  int channels() const { return 2 * spec.key_heads * spec.key_dim + spec.value_heads * spec.value_dim; }
};

Case make_case(const GatedDeltaSpec& spec, int rows, uint32_t seed, bool history = true) {
  testing::Numbers n(seed);
  int C = 2 * spec.key_heads * spec.key_dim + spec.value_heads * spec.value_dim;
  float on = history ? 1.0f : 0.0f;
  return {
      spec,
      {n.array({spec.conv_kernel, C}, 0.5f), n.array({spec.value_heads}, 0.5f), n.array({spec.value_heads}),
       n.array({spec.value_dim}, 0.2f, 1.0f)},
      {n.array({spec.value_heads, spec.key_dim, spec.value_dim}, 0.3f * on), n.array({spec.conv_kernel - 1, C}, on)},
      n.array({rows, C}),
      n.array({rows, spec.value_heads * spec.value_dim}),
      n.array({rows, spec.value_heads}),
      n.array({rows, spec.value_heads})};
}

GatedDeltaOutput run_rows(const Case& c, const GatedDeltaState& state, int begin, int count) {
  auto out = gated_delta(row_range(c.qkv, begin, count), row_range(c.z, begin, count), row_range(c.b, begin, count),
                         row_range(c.a, begin, count), c.weights, c.spec, {{0, count, state}});
  return out;
}

// The state after `keep` rows of a segment, nothing owed.
GatedDeltaState committed(const Case& c, const GatedDeltaOutput& out, int keep, size_t segment = 0) {
  auto next = gated_delta_commit(out.before[segment], out.tape, c.spec, out.tape.segments[segment].begin, keep);
  return gated_delta_settled(next, c.spec);
}

bool same_state(const GatedDeltaState& a, const GatedDeltaState& b) {
  return same_bits(a.recurrent, b.recurrent) && same_bits(a.conv, b.conv);
}

// The state after the first `count` rows, one row at a time: what a run that never saw the rest holds.
GatedDeltaState step_by_step(const Case& c, int count) {
  GatedDeltaState state = c.state;
  for (int i = 0; i < count; ++i) {
    state = committed(c, run_rows(c, state, i, 1), 1);
  }
  return state;
}

// Key heads, ratio of value heads, key dim, value dim, taps.
std::vector<GatedDeltaSpec> specs() {
  return {{1, 1, 16, 16, 4, 1e-6f},
          {2, 4, 32, 16, 3, 1e-6f},
          {2, 6, 16, 48, 2, 1e-5f},
          {1, 2, 64, 80, 4, 1e-6f},
          {2, 2, 128, 128, 4, 1e-6f}};
}

} // namespace

TEST_CASE("gated_delta: outputs and states agree with the float64 reference") {
  for (const auto& spec : specs()) {
    for (int rows : {1, 2, 17}) {
      CAPTURE(spec.key_dim);
      CAPTURE(rows);
      Case c = make_case(spec, rows, 1 + static_cast<uint32_t>(rows));
      GatedDeltaInput in{doubles(c.qkv),
                         doubles(c.z),
                         doubles(c.b),
                         doubles(c.a),
                         doubles(c.weights.conv),
                         doubles(c.weights.a_log),
                         doubles(c.weights.dt_bias),
                         doubles(c.weights.norm)};
      GatedDeltaStateReference reference{doubles(c.state.recurrent), doubles(c.state.conv)};
      std::vector<double> y = gated_delta_reference(in, spec, rows, reference);
      auto out = run_rows(c, c.state, 0, rows);
      auto state = committed(c, out, rows);
      CHECK(testing::distance(out.y, y) < 1e-5);
      CHECK(testing::distance(state.recurrent, reference.recurrent) < 1e-5);
      CHECK(testing::distance(state.conv, reference.conv) == 0.0);
    }
  }
}

TEST_CASE("gated_delta: at the start of a sequence, with large gates and near-zero keys") {
  Case c = make_case({2, 4, 32, 32, 4, 1e-6f}, 5, 3, false);
  GatedDeltaState zero = gated_delta_zero_state(c.spec);
  CHECK(same_state(zero, {mx::zeros_like(zero.recurrent), mx::zeros({3, c.channels()})}));
  c.a = mx::multiply(c.a, mx::array(60.0f));
  c.b = mx::multiply(c.b, mx::array(60.0f));
  c.qkv = mx::multiply(c.qkv, mx::array(1e-4f));
  mx::eval(c.a, c.b, c.qkv);
  GatedDeltaInput in{doubles(c.qkv),
                     doubles(c.z),
                     doubles(c.b),
                     doubles(c.a),
                     doubles(c.weights.conv),
                     doubles(c.weights.a_log),
                     doubles(c.weights.dt_bias),
                     doubles(c.weights.norm)};
  GatedDeltaStateReference reference{doubles(zero.recurrent), doubles(zero.conv)};
  std::vector<double> y = gated_delta_reference(in, c.spec, 5, reference);
  auto out = run_rows(c, zero, 0, 5);
  CHECK(testing::distance(out.y, y) < 1e-5);
  CHECK(testing::distance(committed(c, out, 5).recurrent, reference.recurrent) < 1e-6);
}

TEST_CASE("gated_delta: rows and states have the same bits in every chunking") {
  for (const auto& spec : specs()) {
    constexpr int rows = 17;
    Case c = make_case(spec, rows, 7);
    auto whole = run_rows(c, c.state, 0, rows);
    GatedDeltaState end = committed(c, whole, rows);
    for (int chunk : {1, 2, 3, 8, 16}) {
      CAPTURE(chunk);
      GatedDeltaState state = c.state;
      for (int at = 0; at < rows; at += chunk) {
        int count = std::min(chunk, rows - at);
        auto out = run_rows(c, state, at, count);
        REQUIRE(same_bits(out.y, row_range(whole.y, at, count)));
        state = committed(c, out, count);
      }
      REQUIRE(same_state(state, end));
    }
  }
}

TEST_CASE("gated_delta_commit: every keep gives the state of a run that never saw the rest") {
  for (const auto& spec : specs()) {
    // Rows that are owed, and rows after which the state is made.
    for (int rows : {9, 16, 17, 33}) {
      Case c = make_case(spec, rows, 5);
      auto out = run_rows(c, c.state, 0, rows);
      CHECK(out.tape.segments[0].recurrent.has_value() == (rows > most_owed_rows));
      GatedDeltaState previous = c.state;
      GatedDeltaState expected = c.state;
      for (int keep = 0; keep <= rows; ++keep) {
        CAPTURE(rows);
        CAPTURE(keep);
        if (keep > 0) {
          expected = committed(c, run_rows(c, expected, keep - 1, 1), 1);
        }
        GatedDeltaState state = committed(c, out, keep);
        REQUIRE(same_state(state, expected));
        if (keep > 0) {
          CHECK_FALSE(same_state(state, previous)); // each step moves the state
          CHECK_FALSE(same_bits(state.conv, previous.conv));
        }
        previous = state;
      }
      // A state that somebody else holds is left alone.
      CHECK(same_state(c.state, make_case(spec, rows, 5).state));
    }
  }
}

TEST_CASE("gated_delta: a commit of all rows of a long segment takes its last state, without a copy") {
  for (const auto& spec : specs()) {
    // Two sequences in one pass, of different lengths.
    constexpr int first = 5;
    constexpr int rows = 21;
    Case c = make_case(spec, first + rows, 40);
    Case other = make_case(spec, 1, 90);
    auto out = gated_delta(c.qkv, c.z, c.b, c.a, c.weights, spec, {{0, first, other.state}, {first, rows, c.state}});
    REQUIRE(out.tape.segments.size() == 2);
    CHECK_FALSE(out.tape.segments[0].recurrent);
    GatedDeltaState taken = committed(c, out, rows, 1);
    CHECK(taken.recurrent.data<float>() == out.tape.segments[1].recurrent->data<float>());
    GatedDeltaState expected = c.state;
    for (int i = 0; i < rows; ++i) {
      expected = committed(c, run_rows(c, expected, first + i, 1), 1);
    }
    CHECK(same_state(taken, expected));
  }
}

TEST_CASE("gated_delta: what is owed is applied in place, but never to a state that somebody else holds") {
  for (const auto& spec : specs()) {
    Case c = make_case(spec, 8, 33);
    auto forward = [&](GatedDeltaState state, int begin, int rows) {
      std::vector<GatedDeltaSegment> segments;
      segments.push_back({0, rows, std::move(state)});
      return gated_delta(row_range(c.qkv, begin, rows), row_range(c.z, begin, rows), row_range(c.b, begin, rows),
                         row_range(c.a, begin, rows), c.weights, spec, std::move(segments));
    };
    auto start = [&] {
      auto out = run_rows(c, c.state, 0, 3);
      GatedDeltaState state = gated_delta_commit(out.before[0], out.tape, spec, 0, 2);
      state.recurrent = mx::multiply(state.recurrent, mx::array(1.0f)); // memory of its own
      mx::eval(state.recurrent);
      return state;
    };
    GatedDeltaState expected = step_by_step(c, 2);
    GatedDeltaState alone = start();
    const float* memory = alone.recurrent.data<float>();
    auto out = forward(std::move(alone), 2, 4);
    CHECK(out.before[0].recurrent.data<float>() == memory);
    CHECK_FALSE(out.before[0].owed);
    CHECK(same_state(out.before[0], expected));

    GatedDeltaState held = start();
    GatedDeltaState fork = held;
    auto other = forward(std::move(held), 2, 4);
    CHECK(other.before[0].recurrent.data<float>() != fork.recurrent.data<float>());
    CHECK(same_bits(other.y, out.y));
    CHECK(same_state(gated_delta_settled(fork, spec), expected));
    CHECK(same_bits(forward(std::move(fork), 2, 4).y, out.y));
    // Nothing owed: nothing is written, whoever holds it.
    GatedDeltaState settled = out.before[0];
    CHECK(forward(settled, 2, 4).before[0].recurrent.data<float>() == settled.recurrent.data<float>());
    // A long segment makes a new state and leaves what is owed to who keeps none of it.
    auto longer = make_case(spec, 20, 33);
    GatedDeltaState owing = start();
    auto chunk = run_rows(longer, owing, 0, 20);
    CHECK(chunk.before[0].owed);
    CHECK(same_state(committed(longer, chunk, 0), expected));
  }
}

TEST_CASE("gated_delta: a segment that is kept makes its last state in place of the old one, but never of a held one") {
  Case c = make_case({2, 4, 32, 32, 4, 1e-6f}, 43, 11);
  // Three rows are owed when the long segment begins.
  auto first = run_rows(c, c.state, 0, 3);
  GatedDeltaState owing = gated_delta_commit(first.before[0], first.tape, c.spec, 0, 3);
  auto forward = [&](GatedDeltaState state, bool kept) {
    std::vector<GatedDeltaSegment> segments;
    segments.push_back({0, 40, std::move(state), kept});
    return gated_delta(row_range(c.qkv, 3, 40), row_range(c.z, 3, 40), row_range(c.b, 3, 40), row_range(c.a, 3, 40),
                       c.weights, c.spec, std::move(segments));
  };
  auto wanted = forward(owing, false);
  GatedDeltaState after = committed(c, wanted, 40);

  auto beside_holder = forward(owing, true);
  CHECK(same_bits(beside_holder.y, wanted.y));
  CHECK(same_state(committed(c, beside_holder, 40), after));
  CHECK(same_state(gated_delta_settled(owing, c.spec), step_by_step(c, 3)));

  GatedDeltaState own = gated_delta_settled(owing, c.spec);
  own = {own.recurrent, owing.conv, std::nullopt};
  const float* memory = own.recurrent.data<float>();
  auto in_place = forward(std::move(own), true);
  CHECK(same_bits(in_place.y, wanted.y));
  GatedDeltaState last = gated_delta_commit(in_place.before[0], in_place.tape, c.spec, 0, 40);
  CHECK(last.recurrent.data<float>() == memory);
  CHECK(same_state(last, after));
  CHECK(same_state(last, step_by_step(c, 43)));
}

TEST_CASE("gated_delta: a ragged batch gives each sequence its lone bits, beside NaN too") {
  GatedDeltaSpec spec{2, 4, 32, 48, 4, 1e-6f};
  Case a = make_case(spec, 5, 1);
  Case b = make_case(spec, 8, 2);
  b.weights = a.weights;
  for (bool spoilt : {false, true}) {
    if (spoilt) {
      b.qkv = mx::full({8, b.channels()}, NAN, mx::float32);
      b.state.recurrent = mx::full(b.state.recurrent.shape(), NAN, mx::float32);
    }
    auto join = [](const mx::array& x, const mx::array& y) { return mx::contiguous(mx::concatenate({x, y}, 0)); };
    auto out = gated_delta(join(b.qkv, a.qkv), join(b.z, a.z), join(b.b, a.b), join(b.a, a.a), a.weights, spec,
                           {{0, 8, b.state}, {8, 5, a.state}});
    auto lone = run_rows(a, a.state, 0, 5);
    CHECK(same_bits(row_range(out.y, 8, 5), lone.y));
    for (int keep : {0, 1, 3, 5}) {
      CHECK(same_state(committed(a, out, keep, 1), committed(a, lone, keep)));
    }
    if (!spoilt) {
      CHECK(same_bits(row_range(out.y, 0, 8), run_rows(b, b.state, 0, 8).y));
    }
  }
}

TEST_CASE("gated_delta: the same bits with 1, 2 and 3 threads and on every instruction set") {
  for (const auto& spec : specs()) {
    Case c = make_case(spec, 4, 9);
    Case many = make_case(spec, 40, 9);
    std::vector<mx::array> first;
    testing::on_all_machines([&](Isa isa, int threads) {
      CAPTURE(isa_name(isa));
      CAPTURE(threads);
      auto out = run_rows(c, c.state, 0, 4);
      auto state = committed(c, out, 3);
      const GatedDeltaSteps& steps = *out.tape.steps;
      auto step_rows = [](const float* data, int width) { return mx::array(data, {4, width}, mx::float32); };
      auto longer = run_rows(many, state, 0, 40);
      std::vector<mx::array> now = {out.y,
                                    step_rows(steps.k, spec.key_heads * spec.key_dim),
                                    step_rows(steps.delta, spec.value_heads * spec.value_dim),
                                    step_rows(steps.decay, spec.value_heads),
                                    out.tape.segments[0].conv,
                                    state.recurrent,
                                    state.conv,
                                    longer.y,
                                    *longer.tape.segments[0].recurrent};
      if (first.empty()) {
        first = now;
      }
      for (size_t i = 0; i < now.size(); ++i) {
        CHECK(same_bits(now[i], first[i]));
      }
    });
  }
}

TEST_CASE("gated_delta: rows that are owed give the bits of rows that were applied, on every instruction set") {
  for (const auto& spec : specs()) {
    constexpr int rounds = 13;
    constexpr int rows = 4;
    Case c = make_case(spec, rounds + rows, 21);
    testing::on_all_machines([&](Isa isa, int threads) {
      CAPTURE(isa_name(isa));
      CAPTURE(threads);
      for (int keep : {1, 2, 3}) {
        CAPTURE(keep);
        GatedDeltaState state = c.state;
        // Every round computes four rows, after which `keep` of them are owed.
        for (int at = 0; at + keep <= rounds; at += keep) {
          auto out = run_rows(c, state, at, rows);
          CHECK(same_bits(out.y, run_rows(c, step_by_step(c, at), at, rows).y));
          state = gated_delta_commit(out.before[0], out.tape, spec, 0, keep);
          REQUIRE(state.owed);
          CHECK(state.owed->count == keep);
          CHECK(same_state(gated_delta_settled(state, spec), step_by_step(c, at + keep)));
        }
      }
    });
  }
}

TEST_CASE("gated_delta: wrong inputs") {
  GatedDeltaSpec spec{2, 4, 16, 16, 4, 1e-6f};
  Case c = make_case(spec, 3, 1);
  auto message = [&](const Case& from, std::vector<GatedDeltaSegment> segments) {
    return error_of([&] { gated_delta(from.qkv, from.z, from.b, from.a, from.weights, from.spec, segments); });
  };
  auto altered = [&](auto change) {
    Case other = c;
    change(other);
    return message(other, {{0, 3, other.state}});
  };
  const char* dims = "[gated_delta] head dims must be multiples of 16 and value heads a multiple of the key heads.";
  const char* fit = "[gated_delta] the inputs do not fit the heads.";
  const char* rows = "[gated_delta] a segment's rows lie outside the input.";
  const char* state = "[gated_delta] a segment's state does not fit the heads.";
  CHECK(altered([](Case& o) { o.spec.key_dim = 24; }) == dims);
  CHECK(altered([](Case& o) { o.spec.value_heads = 5; }) == dims);
  CHECK(altered([](Case& o) { o.spec.key_heads = 1; }) == fit);
  CHECK(altered([](Case& o) { o.z = mx::zeros({3, 5}); }) == fit);
  CHECK(altered([](Case& o) { o.b = mx::zeros({2, 4}); }) == fit);
  CHECK(altered([](Case& o) { o.qkv = mx::zeros({128}); }) == fit);
  CHECK(altered([](Case& o) { o.weights.norm = mx::zeros({8}); }) == fit);
  CHECK(altered([](Case& o) { o.weights.a_log = mx::zeros({3}); }) == fit);
  CHECK(altered([](Case& o) { o.weights.conv = mx::zeros({3, 128}); }) == fit);
  CHECK(altered([](Case& o) { o.state.recurrent = mx::zeros({4, 16, 32}); }) == state);
  CHECK(altered([](Case& o) { o.state.conv = mx::zeros({2, 128}); }) == state);
  CHECK(message(c, {{0, 4, c.state}}) == rows);
  CHECK(message(c, {{-1, 1, c.state}}) == rows);
  CHECK(message(c, {{0, 0, c.state}}) == rows);
  auto out = run_rows(c, c.state, 0, 3);
  for (auto [begin, keep] : {std::pair{0, 4}, {1, 2}, {-1, 1}, {0, -1}}) {
    CHECK(error_of([&, begin = begin, keep = keep] { gated_delta_commit(c.state, out.tape, spec, begin, keep); }) ==
          "[gated_delta] the tape has no such rows.");
  }
  Case many = make_case(spec, 20, 1);
  auto dropped = run_rows(many, many.state, 0, 20);
  auto all = committed(many, dropped, 20);
  dropped.tape.steps.reset();
  CHECK(same_state(committed(many, dropped, 20), all));
  CHECK(error_of([&] { committed(many, dropped, 2); }) ==
        "[gated_delta] the tape's steps were dropped: a segment is kept whole or not at all.");
}

TEST_CASE("gated_delta: the stock form agrees to f32 rounding and depends on no chunking or threads of ours") {
  for (const auto& spec : specs()) {
    constexpr int rows = 6;
    Case c = make_case(spec, rows, 12);
    auto out = run_rows(c, c.state, 0, rows);
    auto stock = gated_delta_mlx(c.qkv, c.z, c.b, c.a, c.weights, spec, c.state, cpu_stream());
    CHECK(testing::distance(stock.y, doubles(out.y)) < 1e-5);
    CHECK(testing::distance(stock.state.recurrent, doubles(committed(c, out, rows).recurrent)) < 1e-5);
    GatedDeltaState state = c.state;
    for (int at = 0; at < rows; ++at) {
      auto one = gated_delta_mlx(row_range(c.qkv, at, 1), row_range(c.z, at, 1), row_range(c.b, at, 1),
                                 row_range(c.a, at, 1), c.weights, spec, state, cpu_stream());
      CAPTURE(at);
      CHECK(same_bits(one.y, row_range(stock.y, at, 1)));
      state = one.state;
    }
    CHECK(same_bits(state.recurrent, stock.state.recurrent));
  }
}

TEST_CASE("gated_delta: a gate below 2^-64 keeps nothing, one above it does") {
  Case c = make_case({1, 1, 16, 16, 4, 1e-6f}, 1, 12);
  c.weights.a_log = mx::array({0.0f});
  c.weights.dt_bias = mx::array({0.0f});
  c.weights.conv = mx::zeros_like(c.weights.conv); // k and u are 0: the row leaves g S
  auto gate = [&](float a) {
    c.a = mx::array({a}, {1, 1});
    auto out = run_rows(c, c.state, 0, 1);
    auto state = committed(c, out, 1);
    return std::pair{out.tape.steps->decay[0], testing::floats(state.recurrent)};
  };
  auto [kept, some] = gate(44.0f); // e^-44 = 7.8e-20
  CHECK(kept == doctest::Approx(std::exp(-44.0)));
  CHECK(some[0] != 0.0f);
  auto [dropped, none] = gate(45.0f); // 2.9e-20 < 2^-64 = 5.4e-20
  CHECK(dropped == 0.0f);
  CHECK(std::all_of(none.begin(), none.end(), [](float v) { return v == 0.0f; }));
}
