#include "native/src/forward.h"

#include "kernels/common/isa.h"
#include "kernels/common/thread_pool.h"
#include "kernels/embedding/embedding.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/swiglu/swiglu.h"
#include "native/src/faults.h"

namespace mtplx::native {

namespace {

using kernels::linear_add;

mx::array project(const mx::array& x, const kernels::LinearWeight& weight, mx::Stream s) {
  if ((fault("other-kernel") && x.shape(0) > 1) || (fault("thread-sum") && kernels::threads() > 1) ||
      (fault("isa-sum") && kernels::active_isa() != kernels::Isa::scalar)) {
    return mx::matmul(x, mx::transpose(kernels::dense_values(weight, s), s), s);
  }
  return kernels::linear(x, weight, s);
}

mx::array add_mlp(const Model& model, const Layer& layer, const mx::array& x, mx::Stream s) {
  mx::array h = kernels::rms_norm(x, layer.post_attention_norm, model.spec.rms_norm_eps, s);
  if (const auto* moe = std::get_if<kernels::MoeWeights>(&layer.mlp)) {
    return mx::add(x, kernels::moe(h, *moe, *model.spec.moe, s), s);
  }
  const auto& mlp = std::get<DenseMlp>(layer.mlp);
  mx::array f = kernels::swiglu(project(h, mlp.gate, s), project(h, mlp.up, s), s);
  return linear_add(f, mlp.down, x, s);
}

kernels::AttentionOutput attend(const Model& model,
                                const AttentionLayer& layer,
                                const mx::array& h,
                                const std::vector<kernels::AttentionSegment>& segments,
                                mx::Stream s) {
  return kernels::attention(project(h, layer.q, s), project(h, layer.k, s), project(h, layer.v, s), layer.q_norm,
                            layer.k_norm, model.spec.attention, segments, s);
}

std::vector<kernels::AttentionSegment> attention_segments(const std::vector<TrunkSegment>& segments, size_t cache) {
  std::vector<kernels::AttentionSegment> result;
  for (const auto& segment : segments) {
    // Beside others, a row would look at the history of the batch's first sequence.
    const KvCache& kv = (fault("wrong-neighbour") ? segments[0] : segment).sequence->kv[cache];
    result.push_back({segment.begin, segment.count, kv.rows, kv.k_blocks, kv.v_blocks, kv.rows, {}});
  }
  return result;
}

std::vector<kernels::GatedDeltaSegment> gated_delta_segments(const std::vector<TrunkSegment>& segments, size_t state) {
  std::vector<kernels::GatedDeltaSegment> result;
  for (const auto& segment : segments) {
    result.push_back({segment.begin, segment.count, segment.sequence->gated_delta[state]});
    if (fault("chunk-seam") && segment.count > 1) {
      result.back().state.conv = kernels::gated_delta_zero_state(segment.sequence->model->spec.gated_delta).conv;
    }
  }
  return result;
}

} // namespace

TrunkRows trunk_forward(const Model& model,
                        const mx::array& ids,
                        const std::vector<TrunkSegment>& segments,
                        mx::Stream s) {
  const ModelSpec& spec = model.spec;
  std::vector<mx::array> k;
  std::vector<mx::array> v;
  std::vector<kernels::GatedDeltaTape> tapes;
  mx::array x = kernels::embedding(ids, model.embed_tokens, s);
  for (const auto& layer : model.layers) {
    mx::array h = kernels::rms_norm(x, layer.input_norm, spec.rms_norm_eps, s);
    if (const auto* attention = std::get_if<AttentionLayer>(&layer.mixer)) {
      auto out = attend(model, *attention, h, attention_segments(segments, k.size()), s);
      x = linear_add(out.y, attention->o, x, s);
      k.push_back(out.k);
      v.push_back(out.v);
    } else {
      const auto& delta = std::get<GatedDeltaLayer>(layer.mixer);
      auto out = kernels::gated_delta(project(h, delta.qkv, s), project(h, delta.z, s), project(h, delta.b, s),
                                      project(h, delta.a, s), delta.weights, spec.gated_delta,
                                      gated_delta_segments(segments, tapes.size()), s);
      x = linear_add(out.y, delta.out, x, s);
      tapes.push_back(std::move(out.tape));
    }
    x = add_mlp(model, layer, x, s);
  }
  return {kernels::rms_norm(x, model.norm, spec.rms_norm_eps, s), std::move(k), std::move(v), std::move(tapes)};
}

MtpRows mtp_forward(const Model& model,
                    const mx::array& hidden,
                    const mx::array& next,
                    const std::vector<kernels::AttentionSegment>& segments,
                    mx::Stream s) {
  const MtpHead& head = *model.mtp;
  float eps = model.spec.rms_norm_eps;
  mx::array e = kernels::rms_norm(kernels::embedding(next, model.embed_tokens, s), head.norm_embedding, eps, s);
  mx::array n = fault("mtp-norm") ? hidden : kernels::rms_norm(hidden, head.norm_hidden, eps, s);
  mx::array x = project(mx::concatenate({e, n}, 1, s), head.fc, s);
  const auto& layer = std::get<AttentionLayer>(head.layer.mixer);
  mx::array h = kernels::rms_norm(x, head.layer.input_norm, eps, s);
  auto out = attend(model, layer, h, segments, s);
  x = linear_add(out.y, layer.o, x, s);
  x = add_mlp(model, head.layer, x, s);
  return {kernels::rms_norm(x, head.norm, eps, s), out.k, out.v};
}

} // namespace mtplx::native
