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
                     float scale,
                     float* y) {
  f32x16 sum = zero();
  for (int i = 0; i < dim; i += 16) {
    f32x16 v = load(x + i);
    sum = fma(v, v, sum);
  }
  f32x16 factor = splat(1.0f / std::sqrt(sum_lanes(sum) / static_cast<float>(dim) + eps));
  for (int i = 0; i < dim; i += 16) {
    store(y + i, load(x + i) * factor * load(weight + i));
  }
  int i = 0;
  for (; i + 16 <= half; i += 16) {
    f32x16 a = load(y + i), b = load(y + i + half);
    f32x16 c = load(cosine + i), s = load(sine + i);
    store(y + i, a * c - b * s);
    store(y + i + half, b * c + a * s);
  }
  for (; i < half; ++i) {
    float a = y[i];
    float b = y[i + half];
    y[i] = a * cosine[i] - b * sine[i];
    y[i + half] = b * cosine[i] + a * sine[i];
  }
  for (int d = 0; d < dim; d += 16) {
    store(y + d, load(y + d) * splat(scale));
  }
}

namespace {

// Vectors of sums in flight: sixteen fill an AVX-512 core, four (eight registers) an AVX2 or NEON one.
#if defined(__AVX512F__)
constexpr int sums = 16;
#else
constexpr int sums = 4;
#endif
constexpr int rows_at_once = 4;

// Not std::min: a shared copy of a template could come from another instruction set's build.
constexpr int less(int a, int b) {
  return a < b ? a : b;
}

// Groups of 16 that R rows take at once.
template <int R>
constexpr int groups_at_once = less(4, sums / R);

template <int R, int G>
MTPLX_INLINE void dots(
    const float* queries, int dim, const float* keys, size_t group_stride, size_t dim_stride, float* scores) {
  f32x16 sum[R][G];
  for (int r = 0; r < R; ++r) {
    for (int g = 0; g < G; ++g) {
      sum[r][g] = zero();
    }
  }
  for (int d = 0; d < dim; ++d) {
    f32x16 key[G];
    for (int g = 0; g < G; ++g) {
      key[g] = load(keys + g * group_stride + d * dim_stride);
    }
    for (int r = 0; r < R; ++r) {
      f32x16 q = splat(queries[r * dim + d]);
      for (int g = 0; g < G; ++g) {
        sum[r][g] = fma(q, key[g], sum[r][g]);
      }
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int g = 0; g < G; ++g) {
      store(scores + r * block_keys + g * group_keys, sum[r][g]);
    }
  }
}

// R query rows against groups [0, groups).
template <int R>
MTPLX_INLINE void score_rows(const float* queries,
                             int dim,
                             const float* keys,
                             size_t group_stride,
                             size_t dim_stride,
                             int groups,
                             float* scores) {
  constexpr int wide = groups_at_once<R>;
  int g = 0;
  for (; g + wide <= groups; g += wide) {
    dots<R, wide>(queries, dim, keys + g * group_stride, group_stride, dim_stride, scores + g * group_keys);
  }
  for (; wide > 2 && g + 2 <= groups; g += 2) {
    dots<R, 2>(queries, dim, keys + g * group_stride, group_stride, dim_stride, scores + g * group_keys);
  }
  for (; g < groups; ++g) {
    dots<R, 1>(queries, dim, keys + g * group_stride, group_stride, dim_stride, scores + g * group_keys);
  }
}

// R rows of weights times values, G groups of 16 dims.
template <int R, int G>
MTPLX_INLINE void weigh(
    const float* weights, const float* keep, const float* values, size_t value_stride, int rows, int dim, float* acc) {
  f32x16 sum[R][G];
  for (int r = 0; r < R; ++r) {
    for (int g = 0; g < G; ++g) {
      sum[r][g] = load(acc + r * dim + 16 * g) * splat(keep[r]);
    }
  }
  for (int j = 0; j < rows; ++j) {
    f32x16 v[G];
    for (int g = 0; g < G; ++g) {
      v[g] = load(values + j * value_stride + 16 * g);
    }
    for (int r = 0; r < R; ++r) {
      f32x16 w = splat(weights[r * block_keys + j]);
      for (int g = 0; g < G; ++g) {
        sum[r][g] = fma(w, v[g], sum[r][g]);
      }
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int g = 0; g < G; ++g) {
      store(acc + r * dim + 16 * g, sum[r][g]);
    }
  }
}

template <int R>
MTPLX_INLINE void weigh_rows(const float* weights,
                             const float* keep,
                             const float* values,
                             size_t value_stride,
                             int rows,
                             int dim,
                             int width,
                             float* acc) {
  constexpr int wide = groups_at_once<R>;
  int i = 0;
  for (; i + 16 * wide <= width; i += 16 * wide) {
    weigh<R, wide>(weights, keep, values + i, value_stride, rows, dim, acc + i);
  }
  for (; i < width; i += 16) {
    weigh<R, 1>(weights, keep, values + i, value_stride, rows, dim, acc + i);
  }
}

} // namespace

void score_keys(const float* queries,
                int count,
                int dim,
                const float* keys,
                size_t group_stride,
                size_t dim_stride,
                int groups,
                float* scores) {
  // Groups outside: their keys stay in a first-level cache for all queries.
  constexpr int wide = groups_at_once<rows_at_once>;
  int whole = count / rows_at_once * rows_at_once;
  for (int g = 0; whole > 0 && g < groups; g += wide) {
    for (int q = 0; q < whole; q += rows_at_once) {
      score_rows<rows_at_once>(queries + q * dim, dim, keys + g * group_stride, group_stride, dim_stride,
                               less(wide, groups - g), scores + q * block_keys + g * group_keys);
    }
  }
  int q = whole;
  if (count - q >= 2) {
    score_rows<2>(queries + q * dim, dim, keys, group_stride, dim_stride, groups, scores + q * block_keys);
    q += 2;
  }
  if (q < count) {
    score_rows<1>(queries + q * dim, dim, keys, group_stride, dim_stride, groups, scores + q * block_keys);
  }
}

float soften(float* scores, int count, SoftmaxState& state) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  constexpr int groups = block_keys / group_keys;
  int used = (count + group_keys - 1) / group_keys;
  for (int j = count; j < used * group_keys; ++j) {
    scores[j] = -inf;
  }
  f32x16 x[groups];
  for (int g = 0; g < groups; ++g) {
    x[g] = g < used ? load(scores + g * group_keys) : splat(-inf);
  }
  float block_max = max_lanes(max(max(x[0], x[1]), max(x[2], x[3])));
  float keep = 1.0f; // e^0
  if (!(block_max <= state.max)) {
    float lanes[16];
    store(lanes, exp(splat(state.max - block_max)));
    keep = lanes[0];
    state.max = block_max;
  }
  f32x16 m = splat(state.max);
  for (int g = 0; g < groups; ++g) {
    if (g < used) {
      x[g] = exp(x[g] - m);
      store(scores + g * group_keys, x[g]);
    } else {
      x[g] = zero();
    }
  }
  state.sum = std::fma(state.sum, keep, sum_lanes((x[0] + x[1]) + (x[2] + x[3])));
  return keep;
}

void add_values(const float* weights,
                const float* keep,
                int count,
                const float* values,
                size_t value_stride,
                int rows,
                int dim,
                float* acc) {
  constexpr int wide = 16 * groups_at_once<rows_at_once>;
  int whole = count / rows_at_once * rows_at_once;
  for (int i = 0; whole > 0 && i < dim; i += wide) {
    for (int q = 0; q < whole; q += rows_at_once) {
      weigh_rows<rows_at_once>(weights + q * block_keys, keep + q, values + i, value_stride, rows, dim,
                               less(wide, dim - i), acc + q * dim + i);
    }
  }
  int q = whole;
  if (count - q >= 2) {
    weigh_rows<2>(weights + q * block_keys, keep + q, values, value_stride, rows, dim, dim, acc + q * dim);
    q += 2;
  }
  if (q < count) {
    weigh_rows<1>(weights + q * block_keys, keep + q, values, value_stride, rows, dim, dim, acc + q * dim);
  }
}

void finish_row(const float* acc, float sum, const float* gate, int dim, float* y) {
  f32x16 total = splat(sum);
  for (int i = 0; i < dim; i += 16) {
    f32x16 v = load(acc + i) / total;
    store(y + i, gate ? v * sigmoid(load(gate + i)) : v);
  }
}

} // namespace mtplx::kernels::MTPLX_ISA
