#include "native/src/weights.h"

#include <sstream>

#include "native/src/errors.h"

namespace mtplx::native {

namespace {

std::string shape_text(const mx::Shape& shape) {
  std::ostringstream text;
  text << "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    text << (i ? ", " : "") << shape[i];
  }
  text << "]";
  return text.str();
}

mx::array half_rows(const mx::array& a, bool second) {
  int axis = static_cast<int>(a.ndim()) - 2;
  int half = a.shape(axis) / 2;
  mx::Shape begin(a.ndim(), 0);
  mx::Shape end = a.shape();
  begin[axis] = second ? half : 0;
  end[axis] = second ? 2 * half : half;
  return mx::slice(a, begin, end);
}

} // namespace

Weights::Weights(const LoadRequest& request, std::function<void()> on_tensor)
    : files_(request.files), on_tensor_(std::move(on_tensor)) {
  for (const auto& file : files_) {
    try {
      arrays_.push_back(mx::load_safetensors(file).first);
    } catch (const std::exception& e) {
      throw EngineError("MTPLX_E_FILE_BROKEN", "Cannot read " + file + ": " + e.what());
    }
  }
  for (const auto& plan : request.tensors) {
    plans_.emplace(plan.name, plan);
  }
  for (const auto& module : request.quantized) {
    quantized_.emplace(module.module, module);
  }
  decide_norm_convention();
}

bool Weights::has(const std::string& name) const {
  return plans_.count(name) > 0;
}

bool Weights::quantized(const std::string& module, int* bits, int* group_size) const {
  auto found = quantized_.find(module);
  if (found == quantized_.end()) {
    return false;
  }
  *bits = found->second.bits;
  *group_size = found->second.group_size;
  return true;
}

std::string Weights::where(const TensorPlan& plan, size_t source) const {
  const auto& from = plan.sources.at(source);
  return "tensor '" + from.key + "' in " + files_.at(from.file);
}

void Weights::wrong_shape(const TensorPlan& plan,
                          size_t source,
                          const std::string& expected,
                          const mx::Shape& found) const {
  throw EngineError("MTPLX_E_TENSOR_SHAPE", "Wrong shape of " + where(plan, source) + ": expected " + expected +
                                                ", found " + shape_text(found) + ".");
}

mx::array Weights::resolve(const TensorPlan& plan) {
  std::vector<mx::array> parts;
  for (const auto& source : plan.sources) {
    auto& file = arrays_.at(source.file);
    auto found = file.find(source.key);
    if (found == file.end()) {
      throw EngineError("MTPLX_E_TENSOR_MISSING", "Missing tensor '" + source.key + "' in " + files_.at(source.file) +
                                                      " (needed as " + plan.name + ").");
    }
    parts.push_back(found->second);
  }
  mx::array a = parts.at(0);
  if (plan.op == TensorOp::stack) {
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].shape() != a.shape()) {
        wrong_shape(plan, i, shape_text(a.shape()), parts[i].shape());
      }
    }
    a = mx::stack(parts, 0);
  } else if (plan.op != TensorOp::take) {
    if (a.ndim() < 2 || a.shape(-2) % 2 != 0) {
      wrong_shape(plan, 0, "an even number of rows", a.shape());
    }
    a = half_rows(a, plan.op == TensorOp::second_half);
  }
  mx::Shape wanted(plan.shape.begin(), plan.shape.end());
  if (a.shape() != wanted) {
    wrong_shape(plan, 0, shape_text(wanted), a.shape());
  }
  try {
    a = mx::contiguous(a);
    mx::eval(a);
  } catch (const std::exception& e) {
    throw EngineError("MTPLX_E_FILE_BROKEN", "Cannot read " + where(plan, 0) + ": " + e.what());
  }
  return a;
}

const TensorPlan& Weights::plan_of(const std::string& name) const {
  auto found = plans_.find(name);
  if (found == plans_.end()) {
    throw EngineError("MTPLX_E_TENSOR_MISSING", "The checkpoint has no tensor '" + name + "', which the model needs.");
  }
  return found->second;
}

mx::array Weights::take(const std::string& name) {
  TensorPlan plan = plan_of(name);
  mx::array a = resolve(plan);
  plans_.erase(name);
  if (plan.op == TensorOp::take || plan.op == TensorOp::stack) {
    for (const auto& source : plan.sources) {
      arrays_[source.file].erase(source.key);
    }
  }
  on_tensor_();
  return a;
}

mx::array Weights::take_f32(const std::string& name) {
  mx::array a = mx::contiguous(mx::astype(take(name), mx::float32));
  mx::eval(a);
  return a;
}

mx::array Weights::take_norm(const std::string& name) {
  mx::array a = take_f32(name);
  if (raw_norms_.at(norm_group(name).value())) {
    a = mx::add(a, mx::array(1.0f));
    mx::eval(a);
  }
  return a;
}

kernels::LinearWeight Weights::counted(kernels::LinearWeight weight) {
  linear_bytes_ += weight.data.nbytes();
  return weight;
}

kernels::LinearWeight Weights::linear_of(const std::string& module, std::vector<mx::array> parts) {
  auto found = quantized_.find(module);
  try {
    if (found == quantized_.end()) {
      return counted(kernels::dense_weight(parts.at(0)));
    }
    return counted(
        kernels::affine_weight(parts.at(0), parts.at(1), parts.at(2), found->second.bits, found->second.group_size));
  } catch (const std::invalid_argument& e) {
    throw EngineError("MTPLX_E_TENSOR_SHAPE", "Module " + module + ": " + e.what());
  }
}

std::vector<mx::array> Weights::take_parts(const std::string& module) {
  std::vector<mx::array> parts = {take(module + ".weight")};
  if (quantized_.count(module)) {
    parts.push_back(take(module + ".scales"));
    parts.push_back(take(module + ".biases"));
  }
  return parts;
}

kernels::LinearWeight Weights::take_linear(const std::string& module) {
  return linear_of(module, take_parts(module));
}

std::vector<kernels::LinearWeight> Weights::take_linear_parts(const std::string& module,
                                                              const std::vector<std::vector<int>>& rows) {
  std::vector<mx::array> parts = take_parts(module);
  std::vector<kernels::LinearWeight> linears;
  for (const auto& list : rows) {
    mx::array order(list.begin(), {static_cast<int>(list.size())}, mx::int32);
    std::vector<mx::array> picked;
    for (const auto& part : parts) {
      picked.push_back(mx::contiguous(mx::take(part, order, 0)));
      mx::eval(picked.back());
    }
    linears.push_back(linear_of(module, std::move(picked)));
  }
  return linears;
}

std::vector<kernels::LinearWeight> Weights::take_linears(const std::string& module) {
  std::vector<mx::array> parts = take_parts(module);
  std::vector<kernels::LinearWeight> experts;
  for (int e = 0; e < parts[0].shape(0); ++e) {
    std::vector<mx::array> slices;
    for (const auto& part : parts) {
      mx::Shape begin(part.ndim(), 0);
      mx::Shape end = part.shape();
      begin[0] = e;
      end[0] = e + 1;
      slices.push_back(mx::contiguous(mx::squeeze(mx::slice(part, begin, end), 0)));
      mx::eval(slices.back());
    }
    experts.push_back(linear_of(module, std::move(slices)));
  }
  return experts;
}

kernels::LinearWeight Weights::requantised(const std::string& module, int bits, int group_size) {
  constexpr int chunk = 8192;
  int from_bits = 0;
  int from_group = 0;
  bool packed = quantized(module, &from_bits, &from_group);
  mx::array weight = resolve(plan_of(module + ".weight"));
  int width = packed ? weight.shape(-1) * 32 / from_bits : weight.shape(-1);
  if (width % group_size != 0) {
    throw EngineError("MTPLX_E_OPTION", "Groups of " + std::to_string(group_size) + " do not divide the " +
                                            std::to_string(width) + " columns of " + module + ".");
  }
  std::vector<mx::array> parts = {weight};
  if (packed) {
    parts.push_back(resolve(plan_of(module + ".scales")));
    parts.push_back(resolve(plan_of(module + ".biases")));
  }
  std::vector<std::vector<mx::array>> pieces(3);
  for (int begin = 0; begin < weight.shape(0); begin += chunk) {
    int end = std::min(begin + chunk, weight.shape(0));
    std::vector<mx::array> rows;
    for (const auto& part : parts) {
      rows.push_back(mx::slice(part, {begin, 0}, {end, part.shape(1)}));
    }
    mx::array values = packed ? mx::dequantize(rows[0], rows[1], rows[2], from_group, from_bits) : rows[0];
    auto quantised = mx::quantize(values, group_size, bits);
    mx::eval(quantised);
    for (int i = 0; i < 3; ++i) {
      pieces[i].push_back(quantised[i]);
    }
  }
  std::vector<mx::array> whole;
  for (auto& piece : pieces) {
    whole.push_back(mx::concatenate(piece, 0));
    mx::eval(whole.back());
  }
  return counted(kernels::affine_weight(whole[0], whole[1], whole[2], bits, group_size));
}

} // namespace mtplx::native
