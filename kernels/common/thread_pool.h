#pragma once

#include <cstddef>

// The threads that kernels share. Results never depend on their number: a task
// owns its outputs, and no sum crosses tasks.
namespace mtplx::kernels {

// Sets the number of threads, the calling one included (>= 1).
void set_threads(int threads);
int threads();

// What every task reads first: helpers ask for its lines at once. On two cores without a common cache a line takes a
// quarter of a microsecond, and one after the other they would take longer than the task.
struct Near {
  const void* data = nullptr;
  size_t bytes = 0;
};

namespace detail {
using Call = void (*)(const void* body, int task);
void parallel_for(int tasks, const void* body, Call call, Near near);
} // namespace detail

// Runs body(i) for i in [0, tasks), each exactly once, on the shared threads and
// the caller; returns when all are done. An exception is rethrown here.
template <class Body>
void parallel_for(int tasks, const Body& body, Near near = {}) {
  detail::parallel_for(
      tasks, &body, [](const void* b, int task) { (*static_cast<const Body*>(b))(task); }, near);
}

} // namespace mtplx::kernels
