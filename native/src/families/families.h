#pragma once

#include "native/src/model.h"

// One file an architecture, each in the same order of blocks: gated delta, MLP, layer.
// What they share stands in blocks.cpp.
namespace mtplx::native {

Layer qwen3_5_layer(Weights& w, const ModelSpec& spec, const std::string& path, int index);
Layer qwen3_5_moe_layer(Weights& w, const ModelSpec& spec, const std::string& path, int index);
Layer qwen3_next_layer(Weights& w, const ModelSpec& spec, const std::string& path, int index);

// Index of the MTP layer in the calls above: always full attention.
inline constexpr int mtp_layer = -1;

// Shared blocks.
AttentionLayer attention_block(Weights& w, const std::string& path);
GatedDeltaLayer gated_delta_block(Weights& w, const ModelSpec& spec, const std::string& path);
kernels::GatedDeltaWeights gated_delta_weights(Weights& w, const ModelSpec& spec, const std::string& path);
DenseMlp dense_mlp_block(Weights& w, const std::string& path);
kernels::MoeWeights moe_block(Weights& w, const ModelSpec& spec, const std::string& path);
bool is_full_attention(const ModelSpec& spec, int index);
bool has_experts(const ModelSpec& spec, int index);

} // namespace mtplx::native
