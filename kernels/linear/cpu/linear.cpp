#include "kernels/linear/linear.h"

#include <algorithm>
#include <cstring>
#include <sstream>

#include "kernels/common/buffers.h"
#include "kernels/common/thread_pool.h"
#include "kernels/linear/cpu/lines.h"
#include "kernels/linear/cpu/pack.h"
#include "kernels/linear/cpu/rows.h"
#include "kernels/linear/cpu/run.h"
#include "kernels/linear/cpu/weight.h"

namespace mtplx::kernels {

namespace {

Element element_of(mx::Dtype dtype, const char* what) {
  if (dtype == mx::float32) {
    return Element::f32;
  }
  if (dtype == mx::float16) {
    return Element::f16;
  }
  if (dtype == mx::bfloat16) {
    return Element::bf16;
  }
  throw std::invalid_argument(std::string("[linear] ") + what + " must be f32, f16 or bf16.");
}

mx::array row_major(const mx::array& a) {
  mx::array c = mx::contiguous(a);
  mx::eval(c);
  return c;
}

// Zeros. Two axes: one could not count the bytes of a table beyond 2 GiB.
mx::array line_bytes(const LinearLayout& l) {
  Lines lines = zeroed_lines(l.block_bytes() * l.blocks());
  return wrapped(lines.data, {l.blocks(), static_cast<int>(l.block_bytes())}, mx::uint8,
                 [owner = std::move(lines.owner)] {});
}

LinearWeight packed(const LinearLayout& l, mx::Dtype element, mx::array data) {
  return {l.out_features, l.in_features, l.bits, l.bits ? l.group_size : 0, element, std::move(data)};
}

// The message is a function: it is built for what is refused, not on every call.
template <class Message>
void check(bool ok, Message message) {
  if (!ok) {
    throw std::invalid_argument(std::string("[linear] ") + message());
  }
}

std::string dims(const mx::array& a) {
  std::ostringstream text;
  text << a.shape();
  return text.str();
}

void check_input(const mx::array& x, const LinearWeight& w) {
  check(x.ndim() == 2 && x.shape(1) == w.in_features && x.dtype() == mx::float32,
        [&] { return "x must be f32 [M, " + std::to_string(w.in_features) + "], got " + dims(x) + "."; });
}

// What the task of one or several weights over the same rows needs at run time.
struct InputPlan {
  std::vector<LinearLayout> layouts; // their data from input `first` on
  int first;                         // 1, or 2 behind a norm's weight
  float eps;

  LinearJob job(const std::vector<mx::array>& in, size_t i, float* y) const {
    return {layouts[i], in[first + i].data<uint8_t>(), nullptr, y};
  }

  // x, or its norm in the calling thread's buffer.
  const float* rows_of(const std::vector<mx::array>& in) const {
    const float* x = in[0].data<float>();
    if (first == 1) {
      return x;
    }
    return normed(x, in[1].data<float>(), eps, in[0].shape(0), in[0].shape(1));
  }
};

struct Inputs {
  Inputs(const mx::array& x, const InputNorm* norm, size_t weights) : plan{{}, norm ? 2 : 1, norm ? norm->eps : 0.0f} {
    arrays.reserve(weights + 2);
    plan.layouts.reserve(weights);
    arrays.push_back(x);
    if (norm) {
      check(norm->weight.ndim() == 1 && norm->weight.dtype() == mx::float32 && x.ndim() == 2 &&
                norm->weight.shape(0) == x.shape(1),
            [&] { return "the norm's weight must be f32 [" + dims(x) + "'s width], got " + dims(norm->weight) + "."; });
      arrays.push_back(norm->weight);
    }
  }
  void add(const LinearWeight& w) {
    check_input(arrays[0], w);
    arrays.push_back(w.data);
    plan.layouts.push_back(layout_of(w));
  }

  std::vector<mx::array> arrays;
  InputPlan plan;
};

} // namespace

LinearLayout layout_of(const LinearWeight& w) {
  return {w.out_features, w.in_features, w.bits, w.bits ? w.group_size : w.in_features,
          element_of(w.element, "the weight")};
}

LinearWeight dense_weight(const mx::array& weight) {
  check(weight.ndim() == 2 && weight.size() > 0,
        [&] { return "a weight has two axes and is not empty, got " + dims(weight) + "."; });
  Element element = element_of(weight.dtype(), "a dense weight");
  mx::array w = row_major(weight);
  int N = w.shape(0);
  int K = w.shape(1);
  LinearLayout l{N, K, 0, K, element};
  size_t eb = element_bytes(element);
  mx::array data = line_bytes(l);
  auto* bytes = data.data<uint8_t>();
  const auto* from = static_cast<const uint8_t*>(static_cast<const void*>(w.data<void>()));
  for (int n = 0; n < N; ++n) {
    uint8_t* block = bytes + static_cast<size_t>(n / 16) * l.block_bytes();
    for (int k = 0; k < K; ++k) {
      std::memcpy(block + (static_cast<size_t>(k) * 16 + n % 16) * eb, from + (static_cast<size_t>(n) * K + k) * eb,
                  eb);
    }
  }
  return packed(l, weight.dtype(), std::move(data));
}

LinearWeight affine_weight(
    const mx::array& weight, const mx::array& scales, const mx::array& biases, int bits, int group_size) {
  check(bits == 2 || bits == 3 || bits == 4 || bits == 5 || bits == 6 || bits == 8,
        [&] { return "no " + std::to_string(bits) + "-bit weights: use 2, 3, 4, 5, 6 or 8 bits."; });
  check(group_size == 32 || group_size == 64 || group_size == 128,
        [&] { return "no groups of " + std::to_string(group_size) + ": use 32, 64 or 128."; });
  check(weight.ndim() == 2 && weight.dtype() == mx::uint32 && scales.ndim() == 2 && weight.size() > 0,
        [] { return "a packed weight is u32 [N, K * bits / 32] with scales [N, K / group size], and not empty."; });
  int N = weight.shape(0);
  int K = scales.shape(1) * group_size;
  check(static_cast<int64_t>(weight.shape(1)) * 32 == static_cast<int64_t>(K) * bits && scales.shape(0) == N &&
            biases.shape() == scales.shape() && biases.dtype() == scales.dtype(),
        [&] {
          return "packed " + dims(weight) + ", scales " + dims(scales) + " and biases " + dims(biases) +
                 " do not agree with " + std::to_string(bits) + " bits in groups of " + std::to_string(group_size) +
                 ".";
        });
  Element element = element_of(scales.dtype(), "scales");
  mx::array w = row_major(weight);
  mx::array s = row_major(scales);
  mx::array b = row_major(biases);
  LinearLayout l{N, K, bits, group_size, element};
  mx::array data = line_bytes(l);
  auto* bytes = data.data<uint8_t>();
  const auto* words = static_cast<const uint8_t*>(static_cast<const void*>(w.data<void>()));
  const auto* scale = static_cast<const uint8_t*>(static_cast<const void*>(s.data<void>()));
  const auto* bias = static_cast<const uint8_t*>(static_cast<const void*>(b.data<void>()));
  parallel_for(l.blocks(),
               [&](int block) { pack_block(l, words, scale, bias, block, bytes + block * l.block_bytes()); });
  return packed(l, scales.dtype(), std::move(data));
}

mx::array linear(const mx::array& x, const LinearWeight& weight) {
  return linears(x, {&weight})[0];
}

std::vector<mx::array> linears(const mx::array& x,
                               const std::vector<const LinearWeight*>& weights,
                               const InputNorm* norm) {
  Inputs inputs(x, norm, weights.size());
  std::vector<OutputSpec> outputs;
  outputs.reserve(weights.size());
  for (const auto* w : weights) {
    inputs.add(*w);
    outputs.push_back({{x.shape(0), w->out_features}, mx::float32});
  }
  return cpu_task(norm ? "norm_linear" : "linear", inputs.arrays, outputs,
                  [&inputs = inputs.plan](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
                    std::vector<LinearJob> jobs;
                    jobs.reserve(out.size());
                    for (size_t i = 0; i < out.size(); ++i) {
                      jobs.push_back(inputs.job(in, i, out[i].data<float>()));
                    }
                    run_linears(jobs, inputs.rows_of(in), in[0].shape(0));
                  });
}

mx::array linear_swiglu(const mx::array& x, const LinearWeight& gate, const LinearWeight& up, const InputNorm* norm) {
  check(gate.out_features == up.out_features, [] { return "gate and up must have the same outputs."; });
  Inputs inputs(x, norm, 2);
  inputs.add(gate);
  inputs.add(up);
  return cpu_task1(norm ? "norm_swiglu" : "linear_swiglu", inputs.arrays,
                   {{x.shape(0), gate.out_features}, mx::float32},
                   [&inputs = inputs.plan](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
                     run_swiglu(inputs.job(in, 0, out[0].data<float>()), inputs.job(in, 1, nullptr), inputs.rows_of(in),
                                in[0].shape(0));
                   });
}

mx::array linear_add(const mx::array& x, const LinearWeight& weight, const mx::array& residual) {
  check_input(x, weight);
  check(residual.ndim() == 2 && residual.shape(0) == x.shape(0) && residual.shape(1) == weight.out_features &&
            residual.dtype() == mx::float32,
        [&] {
          return "residual must be f32 [" + std::to_string(x.shape(0)) + ", " + std::to_string(weight.out_features) +
                 "], got " + dims(residual) + ".";
        });
  return cpu_task1("linear_add", {x, weight.data, residual}, {{x.shape(0), weight.out_features}, mx::float32},
                   [l = layout_of(weight)](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
                     run_linear({l, in[1].data<uint8_t>(), in[2].data<float>(), out[0].data<float>()},
                                in[0].data<float>(), in[0].shape(0));
                   });
}

mx::array dense_values(const LinearWeight& weight) {
  return cpu_task1("dense_values", {weight.data}, {{weight.out_features, weight.in_features}, mx::float32},
                   [l = layout_of(weight)](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
                     for (int n = 0; n < l.out_features; ++n) {
                       MTPLX_SELECT_ISA(weight_row)
                       (l, in[0].data<uint8_t>(), n, out[0].data<float>() + static_cast<size_t>(n) * l.in_features);
                     }
                   });
}

} // namespace mtplx::kernels
