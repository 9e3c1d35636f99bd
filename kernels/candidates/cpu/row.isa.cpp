#include "kernels/candidates/cpu/row.h"

#include <cstring>
#include <limits>

#include "kernels/common/fixed_math64.h"
#include "kernels/common/simd.h"

namespace mtplx::kernels::MTPLX_ISA {

namespace {

// As wide as the registers; the compiler's vectors take +, -, *, / and ?: lane by lane.
#if defined(__AVX512F__)
constexpr int width = 8;
#elif defined(__AVX2__)
constexpr int width = 4;
#else
constexpr int width = 2;
#endif
typedef float f32v __attribute__((vector_size(sizeof(float) * width)));
typedef double f64v __attribute__((vector_size(sizeof(double) * width)));
typedef uint64_t u64v __attribute__((vector_size(sizeof(uint64_t) * width)));
constexpr int vectors = sum_lanes64 / width;

MTPLX_INLINE f64v every(double x) {
  return f64v{} + x;
}

// Vectors that go through the chain of operations side by side: one alone waits for each result.
#if defined(__AVX512F__)
constexpr int abreast = 8;
#else
constexpr int abreast = 4;
#endif
struct Batch {
  f64v v[abreast];
};

template <class Step>
MTPLX_INLINE void each(Step step) {
  for (int i = 0; i < abreast; ++i) {
    step(i);
  }
}

// fixed64::exp of x <= 0, lane by lane.
MTPLX_INLINE Batch exps(const Batch& x) {
  constexpr double magic = 6755399441055744.0;
  constexpr double terms[] = {1.0 / 479001600.0,
                              1.0 / 39916800.0,
                              1.0 / 3628800.0,
                              1.0 / 362880.0,
                              1.0 / 40320.0,
                              1.0 / 5040.0,
                              1.0 / 720.0,
                              1.0 / 120.0,
                              1.0 / 24.0,
                              1.0 / 6.0,
                              0.5};
  f64v low = every(-708.0);
  f64v t[abreast];
  f64v r[abreast];
  f64v p[abreast];
  each([&](int i) {
    f64v v = x.v[i] < low ? low : x.v[i];
    t[i] = v * 1.44269504088896338700e+00 + magic;
    f64v n = t[i] - magic;
    r[i] = (v - n * fixed64::ln2_high) - n * fixed64::ln2_low;
    p[i] = every(1.0 / 6227020800.0);
  });
#pragma GCC unroll 11
  for (double term : terms) {
    each([&](int i) { p[i] = p[i] * r[i] + term; });
  }
  each([&](int i) {
    p[i] = p[i] * (r[i] * r[i]) + r[i];
    p[i] = p[i] + 1.0;
    // The low bits of t hold n.
    u64v bits;
    std::memcpy(&bits, &t[i], sizeof bits);
    bits = (bits + 1023) << 52;
    f64v scale;
    std::memcpy(&scale, &bits, sizeof scale);
    p[i] = x.v[i] < low ? every(0.0) : p[i] * scale;
  });
  Batch y;
  each([&](int i) { y.v[i] = p[i]; });
  return y;
}

// Vectors of a row from number `first` on, in their order.
MTPLX_INLINE void add_in_order(const Batch& y, int first, f64v* sums) {
  each([&](int i) { sums[(first + i) % vectors] = sums[(first + i) % vectors] + y.v[i]; });
}

template <bool is_plain, bool is_tempered>
void add(const float* x, int count, float top, double temperature, double* plain, double* tempered) {
  double scaled_top = static_cast<double>(top) / temperature;
  f64v sums[vectors];
  f64v tempered_sums[vectors];
  std::memcpy(sums, is_plain ? plain : tempered, sizeof sums);
  std::memcpy(tempered_sums, is_tempered ? tempered : plain, sizeof sums);
  constexpr int step = abreast * width;
  for (int i = 0; i < count; i += step) {
    float tail[step];
    const float* from = x + i;
    if (count - i < step) {
      for (int j = 0; j < step; ++j) {
        tail[j] = i + j < count ? x[i + j] : std::numeric_limits<float>::quiet_NaN();
      }
      from = tail;
    }
    Batch batch;
    Batch scaled;
    each([&](int k) {
      f32v narrow;
      std::memcpy(&narrow, from + k * width, sizeof narrow);
      f64v v = __builtin_convertvector(narrow, f64v);
      batch.v[k] = v == v ? v - static_cast<double>(top) : every(-1000.0);
      scaled.v[k] = v == v ? v / temperature - scaled_top : every(-1000.0);
    });
    if (is_plain) {
      add_in_order(exps(batch), i / width, sums);
    }
    if (is_tempered) {
      add_in_order(exps(scaled), i / width, tempered_sums);
    }
  }
  if (is_plain) {
    std::memcpy(plain, sums, sizeof sums);
  }
  if (is_tempered) {
    std::memcpy(tempered, tempered_sums, sizeof sums);
  }
}

} // namespace

void add_exps(const float* x, int count, float top, double temperature, double* plain, double* tempered) {
  if (plain && tempered) {
    add<true, true>(x, count, top, temperature, plain, tempered);
  } else if (plain) {
    add<true, false>(x, count, top, 1.0, plain, tempered);
  } else if (tempered) {
    add<false, true>(x, count, top, temperature, plain, tempered);
  }
}

int select_largest(const float* x, int size, int count, int32_t* best) {
  int found = 0;
  float worst = -std::numeric_limits<float>::infinity();
  // Indices come in rising order: strictly above keeps the lower one of a tie.
  auto offer = [&](int i) {
    if (!(x[i] > worst)) {
      return;
    }
    int low = 0;
    int high = found;
    while (low < high) {
      int middle = (low + high) / 2;
      if (x[i] > x[best[middle]]) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    found -= found == count;
    std::memmove(best + low + 1, best + low, static_cast<size_t>(found - low) * sizeof(int32_t));
    best[low] = i;
    ++found;
    if (found == count) {
      worst = x[best[count - 1]];
    }
  };
  int i = 0;
  for (; i + 16 <= size; i += 16) {
    for (uint32_t mask = lanes_above(load(x + i), worst); mask != 0; mask &= mask - 1) {
      offer(i + __builtin_ctz(mask));
    }
  }
  for (; i < size; ++i) {
    offer(i);
  }
  return found;
}

} // namespace mtplx::kernels::MTPLX_ISA
