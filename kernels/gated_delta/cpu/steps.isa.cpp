#include "kernels/gated_delta/cpu/steps.h"

#include <cmath>

#include "kernels/common/fixed_math.h"

namespace mtplx::kernels::MTPLX_ISA {

void conv_silu(const float* past,
               const float* rows,
               const float* weight,
               int taps,
               int row,
               int channels,
               int begin,
               int end,
               float* out) {
  for (int c = begin; c < end; c += 16) {
    f32x16 sum = zero();
    for (int t = 0; t < taps; ++t) {
      int at = row + t - (taps - 1);
      const float* x =
          at < 0 ? past + static_cast<size_t>(row + t) * channels : rows + static_cast<size_t>(at) * channels;
      sum = fma(load(weight + static_cast<size_t>(t) * channels + c), load(x + c), sum);
    }
    store(out + c - begin, silu(sum));
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

// Vectors of 16 value dims that one pass steps through time: as many chains of sums as hide the latency of one, while
// the state of a pass (128 key dims: 8 KB a vector) stays in a first-level cache.
#if defined(__AVX512F__)
constexpr int pass_lanes = 4;
#else
constexpr int pass_lanes = 2;
#endif
// Key dims ahead that a pass asks for: the state lies in a farther cache, in pieces too short to be guessed.
constexpr int ahead = 12;

// `Lanes` vectors of 16 value dims, over all key dims in order.
template <int Lanes>
struct Vectors {
  f32x16 v[Lanes];
};

template <int Lanes>
MTPLX_INLINE Vectors<Lanes> delta_of(const DeltaChunk& c, int row, const Vectors<Lanes>& dot) {
  Vectors<Lanes> delta;
  f32x16 beta = splat(c.beta[row]);
  for (int l = 0; l < Lanes; ++l) {
    delta.v[l] = beta * (load(c.v + row * c.v_stride + 16 * l) - dot.v[l]);
    store(c.u + row * c.y_stride + 16 * l, delta.v[l]);
  }
  return delta;
}

// The first row up to its u, after the rows that are owed. The scratch then holds g S.
template <int Lanes, bool owed>
MTPLX_INLINE Vectors<Lanes> enter(const DeltaChunk& c) {
  f32x16 g = splat(c.decay[0]);
  Vectors<Lanes> dot;
  for (int l = 0; l < Lanes; ++l) {
    dot.v[l] = zero();
  }
  for (int d = 0; d < c.key_dim; ++d) {
    const float* from = c.from + d * c.state_stride;
    float* to = c.scratch + d * delta_chunk;
    f32x16 kd = splat(c.k[d]);
    for (int l = 0; l < Lanes; ++l) {
      __builtin_prefetch(from + ahead * c.state_stride + 16 * l);
    }
    Vectors<Lanes> s;
    for (int l = 0; l < Lanes; ++l) {
      s.v[l] = load(from + 16 * l);
    }
    if constexpr (owed) {
      for (int row = 0; row < c.owed_rows; ++row) {
        const float* u = c.owed_u + row * c.y_stride;
        f32x16 owed_k = splat(c.owed_k[row * c.owed_k_stride + d]);
        f32x16 decay = splat(c.owed_decay[row * c.gate_stride]);
        for (int l = 0; l < Lanes; ++l) {
          s.v[l] = fma(load(u + 16 * l), owed_k, decay * s.v[l]);
        }
      }
    }
    for (int l = 0; l < Lanes; ++l) {
      f32x16 x = g * s.v[l];
      store(to + 16 * l, x);
      dot.v[l] = fma(x, kd, dot.v[l]);
    }
  }
  return delta_of(c, 0, dot);
}

// The rest of `row` and the next row up to its u.
template <int Lanes>
MTPLX_INLINE Vectors<Lanes> advance(const DeltaChunk& c, int row, const Vectors<Lanes>& delta) {
  const float* k = c.k + static_cast<size_t>(row) * c.key_dim;
  const float* q = c.q + static_cast<size_t>(row) * c.key_dim;
  const float* next_k = k + c.key_dim;
  f32x16 g = splat(c.decay[(row + 1) * c.gate_stride]);
  Vectors<Lanes> dot;
  Vectors<Lanes> out;
  for (int l = 0; l < Lanes; ++l) {
    dot.v[l] = out.v[l] = zero();
  }
  for (int d = 0; d < c.key_dim; ++d) {
    float* state = c.scratch + d * delta_chunk;
    f32x16 kd = splat(k[d]);
    f32x16 qd = splat(q[d]);
    f32x16 nd = splat(next_k[d]);
    for (int l = 0; l < Lanes; ++l) {
      f32x16 x = fma(delta.v[l], kd, load(state + 16 * l));
      out.v[l] = fma(x, qd, out.v[l]);
      x = g * x;
      store(state + 16 * l, x);
      dot.v[l] = fma(x, nd, dot.v[l]);
    }
  }
  for (int l = 0; l < Lanes; ++l) {
    store(c.y + row * c.y_stride + 16 * l, out.v[l]);
  }
  return delta_of(c, row + 1, dot);
}

// The rest of the last row; the state goes out.
template <int Lanes>
MTPLX_INLINE void leave(const DeltaChunk& c, const Vectors<Lanes>& delta) {
  int row = c.rows - 1;
  const float* k = c.k + static_cast<size_t>(row) * c.key_dim;
  const float* q = c.q + static_cast<size_t>(row) * c.key_dim;
  Vectors<Lanes> out;
  for (int l = 0; l < Lanes; ++l) {
    out.v[l] = zero();
  }
  for (int d = 0; d < c.key_dim; ++d) {
    const float* from = c.scratch + d * delta_chunk;
    float* to = c.to + d * c.state_stride;
    f32x16 kd = splat(k[d]);
    f32x16 qd = splat(q[d]);
    for (int l = 0; l < Lanes; ++l) {
      __builtin_prefetch(to + ahead * c.state_stride + 16 * l, 1);
    }
    for (int l = 0; l < Lanes; ++l) {
      f32x16 x = fma(delta.v[l], kd, load(from + 16 * l));
      store(to + 16 * l, x);
      out.v[l] = fma(x, qd, out.v[l]);
    }
  }
  for (int l = 0; l < Lanes; ++l) {
    store(c.y + row * c.y_stride + 16 * l, out.v[l]);
  }
}

MTPLX_INLINE DeltaChunk from_dim(DeltaChunk c, int dim) {
  c.from += dim;
  c.to += dim;
  c.owed_u = c.owed_rows > 0 ? c.owed_u + dim : nullptr;
  c.v += dim;
  c.u += dim;
  c.y += dim;
  return c;
}

template <int Lanes>
void recur(const DeltaChunk& c) {
  Vectors<Lanes> delta = c.owed_rows > 0 ? enter<Lanes, true>(c) : enter<Lanes, false>(c);
  for (int row = 0; row + 1 < c.rows; ++row) {
    delta = advance(c, row, delta);
  }
  leave(c, delta);
}

// `Lanes` vectors of one key dim through all rows.
template <int Lanes>
MTPLX_INLINE void replay(const DeltaReplay& r, int d, int begin) {
  size_t at = static_cast<size_t>(d) * r.value_dim + begin;
  Vectors<Lanes> x;
  for (int l = 0; l < Lanes; ++l) {
    x.v[l] = load(r.from + at + 16 * l);
  }
  for (int row = 0; row < r.rows; ++row) {
    const float* u = r.u + row * r.u_stride + begin;
    f32x16 kd = splat(r.k[row * r.key_stride + d]);
    f32x16 g = splat(r.decay[row * r.gate_stride]);
    for (int l = 0; l < Lanes; ++l) {
      x.v[l] = fma(load(u + 16 * l), kd, g * x.v[l]);
    }
  }
  for (int l = 0; l < Lanes; ++l) {
    store(r.to + at + 16 * l, x.v[l]);
  }
}

} // namespace

void delta_rows(const DeltaChunk& chunk) {
  constexpr int step = 16 * pass_lanes;
  int dim = 0;
  for (; dim + step <= chunk.width; dim += step) {
    recur<pass_lanes>(from_dim(chunk, dim));
  }
  for (; dim < chunk.width; dim += 16) {
    recur<1>(from_dim(chunk, dim));
  }
}

void delta_replay(const DeltaReplay& r) {
  for (int d = r.key_begin; d < r.key_end; ++d) {
    int i = 0;
    for (; i + 64 <= r.value_dim; i += 64) {
      replay<4>(r, d, i);
    }
    for (; i < r.value_dim; i += 16) {
      replay<1>(r, d, i);
    }
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
