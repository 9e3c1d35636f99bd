#pragma once

#include <memory>
#include <variant>

#include "kernels/attention/attention.h"
#include "kernels/gated_delta/gated_delta.h"
#include "kernels/linear/linear.h"
#include "kernels/moe/moe.h"
#include "native/src/spec.h"
#include "native/src/weights.h"

namespace mtplx::native {

// q_proj carries [query | gate] for each head.
struct AttentionLayer {
  kernels::LinearWeight q;
  kernels::LinearWeight k;
  kernels::LinearWeight v;
  kernels::LinearWeight o;
  mx::array q_norm;
  mx::array k_norm;
};

struct GatedDeltaLayer {
  kernels::LinearWeight qkv;
  kernels::LinearWeight z;
  kernels::LinearWeight b;
  kernels::LinearWeight a;
  kernels::LinearWeight out;
  kernels::GatedDeltaWeights weights;
};

struct DenseMlp {
  kernels::LinearWeight gate;
  kernels::LinearWeight up;
  kernels::LinearWeight down;
};

struct Layer {
  kernels::InputNorm input_norm;
  kernels::InputNorm post_attention_norm;
  std::variant<AttentionLayer, GatedDeltaLayer> mixer;
  std::variant<DenseMlp, kernels::MoeWeights> mlp;
};

// One full-attention layer that reads [embedding of the next token | hidden row].
struct MtpHead {
  mx::array norm_embedding;
  mx::array norm_hidden;
  kernels::LinearWeight fc;
  Layer layer;
  mx::array norm;
};

class PlanBank;

struct Model {
  ModelSpec spec;
  kernels::LinearWeight embed_tokens;
  std::vector<Layer> layers;
  mx::array norm;
  kernels::LinearWeight lm_head;
  std::optional<kernels::LinearWeight> draft_head;
  std::optional<MtpHead> mtp;
  RawNorms raw_norms;
  size_t weight_bytes;
  std::shared_ptr<PlanBank> plans;                                 // of this model; used on the engine thread alone
  std::shared_ptr<bool> gave_back = std::make_shared<bool>(false); // as plans; see give_back_freed_memory
};

// Reads the checkpoint that the request describes. `on_tensor` may throw to stop.
std::shared_ptr<Model> load_model(const LoadRequest& request, std::function<void()> on_tensor);

// What loading, reading the prompt and the first cycle freed goes back to the system, once a model: the allocator would
// keep 3 MB of the embedded model.
void give_back_freed_memory(const Model& model);

} // namespace mtplx::native
