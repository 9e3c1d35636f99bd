#pragma once

#include <span>

#include "kernels/common/function_ref.h"
#include "kernels/common/rounds.h"

// The threads that kernels share. Results never depend on their number: a task
// owns its outputs, and no sum crosses tasks.
namespace mtplx::kernels {

// Sets the number of threads, the calling one included (>= 1).
void set_threads(int threads);
int threads();

// Runs body(i) for i in [0, tasks), each exactly once, on the shared threads and the caller, as one round; returns when
// all are done. An exception is rethrown here; what had not begun by then does not run.
void parallel_for(int tasks, FunctionRef<void(int)> body);

// Rounds of tasks: all of a round are done before the next begins (rounds.h). body(round, task, first), `first` for a
// thread's first task of a round; ended(round) on the calling thread. At most Rounds::most_rounds of most_tasks.
void parallel_rounds(std::span<const int> tasks, Rounds::Body body, Rounds::Ended ended);

// Helpers that wait for work yield their cores once: who was just woken may have been put behind one, and would wait
// until it sleeps.
void make_way();

} // namespace mtplx::kernels
