#pragma once

#include <napi.h>

#include "native/src/cycle.h"
#include "native/src/spec.h"

// JavaScript values to the engine's structs and back; the shapes are those of native/types.ts. TypeScript has
// checked the values: what is wrong here is a bug of the caller and throws MTPLX_E_ENGINE_USAGE.
namespace mtplx::native {

LoadRequest load_request(Napi::Object from);

// A cycle entry whose sequence is still a handle.
struct EntryRequest {
  int sequence;
  CycleEntry entry;
};
std::vector<EntryRequest> cycle_entries(Napi::Array from);
std::vector<kernels::RowEdits> row_edits(Napi::Array from);
CandidateRequest candidate_request(Napi::Object from);
std::optional<DrawRequest> draw_request(Napi::Value from);

std::vector<int32_t> int_list(Napi::Value from);
std::vector<float> float_list(Napi::Value from);
int integer(Napi::Value from);

Napi::Value int_array(Napi::Env env, const std::vector<int32_t>& values);
Napi::Value float_array(Napi::Env env, const std::vector<float>& values);
Napi::Value double_array(Napi::Env env, const std::vector<double>& values);
void set_rows(Napi::Object to, const RowResults& rows);

} // namespace mtplx::native
