#include <doctest/doctest.h>

#include <cmath>

#include "kernels/attention/attention.h"
#include "kernels/attention/cpu/head.h"
#include "kernels/attention/mlx_form.h"
#include "kernels/attention/reference.h"
#include "kernels/common/fixed_math64.h"
#include "kernels/common/testing/ops.h"

using namespace mtplx;
using namespace mtplx::kernels;
using testing::cpu_stream;
using testing::doubles;
using testing::error_of;
using testing::row_range;
using testing::same_bits;

namespace {

// New rows of one sequence after `position` earlier ones.
struct Case {
  AttentionSpec spec;
  mx::array q, k, v, q_norm, k_norm, past_k, past_v;
};

Case make_case(const AttentionSpec& spec, int position, int rows, uint32_t seed) {
  testing::Numbers n(seed);
  int D = spec.head_dim;
  return {spec,
          n.array({rows, spec.query_heads * D * (spec.gated ? 2 : 1)}),
          n.array({rows, spec.kv_heads * D}),
          n.array({rows, spec.kv_heads * D}),
          n.array({D}, 0.3f, 1.0f),
          n.array({D}, 0.3f, 1.0f),
          n.array({position, spec.kv_heads, D}),
          n.array({position, spec.kv_heads, D})};
}

struct Blocks {
  std::vector<mx::array> k, v;
  int rows = 0;

  void append(const mx::array& new_k, const mx::array& new_v, int begin, int count) {
    int heads = new_k.shape(1);
    int dim = new_k.shape(2);
    for (int i = 0; i < count; ++i, ++rows) {
      if (rows % kv_block_tokens == 0) {
        k.push_back(kv_block(KvKind::keys, heads, dim));
        v.push_back(kv_block(KvKind::values, heads, dim));
      }
      int at = rows % kv_block_tokens;
      k.back() = kv_append(KvKind::keys, std::move(k.back()), new_k, begin + i, 1, at);
      v.back() = kv_append(KvKind::values, std::move(v.back()), new_v, begin + i, 1, at);
    }
    mx::eval(k);
    mx::eval(v);
  }
};

Blocks blocks_of(const mx::array& k, const mx::array& v, int count) {
  Blocks blocks;
  blocks.append(k, v, 0, count);
  return blocks;
}

AttentionSegment segment(const Blocks& blocks, int begin, int count) {
  return {begin, count, blocks.rows, blocks.k, blocks.v, blocks.rows, {}};
}

AttentionOutput attend(const Case& c, const std::vector<AttentionSegment>& segments) {
  auto out = attention(c.q, c.k, c.v, c.q_norm, c.k_norm, c.spec, segments);
  mx::eval({out.y, out.k, out.v});
  return out;
}

// Rows [begin, begin + count) of the case as a call of its own.
AttentionOutput attend_rows(const Case& c, const Blocks& blocks, int begin, int count) {
  Case part = c;
  part.q = row_range(c.q, begin, count);
  part.k = row_range(c.k, begin, count);
  part.v = row_range(c.v, begin, count);
  return attend(part, {segment(blocks, 0, count)});
}

AttentionReference reference_of(const Case& c) {
  return attention_reference(doubles(c.q), doubles(c.k), doubles(c.v), doubles(c.q_norm), doubles(c.k_norm), c.spec,
                             doubles(c.past_k), doubles(c.past_v), c.past_k.shape(0));
}

constexpr AttentionSpec small = {4, 2, 32, 8, 1e7, 1e-6f, true};

} // namespace

TEST_CASE("attention: agrees with the float64 reference over heads, dims, rotary dims, positions and rows") {
  struct Shape {
    AttentionSpec spec;
    std::vector<int> positions, rows;
  };
  std::vector<Shape> shapes = {
      {{2, 2, 16, 16, 1e4, 1e-6f, true}, {0, 1, 62, 63, 64, 65, 66}, {1, 2, 17}},
      {{2, 1, 32, 8, 1e7, 1e-6f, false}, {0, 1, 62, 63, 64, 65, 66}, {1, 3}},
      {{8, 2, 64, 16, 1e7, 1e-5f, true}, {0, 63, 130, 500}, {1, 9}},
      {{4, 1, 48, 0, 1e6, 1e-6f, true}, {0, 65}, {5}},
      {{4, 2, 128, 32, 1e7, 1e-6f, false}, {500}, {4}},
      {{4, 1, 256, 64, 1e7, 1e-6f, true}, {0, 64, 500}, {1, 9}},
  };
  double worst_y = 0.0;
  double worst_k = 0.0;
  for (const auto& shape : shapes) {
    for (int position : shape.positions) {
      for (int rows : shape.rows) {
        Case c = make_case(shape.spec, position, rows, static_cast<uint32_t>(position + rows));
        auto out = attend(c, {segment(blocks_of(c.past_k, c.past_v, position), 0, rows)});
        auto expected = reference_of(c);
        worst_y = std::max(worst_y, testing::distance(out.y, expected.y));
        worst_k = std::max(worst_k, testing::distance(out.k, expected.k));
        REQUIRE(testing::floats(out.v) == testing::floats(c.v));
      }
    }
  }
  CHECK(worst_y < 5e-6);
  CHECK(worst_k < 2e-6);
}

TEST_CASE("attention: eps stands inside the mean of squares") {
  Case c = make_case(small, 3, 2, 5);
  c.spec.eps = 0.5f;
  c.q = mx::multiply(c.q, mx::array(0.3f));
  c.k = mx::multiply(c.k, mx::array(0.3f));
  mx::eval(c.q, c.k);
  auto out = attend(c, {segment(blocks_of(c.past_k, c.past_v, 3), 0, 2)});
  auto expected = reference_of(c);
  CHECK(testing::distance(out.y, expected.y) < 5e-6);
  CHECK(testing::distance(out.k, expected.k) < 2e-6);
}

TEST_CASE("attention: a row sees itself and its past, and no later row") {
  Case c = make_case(small, 70, 4, 6);
  Blocks past = blocks_of(c.past_k, c.past_v, 70);
  auto before = attend(c, {segment(past, 0, 4)});
  for (int changed = 0; changed < 4; ++changed) {
    Case other = c;
    std::vector<float> values = testing::floats(c.v);
    size_t width = values.size() / 4;
    for (size_t i = changed * width; i < (changed + 1) * width; ++i) {
      values[i] += 1.0f;
    }
    other.v = mx::array(values.begin(), c.v.shape(), mx::float32);
    auto after = attend(other, {segment(past, 0, 4)});
    for (int row = 0; row < 4; ++row) {
      CHECK(same_bits(row_range(before.y, row, 1), row_range(after.y, row, 1)) == (row < changed));
    }
  }
}

TEST_CASE("attention: a row's bits do not depend on how many rows come with it or where blocks end") {
  for (AttentionSpec spec : {small, AttentionSpec{2, 2, 16, 16, 1e4, 1e-6f, false}}) {
    constexpr int total = 140;
    Case c = make_case(spec, 0, total, 8);
    auto whole = attend(c, {segment({}, 0, total)});
    for (int chunk : {1, 2, 3, 5, 8, 9, 17, 64, 100}) {
      CAPTURE(chunk);
      Blocks blocks;
      for (int at = 0; at < total; at += chunk) {
        int count = std::min(chunk, total - at);
        auto out = attend_rows(c, blocks, at, count);
        REQUIRE(same_bits(out.y, row_range(whole.y, at, count)));
        REQUIRE(same_bits(out.k, row_range(whole.k, at, count)));
        blocks.append(out.k, out.v, 0, count);
      }
    }
  }
}

TEST_CASE("attention: rows that are not in blocks yet (extra rows) give the bits of rows that are") {
  for (int position : {3, 62, 63, 64, 65, 128, 131}) {
    CAPTURE(position);
    Case c = make_case(small, position, 3, 9);
    auto in_blocks = attend(c, {segment(blocks_of(c.past_k, c.past_v, position), 0, 3)});
    for (int extra : {1, 2, 3}) {
      // The last rows in two pieces: one row from its own array, the others from a slice.
      int rows = position - extra;
      Blocks blocks = blocks_of(c.past_k, c.past_v, rows);
      AttentionSegment s = segment(blocks, 0, 3);
      s.position = position;
      if (extra > 1) {
        s.extra.push_back({c.past_k, c.past_v, rows, extra - 1});
      }
      s.extra.push_back({row_range(c.past_k, position - 1, 1), row_range(c.past_v, position - 1, 1), 0, 1});
      REQUIRE(same_bits(attend(c, {s}).y, in_blocks.y));
    }
  }
}

TEST_CASE("attention: a ragged batch gives each sequence its lone bits, beside NaN too") {
  Case a = make_case(small, 67, 3, 10);
  Case b = make_case(small, 5, 9, 11);
  Blocks past_a = blocks_of(a.past_k, a.past_v, 67);
  Blocks past_b = blocks_of(b.past_k, b.past_v, 5);
  auto lone_a = attend(a, {segment(past_a, 0, 3)});
  b.q_norm = a.q_norm;
  b.k_norm = a.k_norm;
  auto lone_b = attend(b, {segment(past_b, 0, 9)});
  for (bool spoilt : {false, true}) {
    if (spoilt) {
      b.q = mx::full(b.q.shape(), NAN, mx::float32);
      b.k = mx::full(b.k.shape(), NAN, mx::float32);
      b.v = mx::full(b.v.shape(), NAN, mx::float32);
    }
    Case both = a;
    both.q = mx::contiguous(mx::concatenate({b.q, a.q}, 0));
    both.k = mx::contiguous(mx::concatenate({b.k, a.k}, 0));
    both.v = mx::contiguous(mx::concatenate({b.v, a.v}, 0));
    auto out = attend(both, {segment(past_b, 0, 9), segment(past_a, 9, 3)});
    CHECK(same_bits(row_range(out.y, 9, 3), lone_a.y));
    CHECK(same_bits(row_range(out.k, 9, 3), lone_a.k));
    if (!spoilt) {
      CHECK(same_bits(row_range(out.y, 0, 9), lone_b.y));
    }
  }
}

TEST_CASE("attention: what a block holds beyond its rows is never read") {
  Case c = make_case(small, 10, 2, 12);
  Blocks clean = blocks_of(c.past_k, c.past_v, 10);
  // Rows beyond the tenth, as an in-place commit of a fork might leave them.
  mx::array junk = mx::full({54, 2, 32}, NAN, mx::float32);
  Blocks dirty = blocks_of(c.past_k, c.past_v, 10);
  dirty.append(junk, junk, 0, 54);
  dirty.rows = 10;
  CHECK(same_bits(attend(c, {segment(clean, 0, 2)}).y, attend(c, {segment(dirty, 0, 2)}).y));
}

TEST_CASE("attention: the same bits with 1, 2 and 3 threads and on every instruction set") {
  // Three rows: more threads than KV heads, so that query heads are divided. 17 rows of 4 heads: several row groups.
  for (AttentionSpec spec : {small, AttentionSpec{4, 1, 48, 16, 1e7, 1e-6f, false}}) {
    for (int rows : {3, 17}) {
      Case c = make_case(spec, 100, rows, 13);
      Blocks past = blocks_of(c.past_k, c.past_v, 100);
      std::vector<mx::array> first;
      testing::on_all_machines([&](Isa isa, int threads) {
        CAPTURE(isa_name(isa));
        CAPTURE(threads);
        CAPTURE(rows);
        auto out = attend(c, {segment(past, 0, rows)});
        if (first.empty()) {
          first = {out.y, out.k};
        }
        CHECK(same_bits(out.y, first[0]));
        CHECK(same_bits(out.k, first[1]));
      });
    }
  }
}

TEST_CASE("attention: the angles are those of fixed64::sincos on every instruction set") {
  std::vector<double> frequency;
  for (int i = 0; i < 19; ++i) {
    frequency.push_back(std::pow(1e7, -i / 19.0));
  }
  testing::on_all_machines([&](Isa isa, int) {
    CAPTURE(isa_name(isa));
    for (int position : {0, 1, 2, 3, 4, 5, 6, 7, 100, 4095, 65537, 1000003}) {
      CAPTURE(position);
      std::vector<float> cosine(19), sine(19), expected_cosine, expected_sine;
      MTPLX_SELECT_ISA(rotation_angles)(position, frequency.data(), 19, cosine.data(), sine.data());
      for (double f : frequency) {
        double s = 0.0;
        double c = 0.0;
        fixed64::sincos(position * f, &s, &c);
        expected_sine.push_back(static_cast<float>(s));
        expected_cosine.push_back(static_cast<float>(c));
      }
      CHECK(same_bits(cosine, expected_cosine));
      CHECK(same_bits(sine, expected_sine));
    }
  });
}

TEST_CASE("attention: wrong inputs") {
  Case c = make_case(small, 3, 2, 1);
  Blocks past = blocks_of(c.past_k, c.past_v, 3);
  auto altered = [&](auto change) {
    Case other = c;
    change(other);
    return error_of([&] { attend(other, {segment(past, 0, 2)}); });
  };
  auto message = [&](auto change) {
    AttentionSegment s = segment(past, 0, 2);
    change(s);
    return error_of([&] { attend(c, {s}); });
  };
  const char* fit = "[attention] q, k and v do not fit the heads.";
  CHECK(altered([](Case& o) { o.spec.head_dim = 24; }) == "[attention] head_dim must be a multiple of 16, got 24.");
  CHECK(altered([](Case& o) { o.spec.kv_heads = 3; }) == "[attention] query heads must be a multiple of the KV heads.");
  CHECK(altered([](Case& o) { o.spec.rotary_dim = 7; }) == "[attention] rotary_dim must be even and fit the head.");
  CHECK(altered([](Case& o) { o.spec.rotary_dim = 34; }) == "[attention] rotary_dim must be even and fit the head.");
  CHECK(altered([](Case& o) { o.spec.gated = false; }) == fit);
  CHECK(altered([](Case& o) { o.k = mx::zeros({1, 64}); }) == fit);
  CHECK(altered([](Case& o) { o.q = mx::zeros({256}); }) == fit);
  CHECK(altered([](Case& o) { o.q_norm = mx::zeros({16}); }) == "[attention] the norms must be f32 [head_dim].");
  CHECK(altered([](Case& o) { o.k_norm = mx::zeros({16}); }) == "[attention] the norms must be f32 [head_dim].");
  CHECK(message([](AttentionSegment& s) { s.row_count = 3; }) == "[attention] a segment's rows lie outside the input.");
  CHECK(message([](AttentionSegment& s) { s.k_blocks.clear(); }) ==
        "[attention] a segment needs one block for every 64 rows.");
  CHECK(message([](AttentionSegment& s) {
          s.k_blocks[0] = mx::zeros({2, 64, 32});
        }) == "[attention] a block has the wrong shape.");
  CHECK(message([](AttentionSegment& s) {
          s.v_blocks[0] = mx::zeros({2, 32, 64});
        }) == "[attention] a block has the wrong shape.");
  CHECK(message([](AttentionSegment& s) { s.position = 4; }) ==
        "[attention] block rows and extra rows make 3 positions, but the first new row is at 4.");
  CHECK(message([](AttentionSegment& s) {
          s.extra.push_back({mx::zeros({1, 2, 16}), mx::zeros({1, 2, 16}), 0, 1});
        }) == "[attention] extra rows have the wrong shape.");
  CHECK(message([](AttentionSegment& s) {
          s.extra.push_back({mx::zeros({1, 2, 32}), mx::zeros({1, 2, 32}), 1, 1});
        }) == "[attention] extra rows have the wrong shape.");
}

TEST_CASE("attention: the stock form agrees to f32 rounding") {
  for (AttentionSpec spec :
       {AttentionSpec{4, 2, 64, 16, 1e7, 1e-6f, true}, AttentionSpec{8, 2, 256, 64, 1e7, 1e-6f, true},
        AttentionSpec{2, 2, 128, 128, 1e4, 1e-6f, false}}) {
    Case c = make_case(spec, 150, 8, 14);
    auto own = attend(c, {segment(blocks_of(c.past_k, c.past_v, 150), 0, 8)});
    auto stock = attention_mlx(c.q, c.k, c.v, c.q_norm, c.k_norm, spec, c.past_k, c.past_v, cpu_stream());
    mx::eval({stock.y, stock.k, stock.v});
    CHECK(testing::distance(stock.y, doubles(own.y)) < 1e-4);
    CHECK(testing::distance(stock.k, doubles(own.k)) < 1e-4);
#if defined(__linux__)
    // On MLX's CPU backend with the wheel's own BLAS it keeps the law here: eight rows, a part of them, row by row.
    for (int count = 1; count < 8; ++count) {
      CAPTURE(count);
      auto part = attention_mlx(row_range(c.q, 0, count), row_range(c.k, 0, count), row_range(c.v, 0, count), c.q_norm,
                                c.k_norm, spec, c.past_k, c.past_v, cpu_stream());
      CHECK(same_bits(part.y, row_range(stock.y, 0, count)));
      mx::array past_k = mx::concatenate({c.past_k, row_range(stock.k, 0, count)}, 0);
      mx::array past_v = mx::concatenate({c.past_v, row_range(stock.v, 0, count)}, 0);
      auto alone = attention_mlx(row_range(c.q, count, 1), row_range(c.k, count, 1), row_range(c.v, count, 1), c.q_norm,
                                 c.k_norm, spec, past_k, past_v, cpu_stream());
      CHECK(same_bits(alone.y, row_range(stock.y, count, 1)));
    }
#endif
  }
}
