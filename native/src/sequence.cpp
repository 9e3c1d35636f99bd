#include "native/src/sequence.h"

#include "native/src/errors.h"
#include "native/src/faults.h"

namespace mtplx::native {

void KvCache::append(const mx::array& k, const mx::array& v, int begin, int count) {
  constexpr int size = kernels::kv_block_tokens;
  int heads = k.shape(1);
  int dim = k.shape(2);
  for (int done = 0; done < count;) {
    int offset = rows % size;
    if (offset == 0) {
      k_blocks.push_back(kernels::kv_block(kernels::KvKind::keys, heads, dim));
      v_blocks.push_back(kernels::kv_block(kernels::KvKind::values, heads, dim));
      k_data.push_back(nullptr);
      v_data.push_back(nullptr);
    }
    int n = std::min(count - done, size - offset);
    auto write = [&](kernels::KvKind kind, mx::array& block, const mx::array& from) {
      block = kernels::kv_append(kind, std::move(block), from, begin + done, n, offset);
      return block.data<float>();
    };
    k_data.back() = write(kernels::KvKind::keys, k_blocks.back(), k);
    v_data.back() = write(kernels::KvKind::values, v_blocks.back(), v);
    rows += n;
    done += n;
  }
}

void Sequence::commit(int keep) {
  if (keep > 0) {
    const PendingRows& p = *pending;
    const TrunkRows& trunk = *p.trunk;
    for (size_t i = 0; i < kv.size(); ++i) {
      int first = fault("kv-row") && p.rows() > keep ? p.begin + 1 : p.begin;
      kv[i].append(trunk.k[i], trunk.v[i], first, keep);
    }
    int steps = trunk.whole || p.rows() == 1 ? keep
                : fault("rollback-short")    ? keep - 1
                : fault("rollback-long")     ? std::min(keep + 1, p.rows())
                                             : keep;
    for (size_t i = 0; i < gated_delta.size(); ++i) {
      auto next = kernels::gated_delta_commit(gated_delta[i], trunk.tapes[i], model->spec.gated_delta, p.begin, steps);
      gated_delta[i] = fault("conv-short") && keep > 1
                           ? kernels::GatedDeltaState{next.recurrent, gated_delta[i].conv, next.owed}
                           : next;
    }
    if (p.mtp_k) {
      mtp.append(p.mtp_k->rows, p.mtp_v->rows, p.mtp_k->begin, 1);
      drop_hidden(1);
    }
    if (!use_mtp) {
      hidden.clear();
      hidden.push_back({trunk.hidden, p.begin + keep - 1, 1});
    } else {
      int first = fault("hidden-row") && p.rows() > keep ? p.begin + 1 : p.begin;
      hidden.push_back({trunk.hidden, first, keep});
    }
    tokens.insert(tokens.end(), p.tokens.begin(), p.tokens.begin() + keep);
    if (p.ahead && keep > 1) {
      mtp.append(p.ahead->k, p.ahead->v, 0, keep - 1);
      drop_hidden(keep - 1);
    }
  }
  pending.reset();
}

void Sequence::drop_hidden(int count) {
  while (count > 0) {
    RowRange& front = hidden.front();
    int n = std::min(count, front.count);
    front.begin += n;
    front.count -= n;
    count -= n;
    if (front.count == 0) {
      hidden.pop_front();
    }
  }
}

std::vector<RowRange> Sequence::hidden_rows(int count) const {
  std::vector<RowRange> parts;
  for (auto range = hidden.begin(); count > 0 && range != hidden.end(); ++range) {
    parts.push_back(*range);
    parts.back().count = std::min(count, range->count);
    count -= parts.back().count;
  }
  return parts;
}

Sequence new_sequence(std::shared_ptr<const Model> model, bool use_mtp) {
  if (use_mtp && !model->mtp) {
    throw EngineError("MTPLX_E_NO_MTP", "This model has no MTP head: make the sequence without one (plain decoding).");
  }
  Sequence sequence{model, use_mtp, {}, {}, {}, {}, {}, std::nullopt, false};
  for (const auto& layer : model->layers) {
    if (std::holds_alternative<AttentionLayer>(layer.mixer)) {
      sequence.kv.emplace_back();
    } else {
      sequence.gated_delta.push_back(kernels::gated_delta_zero_state(model->spec.gated_delta));
    }
  }
  return sequence;
}

Sequence fork(const Sequence& sequence) {
  Sequence copy = sequence;
  copy.pending.reset();
  if (fault("restore-conv")) {
    for (auto& state : copy.gated_delta) {
      state.conv = kernels::gated_delta_zero_state(copy.model->spec.gated_delta).conv;
    }
  }
  if (fault("restore-hidden") && !copy.hidden.empty()) {
    mx::array& row = copy.hidden.back().rows;
    row = mx::zeros(row.shape(), row.dtype(), mx::Device::cpu);
  }
  return copy;
}

} // namespace mtplx::native
