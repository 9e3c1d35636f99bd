#pragma once

#include <functional>
#include <map>
#include <string>
#include <unordered_map>

#include "kernels/linear/linear.h"
#include "native/src/spec.h"

namespace mtplx::native {

namespace mx = mlx::core;

// Norms that one converter treats alike: see norm_convention.cpp.
enum class NormGroup { trunk, mtp_layer, mtp_own };
// The group of a zero-centred norm; nothing for other tensors (the GDN gated norm among them).
std::optional<NormGroup> norm_group(const std::string& name);
// Which groups store w - 1.
using RawNorms = std::map<NormGroup, bool>;

// The tensors of a checkpoint under their canonical names, still unread. Each is
// taken once, so that its memory can go when its module has been built.
class Weights {
 public:
  // `on_tensor` is called for each tensor taken; it may throw to stop the load.
  Weights(const LoadRequest& request, std::function<void()> on_tensor);

  bool has(const std::string& name) const;
  // The tensor as stored. Throws MTPLX_E_TENSOR_MISSING, MTPLX_E_TENSOR_SHAPE or
  // MTPLX_E_FILE_BROKEN with file, tensor, expected and found.
  mx::array take(const std::string& name);
  // The tensor as f32, evaluated.
  mx::array take_f32(const std::string& name);
  // Effective weight of a zero-centred norm: 1 is added where the file stores w - 1.
  mx::array take_norm(const std::string& name);
  // Dense or quantized, as the plan says.
  kernels::LinearWeight take_linear(const std::string& module);
  // One linear a slice along the first axis (experts), each [N, K].
  std::vector<kernels::LinearWeight> take_linears(const std::string& module);
  // One linear for each list of rows (Qwen3-Next's grouped projections).
  std::vector<kernels::LinearWeight> take_linear_parts(const std::string& module,
                                                       const std::vector<std::vector<int>>& rows);
  // A copy of the module's weight requantised; in row chunks, to bound memory.
  kernels::LinearWeight requantised(const std::string& module, int bits, int group_size);
  bool quantized(const std::string& module, int* bits, int* group_size) const;

  // How norms are stored, decided by value.
  const RawNorms& raw_norms() const { return raw_norms_; }

  // Bytes of all linears made so far; their memory is not MLX's, which does not count it.
  size_t linear_bytes() const { return linear_bytes_; }

 private:
  void decide_norm_convention();
  mx::array resolve(const TensorPlan& plan);
  const TensorPlan& plan_of(const std::string& name) const;
  std::string where(const TensorPlan& plan, size_t source) const;
  [[noreturn]] void wrong_shape(const TensorPlan& plan,
                                size_t source,
                                const std::string& expected,
                                const mx::Shape& found) const;
  std::vector<mx::array> take_parts(const std::string& module);
  kernels::LinearWeight linear_of(const std::string& module, std::vector<mx::array> parts);
  kernels::LinearWeight counted(kernels::LinearWeight weight);

  std::vector<std::string> files_;
  std::vector<std::unordered_map<std::string, mx::array>> arrays_;
  std::unordered_map<std::string, TensorPlan> plans_;
  std::unordered_map<std::string, QuantizedModule> quantized_;
  std::function<void()> on_tensor_;
  RawNorms raw_norms_;
  size_t linear_bytes_ = 0;
};

} // namespace mtplx::native
