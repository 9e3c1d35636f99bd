#include "native/src/inspection.h"

#include "native/src/cycle.h"
#include "native/src/errors.h"
#include "native/src/forward.h"

namespace mtplx::native {

namespace {

std::vector<float> floats(const mx::array& a) {
  mx::array c = mx::contiguous(a);
  mx::eval(c);
  return std::vector<float>(c.data<float>(), c.data<float>() + c.size());
}

NamedTensor tensor(std::string name, const mx::array& a) {
  return {std::move(name), std::vector<int>(a.shape().begin(), a.shape().end()), floats(a)};
}

// Rows of the blocks as [kv_heads, rows, head_dim].
NamedTensor cache_tensor(
    std::string name, kernels::KvKind kind, const std::vector<mx::array>& blocks, int rows, int heads, int dim) {
  constexpr int size = kernels::kv_block_tokens;
  NamedTensor t{std::move(name), {heads, rows, dim}, {}};
  t.data.reserve(static_cast<size_t>(heads) * rows * dim);
  bool keys = kind == kernels::KvKind::keys;
  for (int h = 0; h < heads; ++h) {
    for (int r = 0; r < rows; ++r) {
      const float* head = blocks[r / size].data<float>() + static_cast<size_t>(h) * size * dim;
      for (int d = 0; d < dim; ++d) {
        t.data.push_back(keys ? head[d * size + r % size] : head[r % size * dim + d]);
      }
    }
  }
  return t;
}

} // namespace

SequenceState inspect(Sequence& q) {
  settle_now(q);
  const ModelSpec& spec = q.model->spec;
  SequenceState state{q.length(), q.mtp.rows, {}};
  auto add_cache = [&](const std::string& path, const KvCache& cache) {
    int heads = spec.attention.kv_heads;
    int dim = spec.attention.head_dim;
    state.tensors.push_back(cache_tensor(path + ".k", kernels::KvKind::keys, cache.k_blocks, cache.rows, heads, dim));
    state.tensors.push_back(cache_tensor(path + ".v", kernels::KvKind::values, cache.v_blocks, cache.rows, heads, dim));
  };
  size_t kv = 0;
  size_t delta = 0;
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    std::string path = "layers." + std::to_string(i);
    if (spec.layers[i] == LayerKind::full) {
      add_cache(path, q.kv[kv++]);
    } else {
      auto settled = kernels::gated_delta_settled(q.gated_delta[delta++], spec.gated_delta);
      state.tensors.push_back(tensor(path + ".recurrent", settled.recurrent));
      state.tensors.push_back(tensor(path + ".conv", settled.conv));
    }
  }
  if (q.use_mtp) {
    add_cache("mtp", q.mtp);
  }
  if (!q.hidden.empty()) {
    state.tensors.push_back(tensor("hidden", kernels::gather_rows(q.hidden_rows(q.length() - q.mtp.rows))));
  }
  return state;
}

std::vector<float> pending_rows(const Sequence& q, bool logits) {
  if (!q.pending || (logits ? !q.pending->logits.has_value() : !q.pending->trunk)) {
    throw EngineError("MTPLX_E_ENGINE_USAGE", "The last cycle of this sequence left no such rows.");
  }
  RowRange range =
      logits ? *q.pending->logits : RowRange{q.pending->trunk->hidden, q.pending->begin, q.pending->rows()};
  return floats(mx::slice(range.rows, {range.begin, 0}, {range.begin + range.count, range.rows.shape(1)}));
}

MtpWhole mtp_whole(const Model& model, const std::vector<float>& hidden, const std::vector<int32_t>& next) {
  int rows = static_cast<int>(next.size());
  int width = model.spec.hidden_size;
  if (!model.mtp) {
    throw EngineError("MTPLX_E_NO_MTP", "This model has no MTP head.");
  }
  if (rows == 0 || hidden.size() != static_cast<size_t>(rows) * width) {
    throw EngineError("MTPLX_E_ENGINE_USAGE", "Expected hidden [" + std::to_string(rows) + ", " +
                                                  std::to_string(width) + "], found " + std::to_string(hidden.size()) +
                                                  " numbers.");
  }
  mx::array h(hidden.begin(), {rows, width}, mx::float32);
  KvCache nothing;
  MtpRows out = mtp_forward(model, h.data<float>(), next, {{0, rows, &nothing}});
  mx::array logits = kernels::linear(out.hidden, model.lm_head);
  return {floats(out.hidden), floats(logits)};
}

} // namespace mtplx::native
