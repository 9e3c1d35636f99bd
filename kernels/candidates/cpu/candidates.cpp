#include "kernels/candidates/candidates.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "kernels/candidates/cpu/cut.h"
#include "kernels/candidates/cpu/row.h"

namespace mtplx::kernels {

namespace {

constexpr float minus_inf = -std::numeric_limits<float>::infinity();

void check(bool ok, const char* message) {
  if (!ok) {
    throw std::invalid_argument(std::string("[candidates] ") + message);
  }
}

void check_logits(const mx::array& logits) {
  check(logits.ndim() == 2 && logits.dtype() == mx::float32, "logits must be f32 [R, V].");
}

void apply(const RowEdits& edits, int vocab, float* row) {
  for (const auto& e : edits.edits) {
    row[e.id] = row[e.id] * e.multiply + e.add;
  }
  if (!edits.mask.empty()) {
    for (int i = 0; i < vocab; ++i) {
      if (!(edits.mask[i / 32] >> (i % 32) & 1)) {
        row[i] = minus_inf;
      }
    }
  }
}

} // namespace

void check_candidates(const CandidateSpec& spec, int vocab) {
  check(spec.count >= 1 && spec.count <= vocab, "the count lies outside 1 .. V.");
  check(usable_temperature(spec.temperature), "the temperature must be 0 or lie in [1e-30, 1e30].");
}

void check_edits(const RowEdits& edits, int vocab) {
  for (const auto& e : edits.edits) {
    check(e.id >= 0 && e.id < vocab, "an edit's id is outside the vocabulary.");
  }
  if (edits.mask.empty()) {
    return;
  }
  check(edits.mask.size() == static_cast<size_t>((vocab + 31) / 32), "a mask has ceil(V / 32) words.");
  int used = vocab % 32;
  uint32_t last = used == 0 ? edits.mask.back() : edits.mask.back() & ((1u << used) - 1);
  bool any = last != 0;
  for (size_t i = 0; !any && i + 1 < edits.mask.size(); ++i) {
    any = edits.mask[i] != 0;
  }
  check(any, "a mask allows no id.");
}

CandidateOutput candidates(const mx::array& logits,
                           const std::vector<CandidateSpec>& specs,
                           const std::vector<RowEdits>& edits) {
  check_logits(logits);
  int rows = logits.shape(0);
  int vocab = logits.shape(1);
  check(static_cast<int>(specs.size()) == rows, "one spec for each row is needed.");
  int width = 1;
  for (const auto& spec : specs) {
    check_candidates(spec, vocab);
    width = std::max(width, spec.count);
  }
  mx::array input = edits.empty() ? logits : edited(logits, edits);
  auto cuts = std::make_shared<std::vector<CutSpec>>();
  cuts->reserve(specs.size());
  for (const auto& spec : specs) {
    cuts->push_back({spec.count, true, spec.temperature == 1.0 ? 0.0 : spec.temperature});
  }
  auto out = cpu_task(
      "candidates", {input}, {{{rows, width}, mx::int32}, {{rows, width}, mx::float32}, {{rows, 2}, mx::float64}},
      [cuts = std::shared_ptr<const std::vector<CutSpec>>(std::move(cuts)), vocab, width](
          const std::vector<mx::array>& in, std::vector<mx::array>& out) {
        const float* logits = in[0].data<float>();
        cut_rows(logits, vocab, *cuts, [&](int r, const Cut& cut) {
          const float* x = logits + static_cast<size_t>(r) * vocab;
          check(cut.count > 0 && !std::isinf(x[cut.ids[0]]), "the largest logit of a row is not finite.");
          int32_t* ids = out[0].data<int32_t>() + static_cast<size_t>(r) * width;
          float* values = out[1].data<float>() + static_cast<size_t>(r) * width;
          for (int i = 0; i < width; ++i) {
            ids[i] = i < cut.count ? cut.ids[i] : -1;
            values[i] = i < cut.count ? x[cut.ids[i]] : minus_inf;
          }
          double* sums = out[2].data<double>() + 2 * static_cast<size_t>(r);
          sums[0] = cut.log_sum;
          sums[1] = (*cuts)[r].temperature == 0.0 ? cut.log_sum : cut.log_sum_tempered;
        });
      });
  return {out[0], out[1], out[2]};
}

mx::array edited(const mx::array& logits, const std::vector<RowEdits>& edits) {
  check_logits(logits);
  check(static_cast<int>(edits.size()) == logits.shape(0), "one RowEdits for each row is needed.");
  for (const auto& row : edits) {
    check_edits(row, logits.shape(1));
  }
  return cpu_task1("edited", {logits}, {logits.shape(), mx::float32},
                   [edits](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
                     std::memcpy(out[0].data<float>(), in[0].data<float>(), out[0].nbytes());
                     int vocab = in[0].shape(1);
                     for (size_t r = 0; r < edits.size(); ++r) {
                       apply(edits[r], vocab, out[0].data<float>() + r * vocab);
                     }
                   });
}

} // namespace mtplx::kernels
