// mtplx_benches [name of an op] [threads]: every bench, or one op's.
#include "kernels/common/testing/bench.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "kernels/common/isa.h"
#include "kernels/common/thread_pool.h"

namespace mtplx::kernels::testing {

namespace {

// Registered before main, in the order of the files.
std::vector<std::pair<const char*, void (*)()>>& registered() {
  static std::vector<std::pair<const char*, void (*)()>> benches;
  return benches;
}

double time_us(const Build& build) {
  auto start = std::chrono::steady_clock::now();
  mx::eval(build());
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double>& times) {
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

} // namespace

Bench::Bench(const char* name, void (*body)()) {
  registered().emplace_back(name, body);
}

void compare_arms(const std::string& shape, int M, double bytes, const Build& own, const Build& mlx) {
  std::vector<double> own_us;
  std::vector<double> mlx_us;
  time_us(own);
  // About 40 ms of the slower arm, at most 31 turns.
  int turns = std::clamp(static_cast<int>(40e3 / time_us(mlx)), 3, 31);
  for (int i = 0; i < turns; ++i) {
    own_us.push_back(time_us(own));
    mlx_us.push_back(time_us(mlx));
  }
  double a = median(own_us);
  double b = median(mlx_us);
  std::printf("%-34s M=%d  own %8.1f us %6.2f GB/s   mlx %8.1f us %6.2f GB/s   %5.1fx\n", shape.c_str(), M, a,
              bytes / a * 1e-3, b, bytes / b * 1e-3, b / a);
}

} // namespace mtplx::kernels::testing

int main(int count, char** args) {
  using namespace mtplx::kernels;
  set_threads(count > 2 ? std::max(1, std::atoi(args[2])) : 1);
  std::printf("%s, %d thread(s); medians, arms taking turns\n", isa_name(active_isa()), threads());
  int ran = 0;
  for (auto [name, body] : testing::registered()) {
    if (count < 2 || std::strcmp(args[1], name) == 0) {
      body();
      ++ran;
    }
  }
  if (ran == 0) {
    std::fprintf(stderr, "No bench is named '%s'.\n", args[1]);
  }
  return ran == 0;
}
