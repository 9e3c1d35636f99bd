#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/gated_delta/gated_delta.h"
#include "kernels/moe/moe.h"

namespace mtplx::native {

enum class Family { qwen3_5, qwen3_5_moe, qwen3_next };
enum class LayerKind { linear, full };

// The numbers of config.json that the forward pass needs; TypeScript has checked them.
struct ModelSpec {
  Family family;
  int vocab_size;
  int hidden_size;
  std::vector<LayerKind> layers;
  float rms_norm_eps;
  bool tied_embeddings;
  kernels::AttentionSpec attention;
  kernels::GatedDeltaSpec gated_delta;
  std::optional<kernels::MoeSpec> moe;
  std::vector<bool> moe_layers;
  bool mtp;
};

struct TensorSource {
  int file;
  std::string key;
};

enum class TensorOp { take, stack, first_half, second_half };

struct TensorPlan {
  std::string name;
  std::vector<TensorSource> sources;
  TensorOp op;
  std::vector<int> shape;
};

struct QuantizedModule {
  std::string module;
  int bits;
  int group_size;
};

struct DraftHeadSpec {
  int bits;
  int group_size;
};

struct LoadRequest {
  std::vector<std::string> files;
  std::vector<TensorPlan> tensors;
  std::vector<QuantizedModule> quantized;
  ModelSpec spec;
  std::optional<DraftHeadSpec> draft_head;
};

} // namespace mtplx::native
