#include "native/src/model.h"

#include "native/src/plans.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "native/src/errors.h"
#include "native/src/families/families.h"

namespace mtplx::native {

namespace {

using LayerBuilder = Layer (*)(Weights&, const ModelSpec&, const std::string&, int);

LayerBuilder layer_builder(Family family) {
  switch (family) {
    case Family::qwen3_5:
      return qwen3_5_layer;
    case Family::qwen3_5_moe:
      return qwen3_5_moe_layer;
    case Family::qwen3_next:
      return qwen3_next_layer;
  }
  throw EngineError("MTPLX_E_MODEL_FAMILY", "Unknown model family.");
}

MtpHead mtp_head(Weights& w, const ModelSpec& spec, LayerBuilder build) {
  return {w.take_norm("mtp.pre_fc_norm_embedding.weight"), w.take_norm("mtp.pre_fc_norm_hidden.weight"),
          w.take_linear("mtp.fc"), build(w, spec, "mtp.layers.0", mtp_layer), w.take_norm("mtp.norm.weight")};
}

std::optional<kernels::LinearWeight> draft_head(Weights& w, const LoadRequest& request, const std::string& head) {
  if (!request.draft_head) {
    return std::nullopt;
  }
  int bits = 0;
  int group_size = 0;
  if (w.quantized(head, &bits, &group_size) && bits <= request.draft_head->bits) {
    throw EngineError("MTPLX_E_DRAFT_HEAD_POINTLESS",
                      "The LM head already has " + std::to_string(bits) + " bits: a draft head of " +
                          std::to_string(request.draft_head->bits) +
                          " bits would cost memory and gain nothing. Leave the draft head out.");
  }
  return w.requantised(head, request.draft_head->bits, request.draft_head->group_size);
}

std::shared_ptr<Model> built(const LoadRequest& request, std::function<void()> on_tensor) {
  size_t before = mx::get_active_memory();
  const ModelSpec& spec = request.spec;
  Weights w(request, std::move(on_tensor));
  LayerBuilder build = layer_builder(spec.family);
  std::string head = spec.tied_embeddings ? "embed_tokens" : "lm_head";
  auto draft = draft_head(w, request, head);
  auto embed = w.take_linear("embed_tokens");
  auto lm_head = spec.tied_embeddings ? embed : w.take_linear("lm_head");
  std::vector<Layer> layers;
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    layers.push_back(build(w, spec, "layers." + std::to_string(i), static_cast<int>(i)));
  }
  mx::array norm = w.take_norm("norm.weight");
  std::optional<MtpHead> mtp;
  if (spec.mtp) {
    mtp = mtp_head(w, spec, build);
  }
  mx::clear_cache();
  return std::make_shared<Model>(
      Model{spec, std::move(embed), std::move(layers), norm, std::move(lm_head), std::move(draft), std::move(mtp),
            w.raw_norms(), w.linear_bytes() + mx::get_active_memory() - std::min(before, mx::get_active_memory()),
            std::make_shared<PlanBank>()});
}

} // namespace

std::shared_ptr<Model> load_model(const LoadRequest& request, std::function<void()> on_tensor) {
  std::shared_ptr<Model> model = built(request, std::move(on_tensor));
  kernels::give_back_unused_lines();
  return model;
}

void give_back_freed_memory(const Model& model) {
  if (std::exchange(*model.gave_back, true)) {
    return;
  }
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

} // namespace mtplx::native
