#include "kernels/draw/reference.h"

#include <algorithm>
#include <cmath>

namespace mtplx::kernels {

std::vector<std::pair<int, double>> draw_reference(const std::vector<float>& logits, const Filter& filter) {
  std::vector<std::pair<int, double>> all;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > -INFINITY) {
      all.emplace_back(static_cast<int>(i), logits[i]);
    }
  }
  std::stable_sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.second > b.second; });
  if (filter.temperature == 0.0) {
    return {{all.at(0).first, 1.0}};
  }
  double top = all.at(0).second;
  double total = 0.0;
  for (auto& [id, p] : all) {
    p = std::exp((p - top) / filter.temperature);
    total += p;
  }
  std::vector<std::pair<int, double>> kept;
  double before = 0.0; // mass of the members before this one, in the whole softmax
  for (auto& [id, p] : all) {
    p /= total;
    bool inside = kept.empty() || filter.top_p == 1.0 || before < filter.top_p;
    if (!inside || p == 0.0 || (filter.top_k > 0 && static_cast<int>(kept.size()) == filter.top_k)) {
      break;
    }
    kept.emplace_back(id, p);
    before += p;
  }
  for (auto& [id, p] : kept) {
    p /= before;
  }
  return kept;
}

} // namespace mtplx::kernels
