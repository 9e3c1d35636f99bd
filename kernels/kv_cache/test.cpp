#include <doctest/doctest.h>

#include "kernels/common/testing/ops.h"
#include "kernels/kv_cache/kv_cache.h"
#include "kernels/kv_cache/mlx_form.h"
#include "kernels/kv_cache/reference.h"

using namespace mtplx;
using namespace mtplx::kernels;
using testing::cpu_stream;
using testing::error_of;
using testing::floats;

namespace {

constexpr int heads = 2;
constexpr int dim = 16;

mx::array append(KvKind kind, mx::array&& block, const mx::array& rows, int begin, int count, int offset) {
  mx::array out = kv_append(kind, std::move(block), rows, begin, count, offset);
  mx::eval(out);
  return out;
}

std::vector<float> first_rows(const mx::array& rows, int count) {
  return floats(testing::row_range(rows, 0, count));
}

} // namespace

TEST_CASE("kv_append: blocks filled in pieces are those of the layout, and of the stock form") {
  mx::array rows = testing::Numbers(1).array({kv_block_tokens, heads, dim});
  for (KvKind kind : {KvKind::keys, KvKind::values}) {
    for (int piece : {1, 3, 7, 64}) {
      mx::array block = kv_block(kind, heads, dim);
      mx::array stock = block;
      CHECK(floats(block) == std::vector<float>(block.size()));
      for (int at = 0; at < kv_block_tokens; at += piece) {
        int count = std::min(piece, kv_block_tokens - at);
        block = append(kind, std::move(block), rows, at, count, at);
        stock = kv_append_mlx(kind, stock, rows, at, count, at, cpu_stream());
        REQUIRE(floats(block) == kv_block_reference(kind, heads, dim, first_rows(rows, at + count)));
        REQUIRE(testing::same_bits(block, stock));
      }
    }
  }
}

TEST_CASE("kv_append: a block that nobody else holds is written in place, a shared one is copied") {
  mx::array rows = testing::Numbers(2).array({8, heads, dim});
  for (KvKind kind : {KvKind::keys, KvKind::values}) {
    mx::array block = append(kind, kv_block(kind, heads, dim), rows, 0, 3, 0);
    const float* buffer = block.data<float>();
    block = append(kind, std::move(block), rows, 3, 2, 3);
    CHECK(block.data<float>() == buffer);

    mx::array held = block;
    std::vector<float> before = floats(held);
    block = append(kind, std::move(block), rows, 5, 1, 5);
    CHECK(block.data<float>() != buffer);
    CHECK(floats(held) == before);
    CHECK(held.data<float>() == buffer);
  }
}

TEST_CASE("kv_append: forks that grow in turn do not meet") {
  testing::Numbers numbers(3);
  mx::array common = numbers.array({5, heads, dim});
  mx::array left = numbers.array({20, heads, dim});
  mx::array right = numbers.array({20, heads, dim});
  for (KvKind kind : {KvKind::keys, KvKind::values}) {
    mx::array trunk = append(kind, kv_block(kind, heads, dim), common, 0, 5, 0);
    mx::array a = trunk;
    mx::array b = trunk;
    for (int i = 0; i < 20; ++i) {
      a = append(kind, std::move(a), left, i, 1, 5 + i);
      b = append(kind, std::move(b), right, i, 1, 5 + i);
    }
    auto lone = [&](const mx::array& tail) {
      mx::array block = append(kind, kv_block(kind, heads, dim), common, 0, 5, 0);
      return append(kind, std::move(block), tail, 0, 20, 5);
    };
    CHECK(testing::same_bits(a, lone(left)));
    CHECK(testing::same_bits(b, lone(right)));
    CHECK(floats(trunk) == kv_block_reference(kind, heads, dim, floats(common)));
  }
}

TEST_CASE("kv_append: lazy appends one after the other, and count 0") {
  mx::array rows = testing::Numbers(4).array({6, heads, dim});
  mx::array block = kv_block(KvKind::keys, heads, dim);
  for (int i = 0; i < 6; ++i) {
    block = kv_append(KvKind::keys, std::move(block), rows, i, 1, i);
  }
  block = kv_append(KvKind::keys, std::move(block), rows, 0, 0, 64);
  CHECK(floats(block) == kv_block_reference(KvKind::keys, heads, dim, floats(rows)));
}

TEST_CASE("kv_append: wrong inputs") {
  mx::array rows = mx::zeros({4, heads, dim});
  auto message = [&](KvKind kind, mx::array block, const mx::array& from, int begin, int count, int offset) {
    return error_of([&] { append(kind, std::move(block), from, begin, count, offset); });
  };
  auto keys = [] { return kv_block(KvKind::keys, heads, dim); };
  const char* fit = "[kv_append] The rows do not fit the block.";
  CHECK(message(KvKind::values, keys(), rows, 0, 1, 0) == "[kv_append] Not a block of this kind.");
  CHECK(message(KvKind::keys, mx::zeros({4}), rows, 0, 1, 0) == "[kv_append] Not a block of this kind.");
  CHECK(message(KvKind::keys, keys(), rows, 0, 1, 64) == fit);
  CHECK(message(KvKind::keys, keys(), rows, 0, 4, 61) == fit);
  CHECK(message(KvKind::keys, keys(), rows, 1, 4, 0) == fit);
  CHECK(message(KvKind::keys, keys(), rows, -1, 1, 0) == fit);
  CHECK(message(KvKind::keys, keys(), rows, 0, -1, 0) == fit);
  CHECK(message(KvKind::keys, keys(), rows, 0, 1, -1) == fit);
  CHECK(message(KvKind::keys, keys(), mx::zeros({4, heads, 32}), 0, 1, 0) == fit);
  CHECK(message(KvKind::keys, keys(), mx::zeros({4, 3, dim}), 0, 1, 0) == fit);
  CHECK(message(KvKind::keys, keys(), mx::zeros({4, heads * dim}), 0, 1, 0) == fit);
}
