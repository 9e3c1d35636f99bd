#include "native/src/addon/marshal.h"

#include <cmath>
#include <cstring>

#include "native/src/addon/channel.h"

namespace mtplx::native {

namespace {

[[noreturn]] void wrong(Napi::Env env, const std::string& what) {
  throw make_error(env, "MTPLX_E_ENGINE_USAGE", "The addon got a wrong argument: " + what + ".");
}

Napi::Value get(Napi::Object from, const char* key) {
  Napi::Value value = from.Get(key);
  if (value.IsUndefined()) {
    wrong(from.Env(), std::string("'") + key + "' is missing");
  }
  return value;
}

Napi::Object object(Napi::Object from, const char* key) {
  Napi::Value value = get(from, key);
  if (!value.IsObject()) {
    wrong(from.Env(), std::string("'") + key + "' is not an object");
  }
  return value.As<Napi::Object>();
}

Napi::Array array(Napi::Object from, const char* key) {
  Napi::Value value = get(from, key);
  if (!value.IsArray()) {
    wrong(from.Env(), std::string("'") + key + "' is not an array");
  }
  return value.As<Napi::Array>();
}

double number(Napi::Object from, const char* key) {
  Napi::Value value = get(from, key);
  if (!value.IsNumber()) {
    wrong(from.Env(), std::string("'") + key + "' is not a number");
  }
  return value.As<Napi::Number>().DoubleValue();
}

int whole(Napi::Object from, const char* key) {
  return integer(get(from, key));
}

bool boolean(Napi::Object from, const char* key) {
  Napi::Value value = get(from, key);
  if (!value.IsBoolean()) {
    wrong(from.Env(), std::string("'") + key + "' is not a boolean");
  }
  return value.As<Napi::Boolean>().Value();
}

std::string text(Napi::Object from, const char* key) {
  Napi::Value value = get(from, key);
  if (!value.IsString()) {
    wrong(from.Env(), std::string("'") + key + "' is not a string");
  }
  return value.As<Napi::String>().Utf8Value();
}

template <class F>
void each(Napi::Array from, F use) {
  for (uint32_t i = 0; i < from.Length(); ++i) {
    use(from.Get(i));
  }
}

template <class T>
std::vector<T> typed_list(Napi::Value from, napi_typedarray_type type, const char* name) {
  if (!from.IsTypedArray() || from.As<Napi::TypedArray>().TypedArrayType() != type) {
    wrong(from.Env(), std::string("expected a ") + name);
  }
  auto view = from.As<Napi::TypedArrayOf<T>>();
  return std::vector<T>(view.Data(), view.Data() + view.ElementLength());
}

template <class View, class T>
Napi::Value typed_array(Napi::Env env, const std::vector<T>& values) {
  auto view = View::New(env, values.size());
  if (!values.empty()) {
    std::memcpy(view.Data(), values.data(), values.size() * sizeof(T));
  }
  return view;
}

ModelSpec model_spec(Napi::Object from) {
  std::string family = text(from, "family");
  ModelSpec spec{};
  spec.family = family == "qwen3_5"       ? Family::qwen3_5
                : family == "qwen3_5_moe" ? Family::qwen3_5_moe
                : family == "qwen3_next"  ? Family::qwen3_next
                                          : (wrong(from.Env(), "unknown family " + family), Family::qwen3_5);
  spec.vocab_size = whole(from, "vocabSize");
  spec.hidden_size = whole(from, "hiddenSize");
  each(array(from, "layers"), [&](Napi::Value kind) {
    spec.layers.push_back(kind.ToString().Utf8Value() == "full" ? LayerKind::full : LayerKind::linear);
  });
  spec.rms_norm_eps = static_cast<float>(number(from, "rmsNormEps"));
  spec.tied_embeddings = boolean(from, "tiedEmbeddings");
  Napi::Object a = object(from, "attention");
  spec.attention = {whole(a, "queryHeads"), whole(a, "kvHeads"), whole(a, "headDim"), whole(a, "rotaryDim"),
                    number(a, "ropeTheta"), spec.rms_norm_eps,   boolean(a, "gated")};
  Napi::Object g = object(from, "gatedDelta");
  spec.gated_delta = {whole(g, "keyHeads"), whole(g, "valueHeads"), whole(g, "keyDim"),
                      whole(g, "valueDim"), whole(g, "convKernel"), spec.rms_norm_eps};
  if (!get(from, "moe").IsNull()) {
    Napi::Object m = object(from, "moe");
    spec.moe = kernels::MoeSpec{whole(m, "experts"), whole(m, "expertsPerToken"), boolean(m, "normalise")};
    each(array(m, "layers"), [&](Napi::Value has) { spec.moe_layers.push_back(has.ToBoolean().Value()); });
  }
  spec.mtp = boolean(from, "mtp");
  return spec;
}

TensorOp tensor_op(Napi::Object from) {
  std::string op = text(from, "op");
  return op == "take"          ? TensorOp::take
         : op == "stack"       ? TensorOp::stack
         : op == "first-half"  ? TensorOp::first_half
         : op == "second-half" ? TensorOp::second_half
                               : (wrong(from.Env(), "unknown tensor op " + op), TensorOp::take);
}

} // namespace

int integer(Napi::Value from) {
  double value = from.IsNumber() ? from.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!(std::floor(value) == value) || std::abs(value) > 2147483647.0) {
    wrong(from.Env(), "expected a whole number");
  }
  return static_cast<int>(value);
}

std::vector<int32_t> int_list(Napi::Value from) {
  return typed_list<int32_t>(from, napi_int32_array, "Int32Array");
}

std::vector<double> double_list(Napi::Value from) {
  return typed_list<double>(from, napi_float64_array, "Float64Array");
}

std::vector<float> float_list(Napi::Value from) {
  return typed_list<float>(from, napi_float32_array, "Float32Array");
}

LoadRequest load_request(Napi::Object from) {
  LoadRequest request;
  each(array(from, "files"), [&](Napi::Value file) { request.files.push_back(file.ToString().Utf8Value()); });
  each(array(from, "tensors"), [&](Napi::Value value) {
    Napi::Object t = value.As<Napi::Object>();
    TensorPlan plan{text(t, "name"), {}, tensor_op(t), {}};
    each(array(t, "sources"), [&](Napi::Value source) {
      Napi::Object o = source.As<Napi::Object>();
      plan.sources.push_back({whole(o, "file"), text(o, "key")});
    });
    each(array(t, "shape"), [&](Napi::Value dim) { plan.shape.push_back(integer(dim)); });
    request.tensors.push_back(std::move(plan));
  });
  each(array(from, "quantized"), [&](Napi::Value value) {
    Napi::Object q = value.As<Napi::Object>();
    request.quantized.push_back({text(q, "module"), whole(q, "bits"), whole(q, "groupSize")});
  });
  request.spec = model_spec(object(from, "spec"));
  if (!get(from, "draftHead").IsNull()) {
    Napi::Object d = object(from, "draftHead");
    request.draft_head = DraftHeadSpec{whole(d, "bits"), whole(d, "groupSize")};
  }
  return request;
}

Napi::Value float_array(Napi::Env env, const std::vector<float>& values) {
  return typed_array<Napi::Float32Array>(env, values);
}

} // namespace mtplx::native
