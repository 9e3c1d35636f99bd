#include "kernels/candidates/reference.h"

#include <algorithm>
#include <cmath>

namespace mtplx::kernels {

namespace {

double log_sum(const std::vector<std::pair<int, float>>& best, double temperature) {
  double top = best.at(0).second / temperature;
  double sum = 0.0;
  for (auto& [id, x] : best) {
    sum += std::exp(x / temperature - top);
  }
  return top + std::log(sum);
}

} // namespace

CandidateReference candidates_reference(std::vector<float> logits, const CandidateSpec& spec, const RowEdits& edits) {
  for (const auto& e : edits.edits) {
    logits[e.id] = logits[e.id] * e.multiply + e.add;
  }
  CandidateReference r{{}, 0.0, 0.0};
  for (size_t i = 0; i < logits.size(); ++i) {
    bool allowed = edits.mask.empty() || (edits.mask[i / 32] >> (i % 32) & 1);
    if (allowed && logits[i] > -INFINITY) {
      r.best.emplace_back(static_cast<int>(i), logits[i]);
    }
  }
  std::stable_sort(r.best.begin(), r.best.end(), [](auto& a, auto& b) { return a.second > b.second; });
  r.log_sum = log_sum(r.best, 1.0);
  r.log_sum_tempered = spec.temperature == 0.0 ? r.log_sum : log_sum(r.best, spec.temperature);
  r.best.resize(std::min<size_t>(r.best.size(), spec.count));
  return r;
}

} // namespace mtplx::kernels
