#include <doctest/doctest.h>

#include "kernels/common/testing/arrays.h"
#include "kernels/common/testing/plan.h"
#include "kernels/gated_delta/gated_delta.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

TEST_CASE("gated_delta: as a call of a plan, with owed rows and without") {
  Random random(81);
  GatedDeltaSpec spec{2, 4, 32, 32, 4, 1e-6f};
  int channels = 2 * spec.key_heads * spec.key_dim + spec.value_heads * spec.value_dim;
  int values = spec.value_heads * spec.value_dim;
  GatedDeltaWeights weights{random.normals({spec.conv_kernel, channels}), random.normals({spec.value_heads}),
                            random.normals({spec.value_heads}), random.normals({spec.value_dim})};
  mx::eval(weights.conv, weights.a_log, weights.dt_bias, weights.norm);
  auto inputs = [&](int rows) {
    return std::vector<mx::array>{random.normals({rows, channels}), random.normals({rows, values}),
                                  random.normals({rows, spec.value_heads}), random.normals({rows, spec.value_heads})};
  };
  auto forward = [&](const std::vector<mx::array>& in, std::vector<GatedDeltaSegment> segments) {
    return gated_delta(in[0], in[1], in[2], in[3], weights, spec, std::move(segments));
  };
  auto same_state = [&](const GatedDeltaState& a, const GatedDeltaState& b) {
    auto x = gated_delta_settled(a, spec);
    auto y = gated_delta_settled(b, spec);
    return words(x.recurrent) == words(y.recurrent) && words(x.conv) == words(y.conv);
  };

  // A state that owes three rows.
  auto before = forward(inputs(3), {{0, 3, gated_delta_zero_state(spec)}});
  GatedDeltaState owing = gated_delta_commit(before.before[0], before.tape, spec, 0, 3);
  for (int rows : {1, 4, 20}) {
    INFO(rows, " rows of the first segment");
    auto in = inputs(rows + 2);
    std::vector<GatedDeltaSegment> segments = {{0, rows, owing}, {rows, 2, gated_delta_zero_state(spec)}};
    auto wanted = forward(in, segments);
    GatedDeltaPass pass(spec, segments);
    std::vector<PlainGatedDeltaSegment> plain;
    pass.plain(plain);
    PlanCheck check(rows + 2);
    const GatedDeltaSteps& steps = *wanted.tape.steps;
    auto rows_of = [&](const float* data, int width) { return mx::array(data, {rows + 2, width}, mx::float32); };
    plan_gated_delta(check.plan,
                     {.qkv = check.in(in[0]),
                      .z = check.in(in[1]),
                      .b = check.in(in[2]),
                      .a = check.in(in[3]),
                      .y = check.out(wanted.y),
                      .decay = check.out(rows_of(steps.decay, spec.value_heads)),
                      .k = check.out(rows_of(steps.k, spec.key_heads * spec.key_dim)),
                      .delta = check.out(rows_of(steps.delta, values))},
                     weights, spec, &plain);
    CHECK(check.same({rows, 2}));
    // Without a tape.
    PlanCheck bare(rows + 2);
    plan_gated_delta(bare.plan,
                     {.qkv = bare.in(in[0]),
                      .z = bare.in(in[1]),
                      .b = bare.in(in[2]),
                      .a = bare.in(in[3]),
                      .y = bare.out(wanted.y),
                      .decay = bare.out(rows_of(steps.decay, spec.value_heads))},
                     weights, spec, &plain);
    CHECK(bare.same({rows, 2}));
    auto tape = pass.tape(wanted.tape.steps);
    auto states = pass.before();
    for (size_t i = 0; i < segments.size(); ++i) {
      CHECK(same_state(states[i], wanted.before[i]));
      int begin = segments[i].row_begin;
      for (int keep : {1, segments[i].row_count}) {
        CHECK(same_state(gated_delta_commit(states[i], tape, spec, begin, keep),
                         gated_delta_commit(wanted.before[i], wanted.tape, spec, begin, keep)));
      }
    }
  }
}
