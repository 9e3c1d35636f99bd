// mtplx_benches list: the names of the ops. mtplx_benches <op> <threads> [instruction set]: one op's bench, a line of
// JSON for the build and then one for each shape and M. For `mtplx bench kernels`.
#include "kernels/common/testing/bench.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "kernels/common/isa.h"
#include "kernels/common/thread_pool.h"

namespace mtplx::kernels::testing {

namespace {

// Registered before main, in the order of the files.
std::vector<std::pair<const char*, void (*)()>>& registered() {
  static std::vector<std::pair<const char*, void (*)()>> benches;
  return benches;
}

template <class Work>
double time_us(Work work) {
  auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
}

// Reads `bytes` once, in as many parts as there are threads: the bound of a kernel that moves them. In huge pages, as
// weights are.
class Reader {
 public:
  explicit Reader(double bytes)
      : count_(static_cast<size_t>(bytes) / sizeof(uint64_t)),
        words_(static_cast<uint64_t*>(std::aligned_alloc(huge_page, (count_ * 8 / huge_page + 1) * huge_page))),
        sums_(threads()) {
    if (!words_) {
      throw std::bad_alloc();
    }
#if defined(__linux__)
    madvise(words_.get(), (count_ * 8 / huge_page + 1) * huge_page, MADV_HUGEPAGE);
#endif
    std::fill_n(words_.get(), count_, 1);
  }
  void read() {
    int parts = threads();
    parallel_for(parts, [&](int part) {
      size_t begin = count_ * part / parts;
      size_t end = count_ * (part + 1) / parts;
      uint64_t sum[8] = {};
      for (size_t i = begin; i + 8 <= end; i += 8) {
        for (int j = 0; j < 8; ++j) {
          sum[j] += words_[i + j];
        }
      }
      sums_[part] += sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
    });
  }

 private:
  static constexpr size_t huge_page = size_t{2} << 20;
  struct Free {
    void operator()(uint64_t* p) const { std::free(p); }
  };
  size_t count_;
  std::unique_ptr<uint64_t[], Free> words_;
  std::vector<uint64_t> sums_;
};

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
  std::vector<double> read_us;
  Reader reader(bytes);
  auto time_own = [&] { return time_us([&] { mx::eval(own()); }); };
  auto time_mlx = [&] { return time_us([&] { mx::eval(mlx()); }); };
  time_own();
  reader.read();
  // About 40 ms of the slower arm, at most 31 turns.
  int turns = std::clamp(static_cast<int>(40e3 / std::max(time_mlx(), 1.0)), 3, 31);
  for (int i = 0; i < turns; ++i) {
    own_us.push_back(time_own());
    mlx_us.push_back(time_mlx());
    read_us.push_back(time_us([&] { reader.read(); }));
  }
  std::printf(
      "{\"shape\":\"%s\",\"rows\":%d,\"bytes\":%.0f,\"turns\":%d,\"us\":%.3f,\"mlx_us\":%.3f,\"read_us\":%.3f}\n",
      shape.c_str(), M, bytes, turns, median(own_us), median(mlx_us), median(read_us));
  std::fflush(stdout);
}

} // namespace mtplx::kernels::testing

int main(int count, char** args) {
  using namespace mtplx::kernels;
  auto& benches = testing::registered();
  if (count == 2 && std::strcmp(args[1], "list") == 0) {
    for (auto [name, body] : benches) {
      std::printf("%s\n", name);
    }
    return 0;
  }
  auto found = std::find_if(benches.begin(), benches.end(),
                            [&](const auto& bench) { return count > 2 && std::strcmp(args[1], bench.first) == 0; });
  if (found == benches.end()) {
    std::fprintf(stderr, "usage: mtplx_benches list | <op> <threads> [instruction set]\n");
    return 2;
  }
  try {
    set_threads(std::atoi(args[2]));
    if (count > 3) {
      force_isa(parse_isa(args[3]));
    }
    std::printf("{\"isa\":\"%s\",\"threads\":%d,\"mlx\":\"%s\",\"compiler\":\"%s\"}\n", isa_name(active_isa()),
                threads(), mlx::core::version(), __VERSION__);
    found->second();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return 0;
}
