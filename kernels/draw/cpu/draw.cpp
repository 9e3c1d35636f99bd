#include "kernels/draw/draw.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/candidates/cpu/row.h"
#include "kernels/common/fixed_math64.h"
#include "kernels/common/philox.h"
#include "kernels/common/thread_pool.h"

namespace mtplx::kernels {

namespace {

// Ids by falling probability, ties by rising id.
struct Support {
  std::vector<int32_t> ids;
  std::vector<double> p;
};

// The twin of distribution() in runtime/decoding/distribution.ts.
Support support_of(const float* x, int vocab, const Filter& filter) {
  bool greedy = filter.temperature == 0.0;
  int limit = greedy ? 1 : filter.top_k > 0 ? std::min(filter.top_k, vocab) : vocab;
  std::vector<int32_t> best = largest(x, vocab, limit);
  if (best.empty() || std::isinf(x[best[0]])) {
    throw std::invalid_argument("[draw] The largest logit of a row is not finite.");
  }
  if (greedy) {
    return {{best[0]}, {1.0}};
  }
  double log_sum = MTPLX_SELECT_ISA(log_sum_exp)(x, vocab, filter.temperature, x[best[0]]);
  Support kept;
  // The sum may round to 1 before the last member: a top-p of 1 cuts nothing.
  double limit_p = filter.top_p < 1.0 ? filter.top_p : std::numeric_limits<double>::infinity();
  double mass = 0.0;
  for (size_t i = 0; i < best.size() && (i == 0 || mass < limit_p); ++i) {
    double p = fixed64::exp(static_cast<double>(x[best[i]]) / filter.temperature - log_sum);
    if (i > 0 && p == 0.0) {
      break;
    }
    kept.ids.push_back(best[i]);
    kept.p.push_back(p);
    mass += p;
  }
  for (double& p : kept.p) {
    p = p / mass;
  }
  return kept;
}

int32_t by_uniform(const Support& support, double u) {
  double sum = 0.0;
  for (size_t i = 0; i < support.ids.size(); ++i) {
    sum += support.p[i];
    if (u < sum) {
      return support.ids[i];
    }
  }
  return support.ids.back();
}

int32_t by_gumbel(const Support& support, const Noise& noise) {
  int32_t best = -1;
  double best_score = 0.0;
  for (size_t i = 0; i < support.ids.size(); ++i) {
    int32_t id = support.ids[i];
    double u = philox_uniform(noise.seed, noise.choice, noise.position, purpose_gumbel, static_cast<uint32_t>(id));
    double score = fixed64::log(support.p[i]) - fixed64::log(-fixed64::log(u));
    if (best < 0 || score > best_score || (score == best_score && id < best)) {
      best = id;
      best_score = score;
    }
  }
  return best;
}

int32_t draw_from(const Support& support, const DrawSpec& spec) {
  if (spec.filter.temperature == 0.0) {
    return support.ids[0];
  }
  return spec.noise.kind == Noise::Kind::uniform ? by_uniform(support, spec.noise.uniform)
                                                 : by_gumbel(support, spec.noise);
}

} // namespace

void check_draw(const DrawSpec& spec) {
  const Filter& f = spec.filter;
  if (!usable_temperature(f.temperature) || !(f.top_p > 0.0 && f.top_p <= 1.0) || f.top_k < 0) {
    throw std::invalid_argument(
        "[draw] A filter needs temperature 0 or in [1e-30, 1e30], top-p in (0, 1] and top-k >= 0.");
  }
  if (f.temperature > 0.0 && spec.noise.kind == Noise::Kind::none) {
    throw std::invalid_argument("[draw] A draw at a temperature above 0 needs noise.");
  }
  if (spec.noise.kind == Noise::Kind::uniform && !(spec.noise.uniform > 0.0 && spec.noise.uniform < 1.0)) {
    throw std::invalid_argument("[draw] A uniform number must lie in (0, 1).");
  }
}

DrawOutput draw(const mx::array& logits, const std::vector<DrawSpec>& specs, mx::Stream s) {
  if (logits.ndim() != 2 || logits.dtype() != mx::float32 || specs.size() != static_cast<size_t>(logits.shape(0))) {
    throw std::invalid_argument("[draw] logits must be f32 [R, V] with one spec a row.");
  }
  int rows = logits.shape(0);
  int vocab = logits.shape(1);
  int width = 1;
  for (const auto& spec : specs) {
    check_draw(spec);
    int k = spec.filter.temperature == 0.0 ? 1 : spec.filter.top_k;
    width = std::max(width, k > 0 ? std::min(k, vocab) : vocab);
  }
  auto out = cpu_task(
      "draw", {logits},
      {{{rows}, mx::int32}, {{rows, width}, mx::int32}, {{rows, width}, mx::float64}, {{rows}, mx::int32}},
      [=](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
        parallel_for(rows, [&](int r) {
          Support support = support_of(in[0].data<float>() + static_cast<size_t>(r) * vocab, vocab, specs[r].filter);
          out[0].data<int32_t>()[r] = draw_from(support, specs[r]);
          int32_t* ids = out[1].data<int32_t>() + static_cast<size_t>(r) * width;
          double* p = out[2].data<double>() + static_cast<size_t>(r) * width;
          size_t size = support.ids.size();
          for (size_t i = 0; i < static_cast<size_t>(width); ++i) {
            ids[i] = i < size ? support.ids[i] : -1;
            p[i] = i < size ? support.p[i] : 0.0;
          }
          out[3].data<int32_t>()[r] = static_cast<int32_t>(size);
        });
      },
      s);
  return {out[0], out[1], out[2], out[3]};
}

} // namespace mtplx::kernels
