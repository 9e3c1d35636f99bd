#include "native/src/forward.h"

#include "kernels/common/isa.h"
#include "kernels/common/thread_pool.h"
#include "kernels/embedding/embedding.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rows/rows.h"
#include "kernels/swiglu/swiglu.h"
#include "native/src/faults.h"

namespace mtplx::native {

namespace {

using kernels::linear_add;

using kernels::InputNorm;

// Deliberate bugs for the gates' negative controls: another kernel for some rows, threads or instruction sets.
bool other_kernel(int rows) {
  return (fault("other-kernel") && rows > 1) || (fault("thread-sum") && kernels::threads() > 1) ||
         (fault("isa-sum") && kernels::active_isa() != kernels::Isa::scalar);
}

mx::array stock_linear(const mx::array& x, const kernels::LinearWeight& weight) {
  return mx::matmul(x, mx::transpose(kernels::dense_values(weight)));
}

std::vector<mx::array> project(const mx::array& x,
                               const std::vector<const kernels::LinearWeight*>& weights,
                               const InputNorm* norm = nullptr) {
  if (!other_kernel(x.shape(0))) {
    return kernels::linears(x, weights, norm);
  }
  mx::array h = norm ? kernels::rms_norm(x, norm->weight, norm->eps) : x;
  std::vector<mx::array> y;
  for (const auto* w : weights) {
    y.push_back(stock_linear(h, *w));
  }
  return y;
}

mx::array add_mlp(const Model& model, const Layer& layer, const mx::array& x) {
  const InputNorm& norm = layer.post_attention_norm;
  if (const auto* moe = std::get_if<kernels::MoeWeights>(&layer.mlp)) {
    mx::array h = kernels::rms_norm(x, norm.weight, norm.eps);
    return kernels::add_rows(x, kernels::moe(h, *moe, *model.spec.moe));
  }
  const auto& mlp = std::get<DenseMlp>(layer.mlp);
  if (other_kernel(x.shape(0))) {
    auto y = project(x, {&mlp.gate, &mlp.up}, &norm);
    return linear_add(kernels::swiglu(y[0], y[1]), mlp.down, x);
  }
  return linear_add(kernels::linear_swiglu(x, mlp.gate, mlp.up, &norm), mlp.down, x);
}

kernels::AttentionOutput attend(const Model& model,
                                const AttentionLayer& layer,
                                const mx::array& x,
                                const InputNorm& norm,
                                const std::vector<kernels::AttentionSegment>& segments) {
  auto y = project(x, {&layer.q, &layer.k, &layer.v}, &norm);
  return kernels::attention(y[0], y[1], y[2], layer.q_norm, layer.k_norm, model.spec.attention, segments);
}

std::vector<kernels::AttentionSegment> attention_segments(const std::vector<TrunkSegment>& segments, size_t cache) {
  std::vector<kernels::AttentionSegment> result;
  result.reserve(segments.size());
  for (const auto& segment : segments) {
    // Beside others, a row would look at the history of the batch's first sequence.
    const KvCache& kv = (fault("wrong-neighbour") ? segments[0] : segment).sequence->kv[cache];
    result.push_back({segment.begin, segment.count, kv.rows, kv.k_blocks, kv.v_blocks, kv.rows, {}});
  }
  return result;
}

// The states are handed over, so that what they owe can be applied in place.
std::vector<kernels::GatedDeltaSegment> gated_delta_segments(const std::vector<TrunkSegment>& segments, size_t state) {
  std::vector<kernels::GatedDeltaSegment> result;
  result.reserve(segments.size());
  for (const auto& segment : segments) {
    result.push_back({segment.begin, segment.count, std::move(segment.sequence->gated_delta[state])});
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
                        bool whole) {
  const ModelSpec& spec = model.spec;
  std::vector<mx::array> k;
  std::vector<mx::array> v;
  std::vector<kernels::GatedDeltaTape> tapes;
  k.reserve(model.layers.size());
  v.reserve(model.layers.size());
  tapes.reserve(model.layers.size());
  mx::array x = kernels::embedding(ids, model.embed_tokens);
  for (const auto& layer : model.layers) {
    layer.cold.fetch();
    if (const auto* attention = std::get_if<AttentionLayer>(&layer.mixer)) {
      auto out = attend(model, *attention, x, layer.input_norm, attention_segments(segments, k.size()));
      x = linear_add(out.y, attention->o, x);
      k.push_back(std::move(out.k));
      v.push_back(std::move(out.v));
    } else {
      const auto& delta = std::get<GatedDeltaLayer>(layer.mixer);
      auto y = project(x, {&delta.qkv, &delta.z, &delta.b, &delta.a}, &layer.input_norm);
      auto out = kernels::gated_delta(y[0], y[1], y[2], y[3], delta.weights, spec.gated_delta,
                                      gated_delta_segments(segments, tapes.size()));
      for (size_t i = 0; i < segments.size(); ++i) {
        segments[i].sequence->gated_delta[tapes.size()] = std::move(out.before[i]);
      }
      x = linear_add(out.y, delta.out, x);
      if (whole) {
        out.tape.steps.reset();
      }
      tapes.push_back(std::move(out.tape));
    }
    x = add_mlp(model, layer, x);
  }
  return {kernels::rms_norm(x, model.norm, spec.rms_norm_eps), std::move(k), std::move(v), std::move(tapes), whole};
}

MtpRows mtp_forward(const Model& model,
                    const mx::array& hidden,
                    const mx::array& next,
                    const std::vector<kernels::AttentionSegment>& segments) {
  const MtpHead& head = *model.mtp;
  float eps = model.spec.rms_norm_eps;
  head.layer.cold.fetch();
  mx::array e = kernels::embedding(next, model.embed_tokens);
  mx::array pair = kernels::rms_norm_pair(e, head.norm_embedding, hidden, head.norm_hidden, eps);
  if (fault("mtp-norm")) {
    pair = mx::concatenate({kernels::rms_norm(e, head.norm_embedding, eps), hidden}, 1);
  }
  mx::array x = project(pair, {&head.fc})[0];
  const auto& layer = std::get<AttentionLayer>(head.layer.mixer);
  auto out = attend(model, layer, x, head.layer.input_norm, segments);
  x = linear_add(out.y, layer.o, x);
  x = add_mlp(model, head.layer, x);
  return {kernels::rms_norm(x, head.norm, eps), std::move(out.k), std::move(out.v)};
}

} // namespace mtplx::native
