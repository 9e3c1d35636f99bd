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

float dot(const float* x, const float* y, int dim) {
  f32x16 sum = zero();
  for (int i = 0; i < dim; i += 16) {
    sum = fma(load(x + i), load(y + i), sum);
  }
  return sum_lanes(sum);
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

// S k and S q of a row.
template <int Lanes>
struct Sums {
  f32x16 k[Lanes];
  f32x16 q[Lanes];

  MTPLX_INLINE void clear() {
    for (int l = 0; l < Lanes; ++l) {
      k[l] = q[l] = zero();
    }
  }
  MTPLX_INLINE void add(const Vectors<Lanes>& s, f32x16 kd, f32x16 qd) {
    for (int l = 0; l < Lanes; ++l) {
      k[l] = fma(s.v[l], kd, k[l]);
      q[l] = fma(s.v[l], qd, q[l]);
    }
  }
};

// y and u of a row; gives u.
template <int Lanes>
MTPLX_INLINE Vectors<Lanes> finish(const DeltaChunk& c, int row, const Sums<Lanes>& sums) {
  f32x16 beta = splat(c.beta[row]);
  f32x16 g = splat(c.decay[row * c.gate_stride]);
  f32x16 kq = splat(c.kq[row]);
  Vectors<Lanes> u;
  for (int l = 0; l < Lanes; ++l) {
    u.v[l] = beta * (load(c.v + row * c.v_stride + 16 * l) - g * sums.k[l]);
    store(c.u + row * c.y_stride + 16 * l, u.v[l]);
    store(c.y + row * c.y_stride + 16 * l, fma(kq, u.v[l], g * sums.q[l]));
  }
  return u;
}

// S = g S + k u at one key dim.
template <int Lanes>
MTPLX_INLINE void update(Vectors<Lanes>& s, f32x16 g, f32x16 kd, const Vectors<Lanes>& u) {
  for (int l = 0; l < Lanes; ++l) {
    s.v[l] = fma(u.v[l], kd, g * s.v[l]);
  }
}

template <int Lanes>
MTPLX_INLINE Vectors<Lanes> load_lanes(const float* from) {
  Vectors<Lanes> x;
  for (int l = 0; l < Lanes; ++l) {
    x.v[l] = load(from + 16 * l);
  }
  return x;
}

template <int Lanes>
MTPLX_INLINE void store_lanes(float* to, const Vectors<Lanes>& x) {
  for (int l = 0; l < Lanes; ++l) {
    store(to + 16 * l, x.v[l]);
  }
}

// How many rows the state before owes, as far as it is worth a loop of its own.
enum class Owed { none, one, several };

// From the state before to the first row's u. `more`: the scratch then holds the state.
template <int Lanes, Owed owed, bool more>
MTPLX_INLINE Vectors<Lanes> enter(const DeltaChunk& c) {
  Sums<Lanes> sums;
  sums.clear();
  Vectors<Lanes> owed_u;
  f32x16 owed_g = zero();
  if constexpr (owed == Owed::one) {
    owed_u = load_lanes<Lanes>(c.owed_u);
    owed_g = splat(c.owed_decay[0]);
  }
  for (int d = 0; d < c.key_dim; ++d) {
    const float* from = c.from + d * c.state_stride;
    for (int l = 0; l < Lanes; ++l) {
      __builtin_prefetch(from + ahead * c.state_stride + 16 * l);
    }
    Vectors<Lanes> s = load_lanes<Lanes>(from);
    if constexpr (owed == Owed::one) {
      update(s, owed_g, splat(c.owed_k[d]), owed_u);
    } else if constexpr (owed == Owed::several) {
      for (int row = 0; row < c.owed_rows; ++row) {
        update(s, splat(c.owed_decay[row * c.gate_stride]), splat(c.owed_k[row * c.owed_k_stride + d]),
               load_lanes<Lanes>(c.owed_u + row * c.y_stride));
      }
    }
    if (owed != Owed::none && c.settled) {
      store_lanes(c.settled + d * c.state_stride, s);
    }
    if constexpr (more) {
      store_lanes(c.scratch + d * delta_chunk, s);
    }
    sums.add(s, splat(c.k[d]), splat(c.q[d]));
  }
  return finish(c, 0, sums);
}

// What row - 1 leaves of the state, and `row` up to its u.
template <int Lanes, bool more>
MTPLX_INLINE Vectors<Lanes> advance(const DeltaChunk& c, int row, const Vectors<Lanes>& u) {
  const float* last_k = c.k + static_cast<size_t>(row - 1) * c.key_dim;
  const float* k = last_k + c.key_dim;
  const float* q = c.q + static_cast<size_t>(row) * c.key_dim;
  f32x16 g = splat(c.decay[(row - 1) * c.gate_stride]);
  Sums<Lanes> sums;
  sums.clear();
  for (int d = 0; d < c.key_dim; ++d) {
    float* state = c.scratch + d * delta_chunk;
    Vectors<Lanes> s = load_lanes<Lanes>(state);
    update(s, g, splat(last_k[d]), u);
    if constexpr (more) {
      store_lanes(state, s);
    }
    sums.add(s, splat(k[d]), splat(q[d]));
  }
  return finish(c, row, sums);
}

// The state after the last row goes out.
template <int Lanes>
MTPLX_INLINE void leave(const DeltaChunk& c, const Vectors<Lanes>& u) {
  int row = c.rows - 1;
  const float* k = c.k + static_cast<size_t>(row) * c.key_dim;
  f32x16 g = splat(c.decay[row * c.gate_stride]);
  for (int d = 0; d < c.key_dim; ++d) {
    float* to = c.to + d * c.state_stride;
    for (int l = 0; l < Lanes; ++l) {
      __builtin_prefetch(to + ahead * c.state_stride + 16 * l, 1);
    }
    Vectors<Lanes> s = load_lanes<Lanes>(c.scratch + d * delta_chunk);
    update(s, g, splat(k[d]), u);
    store_lanes(to, s);
  }
}

template <int Lanes, bool more>
MTPLX_INLINE Vectors<Lanes> entered(const DeltaChunk& c) {
  return c.owed_rows == 0   ? enter<Lanes, Owed::none, more>(c)
         : c.owed_rows == 1 ? enter<Lanes, Owed::one, more>(c)
                            : enter<Lanes, Owed::several, more>(c);
}

template <int Lanes>
void recur(const DeltaChunk& c) {
  if (c.rows == 1 && !c.to) {
    entered<Lanes, false>(c);
    return;
  }
  Vectors<Lanes> u = entered<Lanes, true>(c);
  int row = 1;
  for (; row < c.rows - (c.to ? 0 : 1); ++row) {
    u = advance<Lanes, true>(c, row, u);
  }
  if (c.to) {
    leave(c, u);
  } else {
    advance<Lanes, false>(c, row, u);
  }
}

MTPLX_INLINE DeltaChunk from_dim(DeltaChunk c, int dim) {
  c.from += dim;
  c.settled = c.settled ? c.settled + dim : nullptr;
  c.to = c.to ? c.to + dim : nullptr;
  c.owed_u = c.owed_rows > 0 ? c.owed_u + dim : nullptr;
  c.v += dim;
  c.u += dim;
  c.y += dim;
  return c;
}

// `Lanes` vectors of one key dim through all rows.
template <int Lanes>
MTPLX_INLINE void replay(const DeltaReplay& r, int d, int begin) {
  size_t at = static_cast<size_t>(d) * r.value_dim + begin;
  Vectors<Lanes> s = load_lanes<Lanes>(r.from + at);
  for (int row = 0; row < r.rows; ++row) {
    update(s, splat(r.decay[row * r.gate_stride]), splat(r.k[row * r.key_stride + d]),
           load_lanes<Lanes>(r.u + row * r.u_stride + begin));
  }
  store_lanes(r.to + at, s);
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
