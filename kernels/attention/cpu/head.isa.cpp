#include "kernels/attention/cpu/head.h"

#include <cmath>

#include "kernels/common/fixed_math.h"

namespace mtplx::kernels::MTPLX_ISA {

void norm_and_rotate(const float* x,
                     const float* weight,
                     float eps,
                     int dim,
                     const float* cosine,
                     const float* sine,
                     int half,
                     float* y) {
  f32x16 sum = zero();
  for (int i = 0; i < dim; i += 16) {
    f32x16 v = load(x + i);
    sum = fma(v, v, sum);
  }
  f32x16 scale = splat(1.0f / std::sqrt(sum_lanes(sum) / static_cast<float>(dim) + eps));
  for (int i = 0; i < dim; i += 16) {
    store(y + i, load(x + i) * scale * load(weight + i));
  }
  for (int i = 0; i < half; ++i) {
    float a = y[i];
    float b = y[i + half];
    y[i] = a * cosine[i] - b * sine[i];
    y[i + half] = b * cosine[i] + a * sine[i];
  }
}

namespace {

constexpr int keys_a_block = 64;

// Scores of the block's keys, 16 lanes of keys at a time; the sum runs over dims in order.
void scores_of(const float* query, const float* keys, int dim, float* scores) {
  f32x16 s0 = zero(), s1 = zero(), s2 = zero(), s3 = zero();
  for (int d = 0; d < dim; ++d) {
    const float* k = keys + d * keys_a_block;
    f32x16 q = splat(query[d]);
    s0 = fma(q, load(k), s0);
    s1 = fma(q, load(k + 16), s1);
    s2 = fma(q, load(k + 32), s2);
    s3 = fma(q, load(k + 48), s3);
  }
  store(scores, s0);
  store(scores + 16, s1);
  store(scores + 32, s2);
  store(scores + 48, s3);
}

} // namespace

void attend_block(const float* query, const float* keys, const float* values, int dim, int count, SoftmaxState& state) {
  float p[keys_a_block];
  scores_of(query, keys, dim, p);
  for (int j = count; j < keys_a_block; ++j) {
    p[j] = -std::numeric_limits<float>::infinity();
  }
  f32x16 top = max(max(load(p), load(p + 16)), max(load(p + 32), load(p + 48)));
  float block_max = max_lanes(top);
  float new_max = state.max > block_max ? state.max : block_max;
  float lanes[16];
  store(lanes, exp(splat(state.max - new_max)));
  float keep = lanes[0];
  f32x16 m = splat(new_max);
  f32x16 e0 = exp(load(p) - m), e1 = exp(load(p + 16) - m);
  f32x16 e2 = exp(load(p + 32) - m), e3 = exp(load(p + 48) - m);
  store(p, e0);
  store(p + 16, e1);
  store(p + 32, e2);
  store(p + 48, e3);
  state.sum = std::fma(state.sum, keep, sum_lanes((e0 + e1) + (e2 + e3)));
  state.max = new_max;
  for (int i = 0; i < dim; i += 16) {
    f32x16 acc = load(state.acc + i) * splat(keep);
    for (int j = 0; j < count; ++j) {
      acc = fma(splat(p[j]), load(values + static_cast<size_t>(j) * dim + i), acc);
    }
    store(state.acc + i, acc);
  }
}

void finish_row(const SoftmaxState& state, const float* gate, int dim, float* y) {
  f32x16 sum = splat(state.sum);
  for (int i = 0; i < dim; i += 16) {
    f32x16 v = load(state.acc + i) / sum;
    store(y + i, gate ? v * sigmoid(load(gate + i)) : v);
  }
}

} // namespace mtplx::kernels::MTPLX_ISA
