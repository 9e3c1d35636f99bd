#include "native/src/weights.h"

// Checkpoints store zero-centred norms either raw (w - 1, Hugging Face) or shifted (w, MLX), and nothing in them
// says which. Effective weights are positive, raw ones are not. A single tensor may be all positive either way
// (a raw q_norm of mean 0.7, say), so the numbers of a group decide together. Mixed files come from converters that
// shift by suffix and miss the head's own three norms: hence two groups for the MTP head.
namespace mtplx::native {

namespace {

// Share of negative numbers above which a group is raw: 0 in shifted groups, 15 % and more in raw ones of
// trained models.
constexpr double raw_share = 0.01;

bool ends_with(const std::string& name, const std::string& suffix) {
  return name.size() >= suffix.size() && name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
}

double negatives(const mx::array& weight) {
  mx::array count = mx::sum(mx::astype(mx::less(mx::astype(weight, mx::float32), mx::array(0.0f)), mx::float32));
  mx::eval(count);
  return count.item<float>();
}

} // namespace

std::optional<NormGroup> norm_group(const std::string& name) {
  if (name == "mtp.norm.weight" || name == "mtp.pre_fc_norm_hidden.weight" ||
      name == "mtp.pre_fc_norm_embedding.weight") {
    return NormGroup::mtp_own;
  }
  bool mtp = name.rfind("mtp.", 0) == 0;
  if (name == "norm.weight") {
    return NormGroup::trunk;
  }
  for (const char* suffix :
       {".input_layernorm.weight", ".post_attention_layernorm.weight", ".q_norm.weight", ".k_norm.weight"}) {
    if (ends_with(name, suffix)) {
      return mtp ? NormGroup::mtp_layer : NormGroup::trunk;
    }
  }
  return std::nullopt;
}

void Weights::decide_norm_convention() {
  std::map<NormGroup, std::pair<double, double>> counts; // negative, all
  for (const auto& [name, plan] : plans_) {
    if (auto group = norm_group(name)) {
      mx::array weight = resolve(plan);
      counts[*group].first += negatives(weight);
      counts[*group].second += static_cast<double>(weight.size());
    }
  }
  for (const auto& [group, count] : counts) {
    raw_norms_[group] = count.first > raw_share * count.second;
  }
}

} // namespace mtplx::native
