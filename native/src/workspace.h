#pragma once

#include <atomic>
#include <functional>
#include <map>

#include "native/src/cycle.h"
#include "native/src/sequence.h"

namespace mtplx::native {

// What one JavaScript environment holds in the engine, by handle. Touched on the engine thread alone,
// where it also dies.
class Workspace {
 public:
  int add(std::shared_ptr<Model> model);
  int add(Sequence sequence);
  std::shared_ptr<Model> model(int handle) const;
  Sequence& sequence(int handle);
  void remove_model(int handle);
  void remove_sequence(int handle);

  // Set from any thread: a load in progress stops at the next tensor.
  std::atomic<bool> closing = false;
  kernels::Timings timings; // of all cycles since they were last asked for
  // Of the job in hand: run when its result is on its way, while JavaScript makes up its mind.
  std::function<void()> afterwards;

 private:
  std::map<int, std::shared_ptr<Model>> models_;
  std::map<int, Sequence> sequences_;
  int next_ = 1;
};

} // namespace mtplx::native
