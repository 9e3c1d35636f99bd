#include "native/src/model.h"

namespace mtplx::native {

namespace {

void add(kernels::ColdLines& cold, const kernels::LinearWeight& weight) {
  cold.add(weight.data);
}

void add(kernels::ColdLines& cold, const AttentionLayer& layer) {
  for (const auto* weight : {&layer.q, &layer.k, &layer.v, &layer.o}) {
    add(cold, *weight);
  }
  cold.add(layer.q_norm);
  cold.add(layer.k_norm);
}

void add(kernels::ColdLines& cold, const GatedDeltaLayer& layer) {
  for (const auto* weight : {&layer.qkv, &layer.z, &layer.b, &layer.a, &layer.out}) {
    add(cold, *weight);
  }
  for (const auto* a : {&layer.weights.conv, &layer.weights.a_log, &layer.weights.dt_bias, &layer.weights.norm}) {
    cold.add(*a);
  }
}

void add(kernels::ColdLines& cold, const DenseMlp& mlp) {
  for (const auto* weight : {&mlp.gate, &mlp.up, &mlp.down}) {
    add(cold, *weight);
  }
}

// Which experts a step reads is not known before.
void add(kernels::ColdLines& cold, const kernels::MoeWeights& moe) {
  add(cold, moe.router);
  add(cold, moe.shared_gate);
}

} // namespace

void find_cold_lines(Layer& layer) {
  kernels::ColdLines cold;
  cold.add(&layer, sizeof(Layer));
  cold.add(layer.input_norm.weight);
  cold.add(layer.post_attention_norm.weight);
  std::visit([&](const auto& mixer) { add(cold, mixer); }, layer.mixer);
  std::visit([&](const auto& mlp) { add(cold, mlp); }, layer.mlp);
  layer.cold = std::move(cold);
}

} // namespace mtplx::native
