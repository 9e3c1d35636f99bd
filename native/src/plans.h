#pragma once

#include <map>
#include <tuple>

#include "native/src/forward.h"
#include "native/src/layer_calls.h"

// The trunk and the MTP head as plans: one for each number of rows, recorded when it is first needed.
namespace mtplx::native {

class TrunkPlan {
 public:
  TrunkPlan(const Model& model, kernels::AttentionOverlays& overlays, int rows, TrunkWants wants);

  // As trunk_forward.
  TrunkRows run(const std::vector<int32_t>& ids, const std::vector<TrunkSegment>& segments);

 private:
  // Memory for the tapes of all layers, bound; nothing where they are not wanted.
  std::vector<std::optional<kernels::GatedDeltaSteps>> bind_steps();

  const Model& model_;
  TrunkWants wants_;
  kernels::Plan plan_;
  const int32_t* ids_ = nullptr;
  kernels::PlanRows hidden_;
  kernels::PlanRows logits_;
  AttentionShared shared_;
  // One a layer of its kind; never moved, since calls point to them.
  std::vector<AttentionPlace> attention_;
  std::vector<GatedDeltaPlace> gated_delta_;
};

class MtpPlan {
 public:
  MtpPlan(const Model& model, kernels::AttentionOverlays& overlays, int rows);

  // As mtp_forward.
  MtpRows run(const float* hidden, const std::vector<int32_t>& next, const std::vector<MtpSegment>& segments);

 private:
  const Model& model_;
  kernels::Plan plan_;
  const int32_t* ids_ = nullptr;
  kernels::PlanRows from_;
  kernels::PlanRows hidden_;
  kernels::PlanRows logits_;
  AttentionShared shared_;
  AttentionPlace attention_;
};

class MtpKvPlan {
 public:
  MtpKvPlan(const Model& model, int rows);

  // As mtp_new_kv.
  MtpKv run(const float* hidden,
            const std::vector<int32_t>& next,
            const std::vector<MtpSegment>& segments,
            Threads threads);

 private:
  const Model& model_;
  kernels::Plan plan_;
  const int32_t* ids_ = nullptr;
  kernels::PlanRows from_;
  AttentionPlace attention_;
};

class PlanBank {
 public:
  TrunkPlan& trunk(const Model& model, int rows, TrunkWants wants);
  MtpPlan& mtp(const Model& model, int rows);
  MtpKvPlan& mtp_kv(const Model& model, int rows);

 private:
  kernels::AttentionOverlays overlays_;
  std::map<std::tuple<int, bool, bool>, std::unique_ptr<TrunkPlan>> trunk_;
  std::map<int, std::unique_ptr<MtpPlan>> mtp_;
  std::map<int, std::unique_ptr<MtpKvPlan>> mtp_kv_;
};

} // namespace mtplx::native
