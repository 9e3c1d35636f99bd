#pragma once

#include <stdexcept>
#include <string>

namespace mtplx::native {

// An error with a code of the table in runtime/errors.ts; `what()` is for people.
class EngineError : public std::runtime_error {
 public:
  EngineError(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

} // namespace mtplx::native
