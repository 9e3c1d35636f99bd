#include "native/src/plans.h"

#include <algorithm>

#include "kernels/embedding/embedding.h"
#include "kernels/rms_norm/rms_norm.h"
#include "native/src/faults.h"

namespace mtplx::native {

namespace {

using kernels::fresh;

// A trunk's plan takes 20 KB with 16 layers. Beyond these all are made anew: texts and batches that are over.
constexpr size_t most_trunk_plans = 24;
constexpr size_t most_mtp_plans = 64;

mx::array new_rows(kernels::Plan& plan, kernels::PlanRows rows, mx::Shape shape) {
  shape.insert(shape.begin(), plan.rows());
  mx::array array = fresh(shape, mx::float32);
  plan.bind(rows, array.data<float>());
  return array;
}

mx::array new_kv(kernels::Plan& plan, kernels::PlanRows rows, const ModelSpec& spec) {
  return new_rows(plan, rows, {spec.attention.kv_heads, spec.attention.head_dim});
}

void look_at(kernels::PlainAttentionSegment& s, int begin, int count, const KvCache& kv) {
  s.row_begin = begin;
  s.row_count = count;
  s.position = s.block_rows = kv.rows;
  s.k_blocks = kv.k_data.data();
  s.v_blocks = kv.v_data.data();
  s.extra.clear();
}

std::vector<kernels::GatedDeltaSegment> take_states(const std::vector<TrunkSegment>& segments, size_t layer) {
  std::vector<kernels::GatedDeltaSegment> result;
  result.reserve(segments.size());
  for (const auto& segment : segments) {
    result.push_back({segment.begin, segment.count, std::move(segment.sequence->gated_delta[layer]), segment.kept});
    if (fault("chunk-seam") && segment.count > 1) {
      result.back().state.conv = kernels::gated_delta_zero_state(segment.sequence->model->spec.gated_delta).conv;
    }
  }
  return result;
}

template <class Segment>
std::vector<int> rows_of(const std::vector<Segment>& segments) {
  std::vector<int> rows;
  rows.reserve(segments.size());
  for (const auto& s : segments) {
    rows.push_back(s.count);
  }
  return rows;
}

// A deliberate bug: the hidden half of the pairs without its norm.
struct HiddenAsItIs {
  kernels::PlanRows from, pair;

  void run(const kernels::PlanMemory& memory) const {
    for (int r = 0; r < memory.rows(); ++r) {
      std::copy_n(memory[from] + static_cast<size_t>(r) * from.width, from.width,
                  memory[pair] + static_cast<size_t>(r) * pair.width + from.width);
    }
  }
};

// What the head's layer reads: the embeddings of *ids beside the hidden rows.
kernels::PlanRows record_pair(kernels::Plan& plan,
                              const Model& model,
                              const int32_t* const* ids,
                              kernels::PlanRows hidden) {
  const MtpHead& head = *model.mtp;
  kernels::PlanRows e = plan.own(model.spec.hidden_size);
  kernels::plan_embedding(plan, ids, model.embed_tokens, e);
  kernels::PlanRows pair = plan.own(2 * model.spec.hidden_size);
  kernels::plan_rms_norm_pair(plan, e, head.norm_embedding, hidden, head.norm_hidden, model.spec.rms_norm_eps, pair);
  if (fault("mtp-norm")) {
    plan.record({"mtp_norm", {hidden, pair}, {pair}, HiddenAsItIs{hidden, pair}});
  }
  return record_linear(plan, pair, head.fc);
}

kernels::PlanRows record_logits(kernels::Plan& plan, kernels::PlanRows hidden, const kernels::LinearWeight& head) {
  kernels::PlanRows logits = plan.bound(head.out_features);
  kernels::plan_linears(plan, hidden, {&head}, nullptr, {logits});
  return logits;
}

template <class Kind>
size_t count_layers(const Model& model) {
  return std::count_if(model.layers.begin(), model.layers.end(),
                       [](const Layer& l) { return std::holds_alternative<Kind>(l.mixer); });
}

template <class Plans, class Key, class Make>
auto& kept_or_made(Plans& plans, size_t most, const Key& key, Make make) {
  auto found = plans.find(key);
  if (found == plans.end()) {
    if (plans.size() >= most) {
      plans.clear();
    }
    found = plans.emplace(key, make()).first;
  }
  return *found->second;
}

} // namespace

TrunkPlan::TrunkPlan(const Model& model, kernels::AttentionOverlays& overlays, int rows, TrunkWants wants)
    : model_(model), wants_(wants), plan_(rows), shared_{overlays} {
  kernels::PlanRows x = plan_.own(model.spec.hidden_size);
  kernels::plan_embedding(plan_, &ids_, model.embed_tokens, x);
  attention_.resize(count_layers<AttentionLayer>(model));
  gated_delta_.resize(count_layers<GatedDeltaLayer>(model));
  if (!attention_.empty()) {
    shared_.angles = kernels::plan_angles(plan_, model.spec.attention, &attention_[0].segments);
  }
  size_t attention = 0;
  size_t delta = 0;
  for (const auto& layer : model.layers) {
    if (std::holds_alternative<AttentionLayer>(layer.mixer)) {
      x = record_attention(plan_, model, layer, x, shared_, attention_[attention++]);
    } else {
      x = record_gated_delta(plan_, model, layer, x, !wants.whole, gated_delta_[delta++]);
    }
    x = record_mlp(plan_, model, layer, x);
  }
  hidden_ = plan_.bound(model.spec.hidden_size);
  kernels::plan_rms_norm(plan_, x, model.norm, model.spec.rms_norm_eps, hidden_);
  if (wants.logits) {
    logits_ = record_logits(plan_, hidden_, model.lm_head);
  }
  plan_.finish();
}

std::vector<std::optional<kernels::GatedDeltaSteps>> TrunkPlan::bind_steps() {
  std::vector<std::optional<kernels::GatedDeltaSteps>> steps(gated_delta_.size());
  if (wants_.whole || steps.empty()) {
    return steps;
  }
  // One array: the descriptions of four a layer would come from beyond the caches in every step.
  const auto& spec = model_.spec.gated_delta;
  size_t floats = kernels::gated_delta_step_floats(spec, plan_.rows());
  mx::array memory = fresh({static_cast<int>(steps.size()), static_cast<int>(floats)}, mx::float32);
  for (size_t layer = 0; layer < steps.size(); ++layer) {
    const auto& s = steps[layer].emplace(kernels::gated_delta_steps_in(spec, plan_.rows(), memory, layer * floats));
    const kernels::GatedDeltaRows& rows = gated_delta_[layer].rows;
    plan_.bind(rows.qkv, const_cast<float*>(s.qkv));
    plan_.bind(rows.decay, const_cast<float*>(s.decay));
    plan_.bind(*rows.k, const_cast<float*>(s.k));
    plan_.bind(*rows.delta, const_cast<float*>(s.delta));
  }
  return steps;
}

TrunkRows TrunkPlan::run(const std::vector<int32_t>& ids, const std::vector<TrunkSegment>& segments) {
  const ModelSpec& spec = model_.spec;
  ids_ = ids.data();
  TrunkRows result{new_rows(plan_, hidden_, {spec.hidden_size}), {}, {}, {}, wants_.whole};
  if (wants_.logits) {
    result.logits = new_rows(plan_, logits_, {logits_.width});
  }
  result.k.reserve(attention_.size());
  result.v.reserve(attention_.size());
  for (size_t layer = 0; layer < attention_.size(); ++layer) {
    AttentionPlace& place = attention_[layer];
    place.segments.resize(segments.size());
    for (size_t i = 0; i < segments.size(); ++i) {
      // Beside others, a row would look at the history of the batch's first sequence.
      const Sequence& q = *(fault("wrong-neighbour") ? segments[0] : segments[i]).sequence;
      look_at(place.segments[i], segments[i].begin, segments[i].count, q.kv[layer]);
    }
    result.k.push_back(new_kv(plan_, place.k, spec));
    result.v.push_back(new_kv(plan_, place.v, spec));
  }
  if (!attention_.empty()) {
    shared_.overlays.fit(spec.attention, attention_[0].segments);
  }
  std::vector<kernels::GatedDeltaPass> passes;
  passes.reserve(gated_delta_.size());
  for (size_t layer = 0; layer < gated_delta_.size(); ++layer) {
    passes.emplace_back(spec.gated_delta, take_states(segments, layer));
    passes.back().plain(gated_delta_[layer].segments);
  }
  auto steps = bind_steps();
  plan_.run(rows_of(segments));
  result.tapes.reserve(passes.size());
  for (size_t layer = 0; layer < passes.size(); ++layer) {
    auto before = passes[layer].before();
    for (size_t i = 0; i < segments.size(); ++i) {
      segments[i].sequence->gated_delta[layer] = std::move(before[i]);
    }
    result.tapes.push_back(passes[layer].tape(std::move(steps[layer])));
  }
  return result;
}

MtpPlan::MtpPlan(const Model& model, kernels::AttentionOverlays& overlays, int rows)
    : model_(model), plan_(rows), shared_{overlays} {
  const MtpHead& head = *model.mtp;
  const float eps = model.spec.rms_norm_eps;
  from_ = plan_.bound(model.spec.hidden_size);
  shared_.angles = kernels::plan_angles(plan_, model.spec.attention, &attention_.segments);
  kernels::PlanRows x = record_pair(plan_, model, &ids_, from_);
  x = record_attention(plan_, model, head.layer, x, shared_, attention_);
  x = record_mlp(plan_, model, head.layer, x);
  hidden_ = plan_.bound(model.spec.hidden_size);
  kernels::plan_rms_norm(plan_, x, head.norm, eps, hidden_);
  logits_ = record_logits(plan_, hidden_, model.draft_head ? *model.draft_head : model.lm_head);
  plan_.finish();
}

MtpRows MtpPlan::run(const float* hidden, const std::vector<int32_t>& next, const std::vector<MtpSegment>& segments) {
  ids_ = next.data();
  plan_.bind(from_, const_cast<float*>(hidden));
  attention_.segments.resize(segments.size());
  for (size_t i = 0; i < segments.size(); ++i) {
    const MtpSegment& s = segments[i];
    look_at(attention_.segments[i], s.begin, s.count, *s.kv);
    for (const auto& rows : s.extra) {
      size_t at = static_cast<size_t>(rows.row_begin) * attention_.k.width;
      attention_.segments[i].extra.push_back({rows.k.data<float>() + at, rows.v.data<float>() + at, rows.count});
      attention_.segments[i].position += rows.count;
    }
  }
  shared_.overlays.fit(model_.spec.attention, attention_.segments);
  MtpRows result{new_rows(plan_, hidden_, {model_.spec.hidden_size}), new_rows(plan_, logits_, {logits_.width}),
                 new_kv(plan_, attention_.k, model_.spec), new_kv(plan_, attention_.v, model_.spec)};
  plan_.run(rows_of(segments));
  return result;
}

MtpKvPlan::MtpKvPlan(const Model& model, int rows) : model_(model), plan_(rows) {
  const Layer& layer = model.mtp->layer;
  from_ = plan_.bound(model.spec.hidden_size);
  kernels::PlanRows angles = kernels::plan_angles(plan_, model.spec.attention, &attention_.segments);
  kernels::PlanRows x = record_pair(plan_, model, &ids_, from_);
  record_new_kv(plan_, model, layer, x, angles, attention_);
  plan_.finish();
}

MtpKv MtpKvPlan::run(const float* hidden,
                     const std::vector<int32_t>& next,
                     const std::vector<MtpSegment>& segments,
                     Threads threads) {
  ids_ = next.data();
  plan_.bind(from_, const_cast<float*>(hidden));
  attention_.segments.resize(segments.size());
  for (size_t i = 0; i < segments.size(); ++i) {
    look_at(attention_.segments[i], segments[i].begin, segments[i].count, *segments[i].kv);
    attention_.segments[i].position += static_cast<int>(segments[i].extra.size());
  }
  MtpKv result{new_kv(plan_, attention_.k, model_.spec), new_kv(plan_, attention_.v, model_.spec)};
  threads == Threads::own ? plan_.run_alone() : plan_.run(rows_of(segments));
  return result;
}

TrunkPlan& PlanBank::trunk(const Model& model, int rows, TrunkWants wants) {
  return kept_or_made(trunk_, most_trunk_plans, std::tuple{rows, wants.whole, wants.logits},
                      [&] { return std::make_unique<TrunkPlan>(model, overlays_, rows, wants); });
}

MtpPlan& PlanBank::mtp(const Model& model, int rows) {
  return kept_or_made(mtp_, most_mtp_plans, rows, [&] { return std::make_unique<MtpPlan>(model, overlays_, rows); });
}

MtpKvPlan& PlanBank::mtp_kv(const Model& model, int rows) {
  return kept_or_made(mtp_kv_, most_mtp_plans, rows, [&] { return std::make_unique<MtpKvPlan>(model, rows); });
}

} // namespace mtplx::native
