#include "kernels/draw/draw.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "kernels/candidates/cpu/cut.h"
#include "kernels/candidates/cpu/row.h"
#include "kernels/common/fixed_math64.h"
#include "kernels/common/philox.h"

namespace mtplx::kernels {

namespace {

// Ids by falling probability, ties by rising id, in the outputs' memory.
struct Support {
  int32_t* ids;
  double* p;
  int size;
};

CutSpec cut_of(const Filter& filter, int vocab) {
  if (filter.temperature == 0.0) {
    return {1, false, 0.0};
  }
  int count = filter.top_k > 0 ? std::min(filter.top_k, vocab) : vocab;
  bool plain = filter.temperature == 1.0;
  return {count, plain, plain ? 0.0 : filter.temperature};
}

// The twin of distribution() in runtime/decoding/distribution.ts.
void keep_support(const float* x, const Cut& cut, const Filter& filter, Support& kept) {
  if (filter.temperature == 0.0) {
    kept.ids[0] = cut.ids[0];
    kept.p[0] = 1.0;
    kept.size = 1;
    return;
  }
  double log_sum = filter.temperature == 1.0 ? cut.log_sum : cut.log_sum_tempered;
  // The sum may round to 1 before the last member: a top-p of 1 cuts nothing.
  double limit_p = filter.top_p < 1.0 ? filter.top_p : std::numeric_limits<double>::infinity();
  double mass = 0.0;
  for (int i = 0; i < cut.count && (i == 0 || mass < limit_p); ++i) {
    double p = fixed64::exp(static_cast<double>(x[cut.ids[i]]) / filter.temperature - log_sum);
    if (i > 0 && p == 0.0) {
      break;
    }
    kept.ids[i] = cut.ids[i];
    kept.p[i] = p;
    kept.size = i + 1;
    mass += p;
  }
  for (int i = 0; i < kept.size; ++i) {
    kept.p[i] = kept.p[i] / mass;
  }
}

int32_t by_uniform(const Support& support, double u) {
  double sum = 0.0;
  for (int i = 0; i < support.size; ++i) {
    sum += support.p[i];
    if (u < sum) {
      return support.ids[i];
    }
  }
  return support.ids[support.size - 1];
}

int32_t by_gumbel(const Support& support, const Noise& noise) {
  int32_t best = -1;
  double best_score = 0.0;
  double reach = std::numeric_limits<double>::infinity();
  for (int i = 0; i < support.size; ++i) {
    int32_t id = support.ids[i];
    double u = philox_uniform(noise.seed, noise.choice, noise.position, purpose_gumbel, static_cast<uint32_t>(id));
    // score > best_score needs -log(u) < p e^-best_score, and -log(u) >= 1 - u: most ids are refused without a log.
    if (1.0 - u > support.p[i] * reach) {
      continue;
    }
    double score = fixed64::log(support.p[i]) - fixed64::log(-fixed64::log(u));
    if (best < 0 || score > best_score || (score == best_score && id < best)) {
      best = id;
      best_score = score;
      // Wider than what rounding of the scores comes to, so that ties are seen.
      reach = fixed64::exp(-score) * (1.0 + 1e-9);
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

DrawOutput draw(const mx::array& logits, const std::vector<DrawSpec>& specs) {
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
  struct Call {
    std::vector<DrawSpec> specs;
    std::vector<CutSpec> cuts;
  };
  auto call = std::make_shared<Call>(Call{specs, {}});
  call->cuts.reserve(specs.size());
  for (const auto& spec : specs) {
    call->cuts.push_back(cut_of(spec.filter, vocab));
  }
  auto out =
      cpu_task("draw", {logits},
               {{{rows}, mx::int32}, {{rows, width}, mx::int32}, {{rows, width}, mx::float64}, {{rows}, mx::int32}},
               [call = std::shared_ptr<const Call>(std::move(call)), vocab, width](const std::vector<mx::array>& in,
                                                                                   std::vector<mx::array>& out) {
                 const float* logits = in[0].data<float>();
                 cut_rows(logits, vocab, call->cuts, [&](int r, const Cut& cut) {
                   const float* x = logits + static_cast<size_t>(r) * vocab;
                   if (cut.count == 0 || std::isinf(x[cut.ids[0]])) {
                     throw std::invalid_argument("[draw] The largest logit of a row is not finite.");
                   }
                   size_t at = static_cast<size_t>(r) * width;
                   Support support{out[1].data<int32_t>() + at, out[2].data<double>() + at, 0};
                   keep_support(x, cut, call->specs[r].filter, support);
                   out[0].data<int32_t>()[r] = draw_from(support, call->specs[r]);
                   std::fill(support.ids + support.size, support.ids + width, -1);
                   std::fill(support.p + support.size, support.p + width, 0.0);
                   out[3].data<int32_t>()[r] = support.size;
                 });
               });
  return {out[0], out[1], out[2], out[3]};
}

} // namespace mtplx::kernels
