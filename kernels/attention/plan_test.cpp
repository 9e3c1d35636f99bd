#include <doctest/doctest.h>

#include "kernels/attention/attention.h"
#include "kernels/common/testing/arrays.h"
#include "kernels/common/testing/plan.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

// A sequence's keys and values: `cached` rows in blocks, the others beside them.
struct Past {
  std::vector<mx::array> k_blocks, v_blocks;
  std::vector<const float*> k_data, v_data;
  int cached;
  std::vector<KvRows> extra;

  Past(Random& random, const AttentionSpec& spec, int rows, int beside) : cached(rows) {
    mx::Shape shape = {rows + beside, spec.kv_heads, spec.head_dim};
    mx::array k = random.normals(shape);
    mx::array v = random.normals(shape);
    mx::eval(k, v);
    for (int done = 0; done < rows; done += kv_block_tokens) {
      int count = std::min(kv_block_tokens, rows - done);
      k_blocks.push_back(
          kv_append(KvKind::keys, kv_block(KvKind::keys, spec.kv_heads, spec.head_dim), k, done, count, 0));
      v_blocks.push_back(
          kv_append(KvKind::values, kv_block(KvKind::values, spec.kv_heads, spec.head_dim), v, done, count, 0));
      k_data.push_back(k_blocks.back().data<float>());
      v_data.push_back(v_blocks.back().data<float>());
    }
    for (int i = 0; i < beside; ++i) {
      extra.push_back({k, v, rows + i, 1});
    }
  }

  int position() const { return cached + static_cast<int>(extra.size()); }

  AttentionSegment on_arrays(int begin, int count) const {
    return {begin, count, position(), k_blocks, v_blocks, cached, extra};
  }

  PlainAttentionSegment plain(const AttentionSpec& spec, int begin, int count) const {
    PlainAttentionSegment s{begin, count, position(), cached, k_data.data(), v_data.data(), {}};
    for (const auto& e : extra) {
      size_t at = static_cast<size_t>(e.row_begin) * spec.kv_heads * spec.head_dim;
      s.extra.push_back({e.k.data<float>() + at, e.v.data<float>() + at, e.count});
    }
    return s;
  }
};

} // namespace

TEST_CASE("attention: as calls of a plan, over one sequence and several, and its new keys alone") {
  Random random(71);
  // Many query heads or rows make several tasks of a KV head, whose keys are then prepared before.
  for (AttentionSpec spec :
       {AttentionSpec{4, 2, 32, 8, 1e7, 1e-6f, true}, AttentionSpec{16, 1, 16, 16, 1e4, 1e-6f, false}}) {
    for (int rows : {1, 3, 40}) {
      Past one(random, spec, 70, 2);
      Past two(random, spec, 0, 0);
      Past three(random, spec, 130, 0);
      int first = rows;
      int all = first + 5 + 1;
      std::vector<AttentionSegment> arrays = {one.on_arrays(0, first), two.on_arrays(first, 5),
                                              three.on_arrays(first + 5, 1)};
      std::vector<PlainAttentionSegment> plain = {one.plain(spec, 0, first), two.plain(spec, first, 5),
                                                  three.plain(spec, first + 5, 1)};
      mx::array q = random.normals({all, spec.query_heads * spec.head_dim * (spec.gated ? 2 : 1)});
      mx::array k = random.normals({all, spec.kv_heads * spec.head_dim});
      mx::array v = random.normals({all, spec.kv_heads * spec.head_dim});
      mx::array q_norm = random.normals({spec.head_dim});
      mx::array k_norm = random.normals({spec.head_dim});
      mx::eval(q_norm, k_norm);
      auto wanted = attention(q, k, v, q_norm, k_norm, spec, arrays);
      PlanCheck check(all);
      AttentionOverlays overlays;
      overlays.fit(spec, plain);
      PlanRows angles = plan_angles(check.plan, spec, &plain);
      plan_attention(
          check.plan,
          {check.in(q), check.in_place(k, wanted.k), check.in_place(v, wanted.v), angles, check.out(wanted.y)}, q_norm,
          k_norm, spec, &plain, &overlays);
      CHECK(check.same({first, 5, 1}));

      PlanCheck alone(all);
      angles = plan_angles(alone.plan, spec, &plain);
      plan_new_keys(alone.plan, alone.in_place(k, wanted.k), angles, k_norm, spec);
      CHECK(alone.same({first, 5, 1}));
    }
  }
}
