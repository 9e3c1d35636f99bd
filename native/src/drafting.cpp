#include "native/src/drafting.h"

#include <algorithm>

#include "native/src/faults.h"

namespace mtplx::native {

kernels::DrawSpec draw_spec(const DrawRequest& request, int index, int position) {
  kernels::Noise noise{request.noise, 0.0, request.seed, request.choice, static_cast<uint32_t>(position)};
  if (request.noise == kernels::Noise::Kind::uniform) {
    noise.uniform = request.uniforms.at(index);
  }
  return {request.filter, noise};
}

MtpSegment mtp_segment(const Sequence& q, int begin, int count) {
  if (fault("mtp-cold")) {
    // As many rows, all zero.
    thread_local KvCache cold;
    const auto& spec = q.model->spec.attention;
    mx::array zeros = mx::zeros({q.mtp.rows, spec.kv_heads, spec.head_dim}, mx::float32, mx::Device::cpu);
    zeros.eval();
    cold = KvCache{};
    cold.append(zeros, zeros, 0, q.mtp.rows);
    return {begin, count, &cold};
  }
  return {begin, count, &q.mtp};
}

namespace {

// Rows one below the other: where they lie, if that is so already.
struct Together {
  explicit Together(const std::vector<RowRange>& parts)
      : array(parts.size() == 1 ? parts[0].rows : kernels::gather_rows(parts)),
        data(array.data<float>() + (parts.size() == 1 ? static_cast<size_t>(parts[0].begin) * array.shape(1) : 0)) {}

  mx::array array;
  const float* data;
};

// Memory of one is still warm for the next: a prompt of 240 tokens takes half as long as in one piece.
constexpr int mtp_chunk_rows = 64;

// What the engine thread reads alone while TypeScript decides, some 60 µs; with a larger head the next cycle would
// wait.
constexpr size_t most_bytes_ahead = size_t{1} << 20;

size_t bytes_of_new_kv(const MtpHead& head) {
  const auto& attention = std::get<AttentionLayer>(head.layer.mixer);
  return head.fc.data.nbytes() + attention.k.data.nbytes() + attention.v.data.nbytes();
}

// The next chunk of those that are behind; false when none is.
bool make_mtp_chunk(const std::vector<Sequence*>& sequences) {
  std::vector<RowRange> hidden;
  std::vector<int32_t> next;
  std::vector<MtpSegment> segments;
  std::vector<Sequence*> behind;
  for (Sequence* q : sequences) {
    int count = std::min(q->length() - q->mtp.rows - 1, mtp_chunk_rows);
    if (count <= 0) {
      continue;
    }
    for (auto& part : q->hidden_rows(count)) {
      hidden.push_back(std::move(part));
    }
    segments.push_back(mtp_segment(*q, static_cast<int>(next.size()), count));
    auto first = q->tokens.begin() + q->mtp.rows + 1;
    next.insert(next.end(), first, first + count);
    behind.push_back(q);
  }
  if (behind.empty()) {
    return false;
  }
  MtpKv rows = mtp_new_kv(*behind[0]->model, Together(hidden).data, next, segments);
  for (size_t i = 0; i < behind.size(); ++i) {
    behind[i]->mtp.append(rows.k, rows.v, segments[i].begin, segments[i].count);
    behind[i]->drop_hidden(segments[i].count);
  }
  return true;
}

} // namespace

void make_known_mtp_rows(const std::vector<Sequence*>& sequences) {
  while (make_mtp_chunk(sequences)) {
  }
}

void make_mtp_rows_ahead(Sequence& q) {
  if (!q.pending || !q.pending->mtp_k || bytes_of_new_kv(*q.model->mtp) > most_bytes_ahead) {
    return;
  }
  PendingRows& p = *q.pending;
  int drafts = p.rows() - 1;
  std::vector<int32_t> next(p.tokens.begin() + 1, p.tokens.end());
  MtpSegment segment = mtp_segment(q, 0, drafts);
  segment.extra.push_back({p.mtp_k->rows, p.mtp_v->rows, p.mtp_k->begin, 1});
  const mx::array& hidden = p.trunk->hidden;
  const float* first = hidden.data<float>() + static_cast<size_t>(p.begin) * hidden.shape(1);
  p.ahead = mtp_new_kv(*q.model, first, next, {segment}, Threads::own);
}

Drafts draft(const std::vector<CycleEntry>& batch) {
  Drafts drafts;
  std::vector<int> active;
  for (size_t i = 0; i < batch.size(); ++i) {
    if (batch[i].depth > 0) {
      active.push_back(static_cast<int>(i));
    }
  }
  if (active.empty()) {
    return drafts;
  }
  std::vector<Sequence*> drafting;
  for (int i : active) {
    drafting.push_back(batch[i].sequence);
  }
  const Model& model = *batch[0].sequence->model;

  make_known_mtp_rows(drafting);
  // First step: the row that reads the token of this cycle.
  std::vector<RowRange> hidden;
  std::vector<int32_t> next;
  std::vector<MtpSegment> segments;
  for (int i : active) {
    const Sequence& q = *batch[i].sequence;
    hidden.push_back(q.hidden.back());
    segments.push_back(mtp_segment(q, static_cast<int>(next.size()), 1));
    next.push_back(batch[i].tokens[0]);
  }
  MtpRows rows = mtp_forward(model, Together(hidden).data, next, segments);
  std::vector<std::vector<kernels::KvRows>> extra(batch.size());
  for (size_t a = 0; a < active.size(); ++a) {
    int row = static_cast<int>(a);
    Sequence& q = *batch[active[a]].sequence;
    q.pending->mtp_k = RowRange{rows.k, row, 1};
    q.pending->mtp_v = RowRange{rows.v, row, 1};
    extra[active[a]].push_back({rows.k, rows.v, row, 1});
  }

  mx::array out = rows.hidden;
  mx::array logits = rows.logits;
  for (int step = 0;; ++step) {
    std::vector<kernels::DrawSpec> specs;
    for (int i : active) {
      specs.push_back(draw_spec(*batch[i].draft, step, batch[i].sequence->length() + 1 + step));
    }
    drafts.steps.push_back(kernels::draw(logits, specs));
    drafts.members.push_back(active);

    std::vector<int> still;
    std::vector<int32_t> picked;
    for (size_t a = 0; a < active.size(); ++a) {
      if (batch[active[a]].depth > step + 1) {
        still.push_back(active[a]);
        picked.push_back(static_cast<int32_t>(a));
      }
    }
    if (still.empty()) {
      return drafts;
    }
    std::vector<int32_t> tokens;
    std::vector<MtpSegment> one_row;
    for (size_t a = 0; a < still.size(); ++a) {
      tokens.push_back(drafts.steps.back().token.data<int32_t>()[picked[a]]);
      MtpSegment segment = mtp_segment(*batch[still[a]].sequence, static_cast<int>(a), 1);
      segment.extra = extra[still[a]];
      one_row.push_back(std::move(segment));
    }
    rows = mtp_forward(model, kernels::take_rows(out, picked).data<float>(), tokens, one_row);
    for (size_t a = 0; a < still.size(); ++a) {
      extra[still[a]].push_back({rows.k, rows.v, static_cast<int>(a), 1});
    }
    out = rows.hidden;
    logits = rows.logits;
    active = std::move(still);
  }
}

std::vector<int32_t> row_ids(const std::vector<CycleEntry>& batch, const Drafts& drafts) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < batch.size(); ++i) {
    ids.insert(ids.end(), batch[i].tokens.begin(), batch[i].tokens.end());
    for (int step = 0; step < batch[i].depth; ++step) {
      const auto& members = drafts.members[step];
      auto member = std::find(members.begin(), members.end(), static_cast<int>(i)) - members.begin();
      ids.push_back(drafts.steps[step].token.data<int32_t>()[member]);
    }
  }
  return ids;
}

void read_drafts(const std::vector<CycleEntry>& batch, const Drafts& drafts, CycleResult& result) {
  for (size_t i = 0; i < batch.size(); ++i) {
    auto& pending = *batch[i].sequence->pending;
    for (int step = 0; step < batch[i].depth; ++step) {
      const auto& members = drafts.members[step];
      size_t m = std::find(members.begin(), members.end(), static_cast<int>(i)) - members.begin();
      const auto& out = drafts.steps[step];
      int32_t token = out.token.data<int32_t>()[m];
      int count = out.count.data<int32_t>()[m];
      size_t width = out.support.shape(1);
      const int32_t* ids = out.support.data<int32_t>() + m * width;
      const double* p = out.probability.data<double>() + m * width;
      pending.tokens.push_back(token);
      result.draft_tokens.push_back(token);
      result.draft_counts.push_back(count);
      result.draft_ids.insert(result.draft_ids.end(), ids, ids + count);
      result.draft_probabilities.insert(result.draft_probabilities.end(), p, p + count);
    }
  }
}

} // namespace mtplx::native
