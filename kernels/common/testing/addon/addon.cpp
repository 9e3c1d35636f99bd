#include <napi.h>

#include "kernels/common/testing/addon/check.h"

// The checks for property tests in TypeScript: check(op, shape, seed) gives "" or what is wrong; kernels() their names.
namespace {

using mtplx::kernels::testing::Shape;

Napi::Value check(const Napi::CallbackInfo& info) {
  std::map<std::string, int> numbers;
  for (const auto& entry : info[1].As<Napi::Object>()) {
    numbers[entry.first.As<Napi::String>()] = static_cast<Napi::Value>(entry.second).As<Napi::Number>().Int32Value();
  }
  try {
    return Napi::String::New(info.Env(), mtplx::kernels::testing::check_kernel(
                                             info[0].As<Napi::String>(), Shape(std::move(numbers)),
                                             static_cast<uint64_t>(info[2].As<Napi::Number>().Int64Value())));
  } catch (const std::exception& e) {
    throw Napi::Error::New(info.Env(), e.what());
  }
}

Napi::Value kernels(const Napi::CallbackInfo& info) {
  auto names = Napi::Array::New(info.Env());
  for (const auto& name : mtplx::kernels::testing::checked_kernels()) {
    names.Set(names.Length(), name);
  }
  return names;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("check", Napi::Function::New(env, check));
  exports.Set("kernels", Napi::Function::New(env, kernels));
  return exports;
}

} // namespace

NODE_API_MODULE(mtplx_kernels, init)
