#pragma once

#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>

#include "kernels/common/testing/ops.h"
#include "native/src/model.h"

// A random dense model of two layers (one gated delta, one attention) with an MTP head, written to a safetensors file.
namespace mtplx::testing {

using Tensors = std::map<std::string, mx::array>;

inline native::ModelSpec tiny_spec() {
  return {native::Family::qwen3_5,
          64, // vocabulary
          32, // hidden size
          {native::LayerKind::linear, native::LayerKind::full},
          1e-6f,
          true,
          {2, 1, 16, 8, 1e7, 1e-6f, true},
          {1, 2, 16, 16, 4, 1e-6f},
          std::nullopt,
          {},
          true};
}

inline Tensors tiny_tensors(uint32_t seed = 1) {
  Numbers n(seed);
  Tensors t;
  constexpr int hidden = 32;
  auto linear = [&](const std::string& name, int out, int in) {
    t.emplace(name + ".weight", n.array({out, in}, 0.2f));
  };
  // Effective weights: positive, around 1.
  auto norm = [&](const std::string& name, int size) { t.emplace(name + ".weight", n.array({size}, 0.1f, 1.0f)); };
  auto mlp_and_norms = [&](const std::string& path) {
    norm(path + ".input_layernorm", hidden);
    norm(path + ".post_attention_layernorm", hidden);
    linear(path + ".mlp.gate_proj", 48, hidden);
    linear(path + ".mlp.up_proj", 48, hidden);
    linear(path + ".mlp.down_proj", hidden, 48);
  };
  auto attention = [&](const std::string& path) {
    linear(path + ".q_proj", 64, hidden);
    linear(path + ".k_proj", 16, hidden);
    linear(path + ".v_proj", 16, hidden);
    linear(path + ".o_proj", hidden, 32);
    norm(path + ".q_norm", 16);
    norm(path + ".k_norm", 16);
  };
  linear("embed_tokens", 64, hidden);
  mlp_and_norms("layers.0");
  linear("layers.0.linear_attn.in_proj_qkv", 64, hidden);
  linear("layers.0.linear_attn.in_proj_z", 32, hidden);
  linear("layers.0.linear_attn.in_proj_b", 2, hidden);
  linear("layers.0.linear_attn.in_proj_a", 2, hidden);
  linear("layers.0.linear_attn.out_proj", hidden, 32);
  t.emplace("layers.0.linear_attn.conv1d.weight", n.array({64, 1, 4}, 0.5f));
  t.emplace("layers.0.linear_attn.A_log", n.array({2}, 0.5f));
  t.emplace("layers.0.linear_attn.dt_bias", n.array({2}));
  norm("layers.0.linear_attn.norm", 16);
  mlp_and_norms("layers.1");
  attention("layers.1.self_attn");
  norm("norm", hidden);
  norm("mtp.pre_fc_norm_embedding", hidden);
  norm("mtp.pre_fc_norm_hidden", hidden);
  linear("mtp.fc", hidden, 2 * hidden);
  mlp_and_norms("mtp.layers.0");
  attention("mtp.layers.0.self_attn");
  norm("mtp.norm", hidden);
  return t;
}

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("mtplx-native-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// Writes the tensors and asks for each of them as it is.
inline native::LoadRequest write_model(const Folder& folder, const Tensors& tensors) {
  native::LoadRequest request{{folder.file("model.safetensors")}, {}, {}, tiny_spec(), std::nullopt};
  std::unordered_map<std::string, mx::array> written;
  for (const auto& [name, values] : tensors) {
    written.emplace("stored." + name, values);
    request.tensors.push_back({name,
                               {{0, "stored." + name}},
                               native::TensorOp::take,
                               std::vector<int>(values.shape().begin(), values.shape().end())});
  }
  cpu_stream();
  mx::save_safetensors(request.files[0], written);
  return request;
}

inline std::shared_ptr<native::Model> tiny_model(uint32_t seed = 1) {
  Folder folder;
  return native::load_model(write_model(folder, tiny_tensors(seed)), [] {});
}

} // namespace mtplx::testing
