#pragma once

#include <napi.h>

#include "native/src/spec.h"

// JavaScript values to the engine's structs and back; the shapes are those of native/types.ts. TypeScript has
// checked the values: what is wrong here is a bug of the caller and throws MTPLX_E_ENGINE_USAGE.
namespace mtplx::native {

LoadRequest load_request(Napi::Object from);

std::vector<int32_t> int_list(Napi::Value from);
std::vector<double> double_list(Napi::Value from);
std::vector<float> float_list(Napi::Value from);
int integer(Napi::Value from);

Napi::Value float_array(Napi::Env env, const std::vector<float>& values);

} // namespace mtplx::native
