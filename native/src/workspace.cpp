#include "native/src/workspace.h"

#include "native/src/errors.h"

namespace mtplx::native {

namespace {

[[noreturn]] void unknown(const char* what) {
  throw EngineError("MTPLX_E_DISPOSED",
                    std::string("This ") + what + " was disposed of, or belongs to another environment.");
}

} // namespace

int Workspace::add(std::shared_ptr<Model> model) {
  models_.emplace(next_, std::move(model));
  return next_++;
}

int Workspace::add(Sequence sequence) {
  sequences_.emplace(next_, std::move(sequence));
  return next_++;
}

std::shared_ptr<Model> Workspace::model(int handle) const {
  auto found = models_.find(handle);
  if (found == models_.end()) {
    unknown("model");
  }
  return found->second;
}

Sequence& Workspace::sequence(int handle) {
  auto found = sequences_.find(handle);
  if (found == sequences_.end()) {
    unknown("sequence");
  }
  return found->second;
}

void Workspace::remove_model(int handle) {
  models_.erase(handle);
}

void Workspace::remove_sequence(int handle) {
  sequences_.erase(handle);
}

} // namespace mtplx::native
