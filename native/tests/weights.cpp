#include "native/src/weights.h"

#include <doctest/doctest.h>

#include "native/src/errors.h"
#include "native/tests/tiny_model.h"

using namespace mtplx;
using namespace mtplx::native;
using testing::floats;
using testing::Folder;
using testing::Tensors;

namespace {

struct Failure {
  std::string code, message;
};

Failure failure_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const EngineError& e) {
    return {e.code(), e.what()};
  }
  return {};
}

Failure load_failure(const LoadRequest& request) {
  return failure_of([&] { load_model(request, [] {}); });
}

TensorPlan& plan_of(LoadRequest& request, const std::string& name) {
  for (auto& plan : request.tensors) {
    if (plan.name == name) {
      return plan;
    }
  }
  throw std::logic_error(name);
}

void minus_one(Tensors& tensors, NormGroup group) {
  for (auto& [name, values] : tensors) {
    if (norm_group(name) == group) {
      values = mx::subtract(values, mx::array(1.0f));
    }
  }
}

bool is_raw(const RawNorms& norms, NormGroup group) {
  return norms.at(group);
}

} // namespace

TEST_CASE("norm groups: zero-centred norms alone, the head's own apart from its layer's") {
  CHECK(norm_group("norm.weight") == NormGroup::trunk);
  CHECK(norm_group("layers.3.self_attn.q_norm.weight") == NormGroup::trunk);
  CHECK(norm_group("layers.0.input_layernorm.weight") == NormGroup::trunk);
  CHECK(norm_group("mtp.layers.0.self_attn.k_norm.weight") == NormGroup::mtp_layer);
  CHECK(norm_group("mtp.norm.weight") == NormGroup::mtp_own);
  CHECK(norm_group("mtp.pre_fc_norm_hidden.weight") == NormGroup::mtp_own);
  CHECK_FALSE(norm_group("layers.0.linear_attn.norm.weight").has_value());
  CHECK_FALSE(norm_group("layers.0.mlp.gate_proj.weight").has_value());
}

TEST_CASE("norm convention: raw, shifted and mixed checkpoints give the same effective weights") {
  mx::Stream s = testing::cpu_stream();
  (void)s;
  Tensors shifted = testing::tiny_tensors();
  std::vector<float> q_norm = floats(shifted.at("layers.1.self_attn.q_norm.weight"));
  std::vector<float> own = floats(shifted.at("mtp.norm.weight"));
  std::vector<float> gated = floats(shifted.at("layers.0.linear_attn.norm.weight"));
  for (int raw = 0; raw < 8; ++raw) {
    CAPTURE(raw);
    Tensors tensors = shifted;
    for (int g = 0; g < 3; ++g) {
      if (raw >> g & 1) {
        minus_one(tensors, static_cast<NormGroup>(g));
      }
    }
    Folder folder;
    Weights weights(testing::write_model(folder, tensors), [] {});
    for (int g = 0; g < 3; ++g) {
      CHECK(is_raw(weights.raw_norms(), static_cast<NormGroup>(g)) == ((raw >> g & 1) == 1));
    }
    auto close = [](const std::vector<float>& a, const std::vector<float>& b) {
      return testing::distance(a, std::vector<double>(b.begin(), b.end())) < 1e-6;
    };
    CHECK(close(floats(weights.take_norm("layers.1.self_attn.q_norm.weight")), q_norm));
    CHECK(close(floats(weights.take_norm("mtp.norm.weight")), own));
    CHECK(floats(weights.take_f32("layers.0.linear_attn.norm.weight")) == gated);
  }
}

TEST_CASE("weights: a missing tensor is named with its file") {
  Folder folder;
  Tensors tensors = testing::tiny_tensors();
  LoadRequest request = testing::write_model(folder, tensors);
  plan_of(request, "layers.1.self_attn.k_proj.weight").sources[0].key = "nowhere";
  Failure f = load_failure(request);
  CHECK(f.code == "MTPLX_E_TENSOR_MISSING");
  CHECK(f.message ==
        "Missing tensor 'nowhere' in " + request.files[0] + " (needed as layers.1.self_attn.k_proj.weight).");

  tensors.erase("mtp.fc.weight");
  f = load_failure(testing::write_model(folder, tensors));
  CHECK(f.code == "MTPLX_E_TENSOR_MISSING");
  CHECK(f.message == "The checkpoint has no tensor 'mtp.fc.weight', which the model needs.");

  // A norm that is not in the plan at all is missing, too.
  tensors = testing::tiny_tensors();
  tensors.erase("mtp.norm.weight");
  tensors.erase("mtp.pre_fc_norm_hidden.weight");
  tensors.erase("mtp.pre_fc_norm_embedding.weight");
  CHECK(load_failure(testing::write_model(folder, tensors)).code == "MTPLX_E_TENSOR_MISSING");
}

TEST_CASE("weights: a wrong shape names tensor, file, expected and found") {
  Folder folder;
  LoadRequest request = testing::write_model(folder, testing::tiny_tensors());
  plan_of(request, "layers.0.mlp.up_proj.weight").shape = {48, 64};
  Failure f = load_failure(request);
  CHECK(f.code == "MTPLX_E_TENSOR_SHAPE");
  CHECK(f.message == "Wrong shape of tensor 'stored.layers.0.mlp.up_proj.weight' in " + request.files[0] +
                         ": expected [48, 64], found [48, 32].");
}

TEST_CASE("weights: halves and stacks that do not fit are errors, not crashes") {
  Folder folder;
  LoadRequest request = testing::write_model(folder, testing::tiny_tensors());
  TensorPlan& half = plan_of(request, "layers.0.linear_attn.A_log");
  half.op = TensorOp::first_half;
  Failure f = load_failure(request);
  CHECK(f.code == "MTPLX_E_TENSOR_SHAPE");
  CHECK(f.message.find("stored.layers.0.linear_attn.A_log") != std::string::npos);

  request = testing::write_model(folder, testing::tiny_tensors());
  TensorPlan& stack = plan_of(request, "layers.0.mlp.up_proj.weight");
  stack.op = TensorOp::stack;
  stack.sources.push_back({0, "stored.layers.0.mlp.down_proj.weight"});
  f = load_failure(request);
  CHECK(f.code == "MTPLX_E_TENSOR_SHAPE");
  CHECK(f.message.find("stored.layers.0.mlp.down_proj.weight") != std::string::npos);
}

TEST_CASE("weights: a truncated, an empty and a missing file are named") {
  Folder folder;
  LoadRequest request = testing::write_model(folder, testing::tiny_tensors());
  auto size = std::filesystem::file_size(request.files[0]);
  for (uintmax_t left : {size - 1, size / 2, uintmax_t{100}, uintmax_t{4}, uintmax_t{0}}) {
    CAPTURE(left);
    std::filesystem::resize_file(request.files[0], left);
    Failure f = load_failure(request);
    CHECK(f.code == "MTPLX_E_FILE_BROKEN");
    CHECK(f.message.find(request.files[0]) != std::string::npos);
    request = testing::write_model(folder, testing::tiny_tensors());
  }
  std::filesystem::remove(request.files[0]);
  CHECK(load_failure(request).code == "MTPLX_E_FILE_BROKEN");
}

TEST_CASE("weights: an impossible bit width names the module") {
  Folder folder;
  LoadRequest request = testing::write_model(folder, testing::tiny_tensors());
  Tensors tensors = testing::tiny_tensors();
  auto q = mx::quantize(tensors.at("layers.0.mlp.up_proj.weight"), 32, 4);
  tensors.at("layers.0.mlp.up_proj.weight") = q[0];
  tensors.emplace("layers.0.mlp.up_proj.scales", q[1]);
  tensors.emplace("layers.0.mlp.up_proj.biases", q[2]);
  for (int bits : {7, 1, 8, 3}) {
    request = testing::write_model(folder, tensors);
    request.quantized.push_back({"layers.0.mlp.up_proj", bits, 32});
    Failure f = load_failure(request);
    CHECK(f.code == "MTPLX_E_TENSOR_SHAPE");
    CHECK(f.message.find("Module layers.0.mlp.up_proj: [linear] ") == 0);
  }
  request = testing::write_model(folder, tensors);
  request.quantized.push_back({"layers.0.mlp.up_proj", 4, 32});
  CHECK(load_failure(request).code.empty());
}

TEST_CASE("weights: the load stops where the listener throws, and counts every tensor") {
  Folder folder;
  LoadRequest request = testing::write_model(folder, testing::tiny_tensors());
  int seen = 0;
  load_model(request, [&] { ++seen; });
  CHECK(seen == static_cast<int>(request.tensors.size()));
  Failure f = failure_of([&] {
    load_model(request, [&] {
      if (--seen == 10) {
        throw EngineError("MTPLX_E_ABORTED", "stop");
      }
    });
  });
  CHECK(f.code == "MTPLX_E_ABORTED");
  CHECK(seen == 10);
}

TEST_CASE("draft head: requantised in chunks of rows as in one piece, refused where it gains nothing") {
  Folder folder;
  Tensors tensors = testing::tiny_tensors();
  mx::array embed = testing::Numbers(5).array({8200, 64}, 0.2f); // more than one chunk
  LoadRequest request = testing::write_model(folder, Tensors{{"embed_tokens.weight", embed}});
  Weights weights(request, [] {});
  auto head = weights.requantised("embed_tokens", 4, 64);
  CHECK(head.bits == 4);
  auto q = mx::quantize(embed, 64, 4);
  auto whole = kernels::affine_weight(q[0], q[1], q[2], 4, 64);
  CHECK(testing::same_bits(kernels::dense_values(head), kernels::dense_values(whole)));
  // The tensor stays there for the module itself.
  CHECK(testing::same_bits(weights.take("embed_tokens.weight"), embed));

  auto packed = mx::quantize(tensors.at("embed_tokens.weight"), 32, 4);
  tensors.at("embed_tokens.weight") = packed[0];
  tensors.emplace("embed_tokens.scales", packed[1]);
  tensors.emplace("embed_tokens.biases", packed[2]);
  for (int bits : {3, 4}) {
    request = testing::write_model(folder, tensors);
    request.quantized.push_back({"embed_tokens", 4, 32});
    request.draft_head = DraftHeadSpec{bits, 32};
    Failure f = load_failure(request);
    if (bits == 4) {
      CHECK(f.code == "MTPLX_E_DRAFT_HEAD_POINTLESS");
      CHECK(f.message.find("already has 4 bits") != std::string::npos);
    } else {
      CHECK(f.code.empty());
      CHECK(load_model(request, [] {})->draft_head->bits == 3);
    }
  }
  // Groups that the head's width cannot be cut into.
  request = testing::write_model(folder, testing::tiny_tensors());
  request.draft_head = DraftHeadSpec{4, 64};
  Failure f = load_failure(request);
  CHECK(f.code == "MTPLX_E_OPTION");
  CHECK(f.message == "Groups of 64 do not divide the 32 columns of embed_tokens.");
}
