#include "kernels/gated_delta/cpu/steps.h"

#include <cmath>

#include "kernels/common/fixed_math.h"

namespace mtplx::kernels::MTPLX_ISA {

void conv_silu(const float* const* rows, const float* weight, int taps, int begin, int end, int channels, float* out) {
  for (int c = begin; c < end; c += 16) {
    f32x16 sum = zero();
    for (int t = 0; t < taps; ++t) {
      sum = fma(load(weight + static_cast<size_t>(t) * channels + c), load(rows[t] + c), sum);
    }
    store(out + c, silu(sum));
  }
}

void l2_normalise(const float* x, int dim, float scale, float* y) {
  f32x16 sum = zero();
  for (int i = 0; i < dim; i += 16) {
    f32x16 v = load(x + i);
    sum = fma(v, v, sum);
  }
  f32x16 factor = splat(scale / std::sqrt(sum_lanes(sum) + 1e-6f));
  for (int i = 0; i < dim; i += 16) {
    store(y + i, load(x + i) * factor);
  }
}

namespace {

// `Lanes` vectors of 16 value dims, over all key dims in order.
template <int Lanes>
MTPLX_INLINE void step(float* state,
                       int stride,
                       int key_dim,
                       const float* q,
                       const float* k,
                       const float* v,
                       float decay,
                       float beta,
                       float* u,
                       float* y) {
  f32x16 g = splat(decay);
  f32x16 dot[Lanes];
  for (int l = 0; l < Lanes; ++l) {
    dot[l] = zero();
  }
  for (int d = 0; d < key_dim; ++d) {
    float* row = state + static_cast<size_t>(d) * stride;
    f32x16 kd = splat(k[d]);
    for (int l = 0; l < Lanes; ++l) {
      f32x16 s = g * load(row + 16 * l);
      store(row + 16 * l, s);
      dot[l] = fma(s, kd, dot[l]);
    }
  }
  f32x16 delta[Lanes];
  f32x16 out[Lanes];
  for (int l = 0; l < Lanes; ++l) {
    delta[l] = splat(beta) * (load(v + 16 * l) - dot[l]);
    store(u + 16 * l, delta[l]);
    out[l] = zero();
  }
  for (int d = 0; d < key_dim; ++d) {
    float* row = state + static_cast<size_t>(d) * stride;
    f32x16 kd = splat(k[d]);
    f32x16 qd = splat(q[d]);
    for (int l = 0; l < Lanes; ++l) {
      f32x16 s = fma(delta[l], kd, load(row + 16 * l));
      store(row + 16 * l, s);
      out[l] = fma(s, qd, out[l]);
    }
  }
  for (int l = 0; l < Lanes; ++l) {
    store(y + 16 * l, out[l]);
  }
}

template <int Lanes>
MTPLX_INLINE void replay(float* state, int stride, int key_dim, const float* k, const float* u, float decay) {
  f32x16 g = splat(decay);
  f32x16 delta[Lanes];
  for (int l = 0; l < Lanes; ++l) {
    delta[l] = load(u + 16 * l);
  }
  for (int d = 0; d < key_dim; ++d) {
    float* row = state + static_cast<size_t>(d) * stride;
    f32x16 kd = splat(k[d]);
    for (int l = 0; l < Lanes; ++l) {
      store(row + 16 * l, fma(delta[l], kd, g * load(row + 16 * l)));
    }
  }
}

} // namespace

void delta_step(float* state,
                int stride,
                int key_dim,
                int width,
                const float* q,
                const float* k,
                const float* v,
                float decay,
                float beta,
                float* u,
                float* y) {
  int i = 0;
  for (; i + 32 <= width; i += 32) {
    step<2>(state + i, stride, key_dim, q, k, v + i, decay, beta, u + i, y + i);
  }
  for (; i < width; i += 16) {
    step<1>(state + i, stride, key_dim, q, k, v + i, decay, beta, u + i, y + i);
  }
}

void delta_replay(float* state, int stride, int key_dim, int width, const float* k, const float* u, float decay) {
  int i = 0;
  for (; i + 32 <= width; i += 32) {
    replay<2>(state + i, stride, key_dim, k, u + i, decay);
  }
  for (; i < width; i += 16) {
    replay<1>(state + i, stride, key_dim, k, u + i, decay);
  }
}

void gated_norm(float* y, const float* weight, const float* z, float eps, int dim) {
  f32x16 sum = zero();
  for (int i = 0; i < dim; i += 16) {
    f32x16 v = load(y + i);
    sum = fma(v, v, sum);
  }
  f32x16 scale = splat(1.0f / std::sqrt(sum_lanes(sum) / static_cast<float>(dim) + eps));
  for (int i = 0; i < dim; i += 16) {
    store(y + i, load(y + i) * scale * load(weight + i) * silu(load(z + i)));
  }
}

} // namespace mtplx::kernels::MTPLX_ISA
