#pragma once

#include "native/src/model.h"

// The kernel calls of one layer, recorded in a plan.
namespace mtplx::native {

// What an attention layer looks at when its plan runs, and where its new keys and values go (bound rows).
struct AttentionPlace {
  std::vector<kernels::PlainAttentionSegment> segments;
  kernels::PlanRows k;
  kernels::PlanRows v;
};

// The same of a GDN layer. Of a tape that keeps its steps qkv, k, delta and decay are bound.
struct GatedDeltaPlace {
  std::vector<kernels::PlainGatedDeltaSegment> segments;
  kernels::GatedDeltaRows rows;
};

// What all attention layers of a plan share.
struct AttentionShared {
  kernels::AttentionOverlays& overlays; // of all plans of a model: one runs at a time
  kernels::PlanRows angles = {};
};

// Each gives the rows that the next layer reads. Model, places and what is shared must stay where they are.
kernels::PlanRows record_attention(kernels::Plan& plan,
                                   const Model& model,
                                   const Layer& layer,
                                   kernels::PlanRows x,
                                   const AttentionShared& shared,
                                   AttentionPlace& place);
// Its new keys and values alone.
void record_new_kv(kernels::Plan& plan,
                   const Model& model,
                   const Layer& layer,
                   kernels::PlanRows x,
                   kernels::PlanRows angles,
                   AttentionPlace& place);
kernels::PlanRows record_gated_delta(kernels::Plan& plan,
                                     const Model& model,
                                     const Layer& layer,
                                     kernels::PlanRows x,
                                     bool keeps_steps,
                                     GatedDeltaPlace& place);
kernels::PlanRows record_mlp(kernels::Plan& plan, const Model& model, const Layer& layer, kernels::PlanRows x);

// y = x W^T.
kernels::PlanRows record_linear(kernels::Plan& plan, kernels::PlanRows x, const kernels::LinearWeight& weight);

} // namespace mtplx::native
