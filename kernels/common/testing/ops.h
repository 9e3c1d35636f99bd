#pragma once

#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "kernels/common/isa.h"
#include "kernels/common/task.h"
#include "kernels/common/thread_pool.h"

// What the tests of several ops share.
namespace mtplx::testing {

namespace mx = mlx::core;

// The CPU stream of the calling thread; also keeps MLX's own ops off a GPU.
inline mx::Stream cpu_stream() {
  mx::set_default_device(mx::Device::cpu);
  return mx::default_stream(mx::Device::cpu);
}

// Numbers of a fixed seed.
class Numbers {
 public:
  explicit Numbers(uint32_t seed) : engine_(seed) {}

  // 32 bits to (-1, 1) without the library's distributions, whose numbers differ between libraries.
  float uniform() { return static_cast<float>(static_cast<double>(engine_()) / 2147483648.0 - 1.0); }

  // Sum of four uniforms: near enough to a normal distribution of the given deviation.
  float normal(float deviation = 1.0f) {
    return (uniform() + uniform() + uniform() + uniform()) * 0.8660254f * deviation;
  }

  mx::array array(mx::Shape shape, float deviation = 1.0f, float mean = 0.0f) {
    size_t size = 1;
    for (int dim : shape) {
      size *= static_cast<size_t>(dim);
    }
    std::vector<float> values(size);
    for (float& v : values) {
      v = mean + normal(deviation);
    }
    return mx::array(values.begin(), std::move(shape), mx::float32);
  }

 private:
  std::mt19937 engine_;
};

inline std::vector<float> floats(const mx::array& a) {
  mx::array c = mx::contiguous(a);
  mx::eval(c);
  return std::vector<float>(c.data<float>(), c.data<float>() + c.size());
}

inline std::vector<double> doubles(const mx::array& a) {
  std::vector<float> f = floats(a);
  return std::vector<double>(f.begin(), f.end());
}

// Rows [begin, begin + count) of the first axis, as an array of their own.
inline mx::array row_range(const mx::array& a, int begin, int count) {
  mx::Shape from(a.ndim(), 0);
  mx::Shape to = a.shape();
  from[0] = begin;
  to[0] = begin + count;
  mx::array c = mx::contiguous(mx::slice(a, from, to));
  mx::eval(c);
  return c;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

inline bool same_bits(const mx::array& a, const mx::array& b) {
  return a.shape() == b.shape() && same_bits(floats(a), floats(b));
}

// Largest |a - b| / (1 + |b|); infinite when the sizes differ or a number is not finite.
inline double distance(const std::vector<float>& a, const std::vector<double>& b) {
  double worst = a.size() == b.size() ? 0.0 : INFINITY;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    double d = std::abs(a[i] - b[i]) / (1.0 + std::abs(b[i]));
    worst = d <= worst ? worst : std::isnan(d) ? INFINITY : d;
  }
  return worst;
}

inline double distance(const mx::array& a, const std::vector<double>& b) {
  return distance(floats(a), b);
}

// What() of the exception that the call throws; empty when it throws none.
inline std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

// Runs `check` under every instruction set of this CPU and with 1, 2 and 3 threads.
inline void on_all_machines(const std::function<void(kernels::Isa, int threads)>& check) {
  kernels::Isa isa = kernels::active_isa();
  int threads = kernels::threads();
  for (kernels::Isa other : kernels::all_isas) {
    if (kernels::isa_runs_here(other)) {
      kernels::force_isa(other);
      for (int n : {1, 2, 3}) {
        kernels::set_threads(n);
        check(other, n);
      }
    }
  }
  kernels::force_isa(isa);
  kernels::set_threads(threads);
}

} // namespace mtplx::testing
