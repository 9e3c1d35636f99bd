#include "native/src/weights.h"

// Checkpoints store zero-centred norms either raw (w - 1, Hugging Face) or shifted (w, MLX), and mixed files
// exist; nothing in them says which. Effective weights are positive and of order 1, raw ones are spread around 0
// (Qwen3.6-27B: raw pre_fc_norm_embedding has mean -0.44, shifted +0.56).
namespace mtplx::native {

namespace {

bool zero_centred(const std::string& name) {
  auto ends = [&](const std::string& suffix) {
    return name.size() >= suffix.size() &&
        name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
  };
  return name == "norm.weight" || name == "mtp.norm.weight" ||
      ends("input_layernorm.weight") || ends("post_attention_layernorm.weight") ||
      ends("q_norm.weight") || ends("k_norm.weight") ||
      ends("pre_fc_norm_hidden.weight") || ends("pre_fc_norm_embedding.weight");
}

// Final norms may have any scale, so they cannot decide for themselves.
bool decides(const std::string& name) {
  return name != "norm.weight" && name != "mtp.norm.weight";
}

bool looks_raw(const mx::array& weight) {
  mx::array w = mx::astype(weight, mx::float32);
  mx::array mean = mx::mean(w);
  mx::array negative = mx::mean(mx::astype(mx::less(w, mx::array(0.0f)), mx::float32));
  mx::eval(mean, negative);
  return mean.item<float>() < 0.3f || negative.item<float>() > 0.05f;
}

} // namespace

void Weights::decide_norm_convention() {
  int trunk_votes = 0;
  int trunk_raw = 0;
  int mtp_votes = 0;
  int mtp_raw = 0;
  std::vector<std::string> undecided;
  for (const auto& [name, plan] : plans_) {
    if (!zero_centred(name)) {
      continue;
    }
    bool mtp = name.rfind("mtp.", 0) == 0;
    if (!decides(name)) {
      if (mtp) {
        undecided.push_back(name);
      }
      continue;
    }
    bool raw = looks_raw(resolve(plan));
    if (mtp) {
      mtp_raw_by_name_[name] = raw;
      mtp_votes += 1;
      mtp_raw += raw;
    } else {
      trunk_votes += 1;
      trunk_raw += raw;
    }
  }
  trunk_raw_ = 2 * trunk_raw > trunk_votes;
  for (const auto& name : undecided) {
    bool raw = 2 * mtp_raw > mtp_votes;
    mtp_raw_by_name_[name] = raw;
    mtp_raw += raw;
    mtp_votes += 1;
  }
  mtp_raw_ = mtp_raw;
  mtp_norms_ = mtp_votes;
}

} // namespace mtplx::native
