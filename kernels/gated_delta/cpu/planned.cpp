#include "kernels/gated_delta/cpu/call.h"
#include "kernels/gated_delta/cpu/shape.h"

namespace mtplx::kernels {

namespace {

struct GatedDeltaCall {
  GatedDeltaRows rows;
  const GatedDeltaSpec* spec;
  const std::vector<PlainGatedDeltaSegment>* segments;
  const float* conv;
  const float* a_log;
  const float* dt_bias;
  const float* norm;

  DeltaCall call(const PlanMemory& memory) const {
    return {.spec = *spec,
            .conv = conv,
            .a_log = a_log,
            .dt_bias = dt_bias,
            .norm = norm,
            .qkv = memory[rows.qkv],
            .z = memory[rows.z],
            .b = memory[rows.b],
            .a = memory[rows.a],
            .y = memory[rows.y],
            .decay = memory[rows.decay],
            .k = rows.k ? memory[*rows.k] : nullptr,
            .delta = rows.delta ? memory[*rows.delta] : nullptr,
            .segments = *segments};
  }

  int tasks(const PlanMemory& memory) const { return gated_delta_tasks(call(memory)); }
  void run(const PlanMemory& memory, int task) const { run_gated_delta_task(call(memory), task); }
};

} // namespace

void plan_gated_delta(Plan& plan,
                      const GatedDeltaRows& rows,
                      const GatedDeltaWeights& weights,
                      const GatedDeltaSpec& spec,
                      const std::vector<PlainGatedDeltaSegment>* segments) {
  check_gated_delta(spec);
  int keys = spec.key_heads * spec.key_dim;
  int values = spec.value_heads * spec.value_dim;
  check_gated_delta(rows.qkv.width == channels_of(spec) && rows.z.width == values && rows.y.width == values &&
                        rows.b.width == spec.value_heads && rows.a.width == spec.value_heads &&
                        rows.decay.width == spec.value_heads && (!rows.k || rows.k->width == keys) &&
                        (!rows.delta || rows.delta->width == values),
                    "the inputs do not fit the heads.");
  std::vector<PlanRows> writes = {rows.y, rows.decay};
  for (const auto& tape : {rows.k, rows.delta}) {
    if (tape) {
      writes.push_back(*tape);
    }
  }
  plan.record({"gated_delta",
               {rows.qkv, rows.z, rows.b, rows.a},
               std::move(writes),
               GatedDeltaCall{rows, &spec, segments, weights.conv.data<float>(), weights.a_log.data<float>(),
                              weights.dt_bias.data<float>(), weights.norm.data<float>()}});
}

} // namespace mtplx::kernels
