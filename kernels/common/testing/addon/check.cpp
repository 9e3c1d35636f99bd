#include "kernels/common/testing/addon/check.h"

#include <cmath>
#include <map>

#include "kernels/attention/attention.h"
#include "kernels/attention/reference.h"
#include "kernels/candidates/reference.h"
#include "kernels/common/testing/compare.h"
#include "kernels/common/testing/law.h"
#include "kernels/draw/reference.h"
#include "kernels/embedding/embedding.h"
#include "kernels/embedding/reference.h"
#include "kernels/gated_delta/gated_delta.h"
#include "kernels/gated_delta/reference.h"
#include "kernels/kv_cache/kv_cache.h"
#include "kernels/kv_cache/reference.h"
#include "kernels/linear/reference.h"
#include "kernels/linear/testing.h"
#include "kernels/moe/moe.h"
#include "kernels/moe/testing.h"
#include "kernels/rms_norm/reference.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/swiglu/reference.h"
#include "kernels/swiglu/swiglu.h"

namespace mtplx::kernels::testing {

namespace {

// What is wrong, "" for nothing.
using Check = std::string (*)(Random& random, const Shape& shape);

std::string off_by(double found, double allowed) {
  return found <= allowed ? "" : "off by " + std::to_string(found) + ", allowed " + std::to_string(allowed);
}

// Against the root mean square of the exact output; of a few outputs that may be next to nothing.
std::string against(const mx::array& got, const Doubles& want, double allowed) {
  return want.size() < 16 ? "" : off_by(relative_rms(floats(got), want), allowed);
}

std::string first_of(const std::string& a, const std::string& b) {
  return a.empty() ? b : a;
}

std::string linear_check(Random& random, const Shape& s) {
  mx::Dtype dtype = s["dtype"] == 0 ? mx::float32 : s["dtype"] == 1 ? mx::float16 : mx::bfloat16;
  int bits = s["bits"];
  int K = bits == 0 ? s["groups"] : s["groups"] * s["group"];
  TestWeight w = bits == 0 ? random_dense(random, s["outputs"], K, dtype)
                           : random_affine(random, s["outputs"], K, bits, s["group"], dtype);
  mx::array x = random.normals({s["rows"], K});
  Doubles want = reference::linear(doubles(x), w.values, s["rows"], s["outputs"], K);
  return first_of(against(linear(x, w.weight), want, bits == 0 ? 2e-6 : 8e-5),
                  law_difference([&](const auto& in) { return linear(in[0], w.weight); }, {x}));
}

std::string embedding_check(Random& random, const Shape& s) {
  int H = s["groups"] * s["group"];
  TestWeight w = random_affine(random, s["vocab"], H, s["bits"], s["group"], mx::bfloat16);
  std::vector<int32_t> ids(s["rows"]);
  for (auto& id : ids) {
    id = random.below(s["vocab"]);
  }
  mx::array chosen(ids.begin(), {s["rows"]}, mx::int32);
  return first_of(against(embedding(chosen, w.weight), reference::embedding(ids, w.values, H), 1e-6),
                  law_difference([&](const auto& in) { return embedding(in[0], w.weight); }, {chosen}));
}

std::string rms_norm_check(Random& random, const Shape& s) {
  mx::array x = random.normals({s["rows"], s["width"]}, std::pow(10.0, random.below(7) - 3));
  mx::array weight = random.normals({s["width"]});
  mx::eval(weight);
  return first_of(against(rms_norm(x, weight, 1e-6f), reference::rms_norm(doubles(x), doubles(weight), 1e-6f), 1e-6),
                  law_difference([&](const auto& in) { return rms_norm(in[0], weight, 1e-6f); }, {x}));
}

std::string swiglu_check(Random& random, const Shape& s) {
  mx::array gate = random.normals({s["rows"], s["width"]}, 4.0);
  mx::array up = random.normals({s["rows"], s["width"]});
  return first_of(against(swiglu(gate, up), reference::swiglu(doubles(gate), doubles(up)), 1e-6),
                  law_difference([](const auto& in) { return swiglu(in[0], in[1]); }, {gate, up}));
}

std::string moe_check(Random& random, const Shape& s) {
  const int widths[] = {0, 4, 8};
  int bits = widths[s["width"]];
  int H = 32 * s["groups"];
  TestMoe m = random_moe(random, s["experts"], H, 32 * s["hidden"], bits);
  MoeSpec spec = {s["experts"], std::min(s["chosen"], s["experts"]), s["normalise"] == 1};
  mx::array x = random.normals({s["rows"], H});
  Doubles want = reference::moe(doubles(x), H, m.reference, spec.experts_per_token, spec.normalise);
  return first_of(against(moe(x, m.weights, spec), want, bits == 0 ? 2e-6 : 2e-4),
                  law_difference([&](const auto& in) { return moe(in[0], m.weights, spec); }, {x}));
}

// New rows over `past` earlier ones, all at once; then the last as a call of its own over all before it.
std::string attention_check(Random& random, const Shape& s) {
  int D = 16 * s["dim"];
  AttentionSpec spec{
      s["kv_heads"] * s["ratio"], s["kv_heads"], D, std::min(D, 2 * s["rotary"]), 1e7, 1e-6f, s["gated"] == 1};
  int rows = s["rows"];
  int past = s["past"];
  mx::array q = random.normals({rows, spec.query_heads * D * (spec.gated ? 2 : 1)});
  mx::array k = random.normals({rows, spec.kv_heads * D});
  mx::array v = random.normals({rows, spec.kv_heads * D});
  mx::array q_norm = random.normals({D});
  mx::array k_norm = random.normals({D});
  mx::array past_k = random.normals({std::max(past, 1), spec.kv_heads, D});
  mx::array past_v = random.normals({std::max(past, 1), spec.kv_heads, D});
  mx::eval(q_norm, k_norm, past_k, past_v);
  std::vector<KvRows> before = past == 0 ? std::vector<KvRows>{} : std::vector<KvRows>{{past_k, past_v, 0, past}};
  auto all = attention(q, k, v, q_norm, k_norm, spec, {{0, rows, past, {}, {}, 0, before}});
  auto first = [&](const mx::array& a) {
    Doubles values = doubles(a);
    values.resize(static_cast<size_t>(past) * spec.kv_heads * D);
    return values;
  };
  auto want = attention_reference(doubles(q), doubles(k), doubles(v), doubles(q_norm), doubles(k_norm), spec,
                                  first(past_k), first(past_v), past);
  before.push_back({all.k, mx::reshape(v, all.k.shape(), cpu()), 0, rows - 1});
  if (rows == 1) {
    before.pop_back();
  } else {
    mx::eval(before.back().v);
  }
  auto last = [&](const mx::array& a) { return testing::rows(a, rows - 1, rows); };
  auto alone = attention(last(q), last(k), last(v), q_norm, k_norm, spec, {{0, 1, past + rows - 1, {}, {}, 0, before}});
  return first_of(first_of(against(all.y, want.y, 1e-5), against(all.k, want.k, 1e-5)),
                  first_of(bit_difference(alone.y, last(all.y)), bit_difference(alone.k, last(all.k))));
}

// All rows at once; then the last over the state that the others leave.
std::string gated_delta_check(Random& random, const Shape& s) {
  GatedDeltaSpec spec{s["key_heads"], s["key_heads"] * s["ratio"], 16 * s["key_dim"], 16 * s["value_dim"], s["taps"],
                      1e-6f};
  int rows = s["rows"];
  int C = 2 * spec.key_heads * spec.key_dim + spec.value_heads * spec.value_dim;
  GatedDeltaWeights w{random.normals({spec.conv_kernel, C}, 0.5), random.normals({spec.value_heads}, 0.5),
                      random.normals({spec.value_heads}), random.normals({spec.value_dim})};
  GatedDeltaState state{random.normals({spec.value_heads, spec.key_dim, spec.value_dim}, 0.3),
                        random.normals({spec.conv_kernel - 1, C})};
  mx::array qkv = random.normals({rows, C});
  mx::array z = random.normals({rows, spec.value_heads * spec.value_dim});
  mx::array b = random.normals({rows, spec.value_heads});
  mx::array a = random.normals({rows, spec.value_heads});
  mx::eval(w.conv, w.a_log, w.dt_bias, w.norm, state.recurrent, state.conv, qkv, z, b, a);
  GatedDeltaInput in{doubles(qkv),    doubles(z),       doubles(b),         doubles(a),
                     doubles(w.conv), doubles(w.a_log), doubles(w.dt_bias), doubles(w.norm)};
  GatedDeltaStateReference after{doubles(state.recurrent), doubles(state.conv)};
  Doubles want = gated_delta_reference(in, spec, rows, after);
  auto run = [&](const GatedDeltaState& from, int begin, int end) {
    auto part = [&](const mx::array& x) { return testing::rows(x, begin, end); };
    return gated_delta(part(qkv), part(z), part(b), part(a), w, spec, {{0, end - begin, from}});
  };
  auto kept = [&](const GatedDeltaOutput& out, int keep) {
    return gated_delta_settled(gated_delta_commit(out.before[0], out.tape, spec, 0, keep), spec);
  };
  auto all = run(state, 0, rows);
  GatedDeltaState end = kept(all, rows);
  std::string wrong = first_of(against(all.y, want, 2e-5), against(end.recurrent, after.recurrent, 2e-5));
  if (rows == 1) {
    return wrong;
  }
  auto alone = run(kept(run(state, 0, rows - 1), rows - 1), rows - 1, rows);
  return first_of(wrong, first_of(bit_difference(alone.y, testing::rows(all.y, rows - 1, rows)),
                                  bit_difference(kept(alone, 1).recurrent, end.recurrent)));
}

// Rows alone and together, with other threads and instruction sets. (A row beside a NaN cannot be looked at: its
// neighbour is refused.)
std::string rows_difference(const RowOp& op, const mx::array& rows) {
  return first_of(batch_difference(op, {rows}), first_of(thread_difference(op, {rows}), isa_difference(op, {rows})));
}

std::string candidates_check(Random& random, const Shape& s) {
  int V = s["vocab"];
  mx::array logits = random.normals({s["rows"], V}, 4.0);
  CandidateSpec spec{0.2 + 2.0 * random.uniform(0.0, 1.0), std::min(s["count"], V)};
  auto run = [&](const mx::array& rows) {
    return candidates(rows, std::vector<CandidateSpec>(rows.shape(0), spec), {});
  };
  CandidateOutput out = run(logits);
  for (int r = 0; r < s["rows"]; ++r) {
    CandidateReference want = candidates_reference(floats(testing::rows(logits, r, r + 1)), spec, {});
    size_t at = static_cast<size_t>(r) * spec.count;
    for (size_t i = 0; i < want.best.size(); ++i) {
      if (out.ids.data<int32_t>()[at + i] != want.best[i].first ||
          out.logits.data<float>()[at + i] != want.best[i].second) {
        return "candidate " + std::to_string(i) + " is another one";
      }
    }
    const double* sums = out.log_sum.data<double>() + 2 * r;
    std::string off =
        first_of(off_by(std::abs(sums[0] - want.log_sum), 1e-12 * (1.0 + std::abs(want.log_sum))),
                 off_by(std::abs(sums[1] - want.log_sum_tempered), 1e-12 * (1.0 + std::abs(want.log_sum_tempered))));
    if (!off.empty()) {
      return off;
    }
  }
  return first_of(rows_difference([&](const auto& in) { return run(in[0]).ids; }, logits),
                  rows_difference([&](const auto& in) { return run(in[0]).log_sum; }, logits));
}

std::string draw_check(Random& random, const Shape& s) {
  mx::array logits = random.normals({s["rows"], s["vocab"]}, 4.0);
  Filter filter{random.uniform(0.2, 2.0), random.uniform(0.3, 1.0), s["top_k"]};
  DrawSpec spec{filter, {Noise::Kind::uniform, random.uniform(1e-6, 1.0 - 1e-6), 0, 0, 0}};
  auto run = [&](const mx::array& rows) { return draw(rows, std::vector<DrawSpec>(rows.shape(0), spec)); };
  DrawOutput out = run(logits);
  for (int r = 0; r < s["rows"]; ++r) {
    auto want = draw_reference(floats(testing::rows(logits, r, r + 1)), filter);
    if (out.count.data<int32_t>()[r] != static_cast<int>(want.size())) {
      return "the support has another size";
    }
    size_t at = static_cast<size_t>(r) * out.support.shape(1);
    bool drawn = false;
    for (size_t i = 0; i < want.size(); ++i) {
      int id = out.support.data<int32_t>()[at + i];
      drawn = drawn || id == out.token.data<int32_t>()[r];
      if (id != want[i].first) {
        return "another id in the support";
      }
      std::string off = off_by(std::abs(out.probability.data<double>()[at + i] - want[i].second), 1e-13);
      if (!off.empty()) {
        return off;
      }
    }
    if (!drawn) {
      return "the drawn token is not in the support";
    }
  }
  return first_of(rows_difference([&](const auto& in) { return run(in[0]).token; }, logits),
                  rows_difference([&](const auto& in) { return run(in[0]).probability; }, logits));
}

std::string kv_cache_check(Random& random, const Shape& s) {
  int dim = 16 * s["dim"];
  mx::array rows = random.normals({s["rows"], s["heads"], dim});
  for (KvKind kind : {KvKind::keys, KvKind::values}) {
    mx::array block = kv_block(kind, s["heads"], dim);
    for (int at = 0; at < s["rows"]; at += s["piece"]) {
      block = kv_append(kind, std::move(block), rows, at, std::min(s["piece"], s["rows"] - at), at);
    }
    if (floats(block) != kv_block_reference(kind, s["heads"], dim, floats(rows))) {
      return "a block is another one";
    }
  }
  return "";
}

const std::map<std::string, Check>& checks() {
  static const std::map<std::string, Check> all = {{"linear", linear_check},
                                                   {"embedding", embedding_check},
                                                   {"rms_norm", rms_norm_check},
                                                   {"swiglu", swiglu_check},
                                                   {"moe", moe_check},
                                                   {"attention", attention_check},
                                                   {"gated_delta", gated_delta_check},
                                                   {"candidates", candidates_check},
                                                   {"draw", draw_check},
                                                   {"kv_cache", kv_cache_check}};
  return all;
}

} // namespace

std::string check_kernel(const std::string& op, const Shape& shape, uint64_t seed) {
  Random random(seed);
  return checks().at(op)(random, shape);
}

std::vector<std::string> checked_kernels() {
  std::vector<std::string> names;
  for (const auto& [name, check] : checks()) {
    names.push_back(name);
  }
  return names;
}

} // namespace mtplx::kernels::testing
