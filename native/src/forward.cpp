#include "native/src/forward.h"

#include "native/src/plans.h"

namespace mtplx::native {

TrunkRows trunk_forward(const Model& model,
                        const std::vector<int32_t>& ids,
                        const std::vector<TrunkSegment>& segments,
                        TrunkWants wants) {
  return model.plans->trunk(model, static_cast<int>(ids.size()), wants).run(ids, segments);
}

MtpRows mtp_forward(const Model& model,
                    const float* hidden,
                    const std::vector<int32_t>& next,
                    const std::vector<MtpSegment>& segments) {
  return model.plans->mtp(model, static_cast<int>(next.size())).run(hidden, next, segments);
}

MtpKv mtp_new_kv(const Model& model,
                 const float* hidden,
                 const std::vector<int32_t>& next,
                 const std::vector<MtpSegment>& segments,
                 Threads threads) {
  return model.plans->mtp_kv(model, static_cast<int>(next.size())).run(hidden, next, segments, threads);
}

} // namespace mtplx::native
