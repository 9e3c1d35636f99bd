#include "kernels/common/thread_pool.h"

namespace mtplx::kernels {

namespace {
int thread_count = 1;
}

void set_threads(int threads) {
  thread_count = threads;
}

int threads() {
  return thread_count;
}

void parallel_for(int tasks, const std::function<void(int)>& body) {
  for (int i = 0; i < tasks; ++i) {
    body(i);
  }
}

} // namespace mtplx::kernels
