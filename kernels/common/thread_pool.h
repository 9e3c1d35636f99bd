#pragma once

#include <cstddef>

#include "kernels/common/function_ref.h"

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

// Runs body(i) for i in [0, tasks), each exactly once, on the shared threads and
// the caller; returns when all are done. An exception is rethrown here.
void parallel_for(int tasks, FunctionRef<void(int)> body, Near near = {});

// Helpers that wait for work yield their cores once: who was just woken may have been put behind one, and would wait
// until it sleeps.
void make_way();

} // namespace mtplx::kernels
