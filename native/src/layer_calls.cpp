#include "native/src/layer_calls.h"

#include "kernels/rms_norm/rms_norm.h"
#include "native/src/other_kernel.h"

namespace mtplx::native {

namespace {

using kernels::InputNorm;
using kernels::LinearWeight;
using kernels::Plan;
using kernels::PlanRows;

PlanRows add_linear(Plan& plan, PlanRows x, const LinearWeight& weight, PlanRows residual) {
  PlanRows y = plan.own(residual.width);
  kernels::plan_linear_add(plan, x, weight, residual, y);
  return y;
}

} // namespace

PlanRows record_linear(Plan& plan, PlanRows x, const LinearWeight& weight) {
  PlanRows y = plan.own(weight.out_features);
  plan_linears_or_other(plan, x, {&weight}, nullptr, {y});
  return y;
}

PlanRows record_attention(Plan& plan,
                          const Model& model,
                          const Layer& layer,
                          PlanRows x,
                          const AttentionShared& shared,
                          AttentionPlace& place) {
  const auto& attention = std::get<AttentionLayer>(layer.mixer);
  PlanRows q = plan.own(attention.q.out_features);
  place.k = plan.bound(attention.k.out_features);
  place.v = plan.bound(attention.v.out_features);
  plan_linears_or_other(plan, x, {&attention.q, &attention.k, &attention.v}, &layer.input_norm, {q, place.k, place.v});
  PlanRows y = plan.own(attention.o.in_features);
  kernels::plan_attention(plan, {q, place.k, place.v, shared.angles, y}, attention.q_norm, attention.k_norm,
                          model.spec.attention, &place.segments, &shared.overlays);
  return add_linear(plan, y, attention.o, x);
}

void record_new_kv(
    Plan& plan, const Model& model, const Layer& layer, PlanRows x, PlanRows angles, AttentionPlace& place) {
  const auto& attention = std::get<AttentionLayer>(layer.mixer);
  place.k = plan.bound(attention.k.out_features);
  place.v = plan.bound(attention.v.out_features);
  plan_linears_or_other(plan, x, {&attention.k, &attention.v}, &layer.input_norm, {place.k, place.v});
  kernels::plan_new_keys(plan, place.k, angles, attention.k_norm, model.spec.attention);
}

PlanRows record_gated_delta(
    Plan& plan, const Model& model, const Layer& layer, PlanRows x, bool keeps_steps, GatedDeltaPlace& place) {
  const auto& delta = std::get<GatedDeltaLayer>(layer.mixer);
  const auto& spec = model.spec.gated_delta;
  auto step_rows = [&](int width) { return keeps_steps ? plan.bound(width) : plan.own(width); };
  auto tape_rows = [&](int width) { return keeps_steps ? std::optional(plan.bound(width)) : std::nullopt; };
  int values = spec.value_heads * spec.value_dim;
  place.rows = {.qkv = step_rows(delta.qkv.out_features),
                .z = plan.own(delta.z.out_features),
                .b = plan.own(delta.b.out_features),
                .a = plan.own(delta.a.out_features),
                .y = plan.own(values),
                .decay = step_rows(spec.value_heads),
                .k = tape_rows(spec.key_heads * spec.key_dim),
                .delta = tape_rows(values)};
  const auto& rows = place.rows;
  plan_linears_or_other(plan, x, {&delta.qkv, &delta.z, &delta.b, &delta.a}, &layer.input_norm,
                        {rows.qkv, rows.z, rows.b, rows.a});
  kernels::plan_gated_delta(plan, rows, delta.weights, spec, &place.segments);
  return add_linear(plan, rows.y, delta.out, x);
}

PlanRows record_mlp(Plan& plan, const Model& model, const Layer& layer, PlanRows x) {
  const InputNorm& norm = layer.post_attention_norm;
  if (const auto* moe = std::get_if<kernels::MoeWeights>(&layer.mlp)) {
    PlanRows h = plan.own(x.width);
    kernels::plan_rms_norm(plan, x, norm.weight, norm.eps, h);
    PlanRows y = plan.own(x.width);
    kernels::plan_moe_add(plan, h, *moe, *model.spec.moe, x, y);
    return y;
  }
  const auto& mlp = std::get<DenseMlp>(layer.mlp);
  PlanRows hidden = plan.own(mlp.gate.out_features);
  plan_swiglu_or_other(plan, x, mlp.gate, mlp.up, norm, hidden);
  return add_linear(plan, hidden, mlp.down, x);
}

} // namespace mtplx::native
