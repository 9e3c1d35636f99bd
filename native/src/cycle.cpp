#include "native/src/cycle.h"

#include <algorithm>
#include <functional>
#include <set>

#include "native/src/errors.h"
#include "native/src/faults.h"
#include "native/src/forward.h"

namespace mtplx::native {

namespace {

// More hidden rows than this wait for no draft: their MTP rows are made at the next commit.
constexpr int max_deferred_rows = 64;
constexpr int mtp_chunk_rows = 512;

[[noreturn]] void misuse(const std::string& message) {
  throw EngineError("MTPLX_E_ENGINE_USAGE", message);
}

void check_usable(const Sequence& q) {
  if (q.lost) {
    throw EngineError("MTPLX_E_SEQUENCE_LOST",
                      "An earlier error left this sequence in an unknown state: dispose of it and start again.");
  }
}

void check_keep(const Sequence& q, int keep) {
  int rows = q.pending ? q.pending->rows() : 0;
  if (keep < 0 || keep > rows) {
    misuse("Cannot keep " + std::to_string(keep) + " rows: the last cycle left " + std::to_string(rows) + ".");
  }
}

// Marks the sequences as lost unless the work that follows ends well.
class LostUnlessDone {
 public:
  explicit LostUnlessDone(std::vector<Sequence*> sequences) : sequences_(std::move(sequences)) {}
  ~LostUnlessDone() {
    for (auto* q : sequences_) {
      q->lost = true;
      q->pending.reset();
    }
  }
  void done() { sequences_.clear(); }

 private:
  std::vector<Sequence*> sequences_;
};

// Spec of draw number `index`, for the token at absolute `position`.
kernels::DrawSpec draw_spec(const DrawRequest& request, int index, int position) {
  kernels::Noise noise{request.noise, 0.0, request.seed, request.choice, static_cast<uint32_t>(position)};
  if (request.noise == kernels::Noise::Kind::uniform) {
    noise.uniform = request.uniforms.at(index);
  }
  return {request.filter, noise};
}

// What the kernels would refuse half-way, when the sequences are lost: filters, noise, candidates, edits.
void check_rows(const Sequence& q,
                int rows,
                const std::vector<kernels::RowEdits>& edits,
                const CandidateRequest& candidates,
                const std::optional<DrawRequest>& draw) {
  int vocab = q.model->spec.vocab_size;
  if (!edits.empty() && static_cast<int>(edits.size()) != rows) {
    misuse("Edits need one entry for each logits row.");
  }
  if (draw && draw->noise == kernels::Noise::Kind::uniform && static_cast<int>(draw->uniforms.size()) != rows) {
    misuse("Draws need one uniform number each.");
  }
  try {
    if (rows > 0) {
      kernels::check_candidates({candidates.temperature, candidates.count}, vocab);
    }
    for (const auto& row : edits) {
      kernels::check_edits(row, vocab);
    }
    for (int r = 0; draw && r < rows; ++r) {
      kernels::check_draw(draw_spec(*draw, r, 0));
    }
  } catch (const std::invalid_argument& e) {
    misuse(e.what());
  }
}

void check(const std::vector<CycleEntry>& batch) {
  if (batch.empty()) {
    misuse("A cycle needs at least one entry.");
  }
  std::set<const Sequence*> seen;
  for (const auto& e : batch) {
    const Sequence& q = *e.sequence;
    const ModelSpec& spec = q.model->spec;
    if (q.model != batch[0].sequence->model) {
      misuse("All sequences of a cycle must be of one model.");
    }
    if (!seen.insert(&q).second) {
      misuse("A sequence may stand in a cycle only once.");
    }
    check_usable(q);
    check_keep(q, e.keep);
    if (e.tokens.empty()) {
      misuse("A cycle entry needs at least one token.");
    }
    for (int32_t token : e.tokens) {
      if (token < 0 || token >= spec.vocab_size) {
        misuse("Token id " + std::to_string(token) + " is outside the vocabulary of " +
               std::to_string(spec.vocab_size) + ".");
      }
    }
    if (e.depth < 0 || e.depth > max_depth) {
      misuse("Depth " + std::to_string(e.depth) + " is outside 0 .. 8.");
    }
    if (e.depth > 0 && (e.tokens.size() != 1 || !q.use_mtp || !e.draft || q.length() + e.keep == 0)) {
      misuse("Drafts need a sequence with an MTP head and some history, one token and a draft sampler.");
    }
    int logits = e.logits == LogitsRows::none   ? 0
                 : e.logits == LogitsRows::last ? 1
                                                : static_cast<int>(e.tokens.size()) + e.depth;
    check_rows(q, logits, e.edits, e.candidates, e.draw);
    check_rows(q, e.depth, {}, {1.0, 1}, e.draft);
  }
}

mx::array int_array(const std::vector<int32_t>& values) {
  return mx::array(values.begin(), {static_cast<int>(values.size())}, mx::int32);
}

mx::array take_rows(const mx::array& x, const std::vector<int32_t>& rows, mx::Stream s) {
  bool all = static_cast<int>(rows.size()) == x.shape(0);
  for (size_t i = 0; all && i < rows.size(); ++i) {
    all = rows[i] == static_cast<int>(i);
  }
  return all ? x : mx::take(x, int_array(rows), 0, s);
}

kernels::AttentionSegment mtp_segment(const Sequence& q, int begin, int count) {
  kernels::AttentionSegment segment{begin, count, q.mtp.rows, q.mtp.k_blocks, q.mtp.v_blocks, q.mtp.rows, {}};
  if (fault("mtp-cold")) {
    for (auto* blocks : {&segment.k_blocks, &segment.v_blocks}) {
      for (auto& block : *blocks) {
        block = mx::zeros(block.shape(), block.dtype(), mx::Device::cpu);
      }
    }
  }
  return segment;
}

// Everything that the drafting of one batch leaves behind.
struct Drafts {
  std::vector<kernels::DrawOutput> steps; // step j holds the entries with depth > j
  std::vector<std::vector<int>> members;  // their indices in the batch
};

Drafts draft(const std::vector<CycleEntry>& batch, mx::Stream s) {
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
  const Model& model = *batch[0].sequence->model;
  const auto& head = model.draft_head ? *model.draft_head : model.lm_head;

  // First step: all rows that have no MTP row yet; the last one reads the token of this cycle.
  std::vector<mx::array> hidden_parts;
  std::vector<int32_t> next;
  std::vector<kernels::AttentionSegment> segments;
  std::vector<int32_t> last_rows;
  for (int i : active) {
    const Sequence& q = *batch[i].sequence;
    int count = q.length() - q.mtp.rows;
    hidden_parts.push_back(q.hidden_rows(s));
    segments.push_back(mtp_segment(q, static_cast<int>(next.size()), count));
    next.insert(next.end(), q.tokens.begin() + q.mtp.rows + 1, q.tokens.end());
    next.push_back(batch[i].tokens[0]);
    last_rows.push_back(static_cast<int32_t>(next.size()) - 1);
  }
  mx::array hidden = hidden_parts.size() == 1 ? hidden_parts[0] : mx::concatenate(hidden_parts, 0, s);
  MtpRows rows = mtp_forward(model, hidden, int_array(next), segments, s);
  std::vector<std::vector<kernels::KvRows>> extra(batch.size());
  for (size_t a = 0; a < active.size(); ++a) {
    Sequence& q = *batch[active[a]].sequence;
    int count = segments[a].row_count;
    q.mtp.append(rows.k, rows.v, segments[a].row_begin, count - 1, s);
    q.drop_hidden(count - 1);
    q.pending->mtp_k = RowRange{rows.k, last_rows[a], 1};
    q.pending->mtp_v = RowRange{rows.v, last_rows[a], 1};
    extra[active[a]].push_back({rows.k, rows.v, last_rows[a], 1});
  }

  mx::array out = take_rows(rows.hidden, last_rows, s);
  for (int step = 0;; ++step) {
    std::vector<kernels::DrawSpec> specs;
    for (int i : active) {
      specs.push_back(draw_spec(*batch[i].draft, step, batch[i].sequence->length() + 1 + step));
    }
    drafts.steps.push_back(kernels::draw(kernels::linear(out, head, s), specs, s));
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
    mx::array token = take_rows(drafts.steps.back().token, picked, s);
    mx::array from = take_rows(out, picked, s);
    std::vector<kernels::AttentionSegment> one_row;
    for (size_t a = 0; a < still.size(); ++a) {
      const Sequence& q = *batch[still[a]].sequence;
      kernels::AttentionSegment segment = mtp_segment(q, static_cast<int>(a), 1);
      segment.position = q.length() + step;
      segment.extra = extra[still[a]];
      one_row.push_back(std::move(segment));
    }
    rows = mtp_forward(model, from, token, one_row, s);
    for (size_t a = 0; a < still.size(); ++a) {
      extra[still[a]].push_back({rows.k, rows.v, static_cast<int>(a), 1});
    }
    out = rows.hidden;
    active = std::move(still);
  }
}

// Token ids of all trunk rows, i32 [R]: the fed tokens of each entry and then its drafts.
mx::array row_ids(const std::vector<CycleEntry>& batch, const Drafts& drafts, mx::Stream s) {
  std::vector<int32_t> ids;
  struct Copy {
    int row, step, member;
  };
  std::vector<Copy> copies;
  for (size_t i = 0; i < batch.size(); ++i) {
    ids.insert(ids.end(), batch[i].tokens.begin(), batch[i].tokens.end());
    for (int step = 0; step < batch[i].depth; ++step) {
      const auto& members = drafts.members[step];
      int member = static_cast<int>(std::find(members.begin(), members.end(), static_cast<int>(i)) - members.begin());
      copies.push_back({static_cast<int>(ids.size()), step, member});
      ids.push_back(0);
    }
  }
  if (copies.empty()) {
    return int_array(ids);
  }
  std::vector<mx::array> tokens;
  for (const auto& step : drafts.steps) {
    tokens.push_back(step.token);
  }
  int total = static_cast<int>(ids.size());
  return kernels::cpu_task1(
      "row_ids", tokens, {{total}, mx::int32},
      [ids, copies](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
        int32_t* to = out[0].data<int32_t>();
        std::copy(ids.begin(), ids.end(), to);
        for (const auto& c : copies) {
          to[c.row] = in[c.step].data<int32_t>()[c.member];
        }
      },
      s);
}

struct RowArrays {
  std::optional<kernels::CandidateOutput> candidates;
  std::optional<kernels::DrawOutput> draws;
};

// One logits row and what is wanted of it.
struct WantedRow {
  CandidateRequest candidates;
  std::optional<kernels::DrawSpec> draw;
  const kernels::RowEdits* edits;
};

RowArrays cut(const mx::array& logits, const std::vector<WantedRow>& wanted, mx::Stream s) {
  std::vector<kernels::CandidateSpec> specs;
  std::vector<kernels::RowEdits> edits;
  bool edited = false;
  std::vector<int32_t> draw_rows;
  std::vector<kernels::DrawSpec> draw_specs;
  for (size_t i = 0; i < wanted.size(); ++i) {
    specs.push_back({wanted[i].candidates.temperature, wanted[i].candidates.count});
    edited = edited || wanted[i].edits;
    edits.push_back(wanted[i].edits ? *wanted[i].edits : kernels::RowEdits{});
    if (wanted[i].draw) {
      draw_rows.push_back(static_cast<int32_t>(i));
      draw_specs.push_back(*wanted[i].draw);
    }
  }
  mx::array rows = edited ? kernels::edited(logits, edits, s) : logits;
  RowArrays arrays;
  arrays.candidates = kernels::candidates(rows, specs, {}, s);
  if (!draw_rows.empty()) {
    arrays.draws = kernels::draw(take_rows(rows, draw_rows, s), draw_specs, s);
  }
  return arrays;
}

void collect(const RowArrays& arrays, std::vector<mx::array>& out) {
  if (arrays.candidates) {
    out.insert(out.end(), {arrays.candidates->ids, arrays.candidates->logits, arrays.candidates->log_sum});
  }
  if (arrays.draws) {
    out.push_back(arrays.draws->token);
  }
}

RowResults read(const RowArrays& arrays, const std::vector<WantedRow>& wanted) {
  RowResults results;
  if (!arrays.candidates) {
    return results;
  }
  const auto& c = *arrays.candidates;
  int width = c.ids.shape(1);
  for (size_t i = 0; i < wanted.size(); ++i) {
    const int32_t* ids = c.ids.data<int32_t>() + i * width;
    const float* logits = c.logits.data<float>() + i * width;
    results.ids.insert(results.ids.end(), ids, ids + wanted[i].candidates.count);
    results.logits.insert(results.logits.end(), logits, logits + wanted[i].candidates.count);
  }
  const double* sums = c.log_sum.data<double>();
  results.log_sums.assign(sums, sums + 2 * wanted.size());
  if (arrays.draws) {
    const int32_t* drawn = arrays.draws->token.data<int32_t>();
    results.drawn.assign(drawn, drawn + arrays.draws->token.size());
  }
  return results;
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

// Changes the committed state and evaluates it; a failure on the way loses the sequence.
void change_state(Sequence& sequence, const std::function<void()>& change) {
  LostUnlessDone guard({&sequence});
  change();
  std::vector<mx::array> state;
  sequence.collect(state);
  if (!state.empty()) {
    mx::eval(state);
  }
  guard.done();
}

void settle_mtp(Sequence& q, mx::Stream s) {
  while (q.use_mtp && q.length() - q.mtp.rows > 1) {
    int count = std::min(q.length() - q.mtp.rows - 1, mtp_chunk_rows);
    mx::array hidden = q.hidden_rows(s);
    hidden = mx::slice(hidden, {0, 0}, {count, hidden.shape(1)}, s);
    auto first = q.tokens.begin() + q.mtp.rows + 1;
    std::vector<int32_t> next(first, first + count);
    MtpRows rows = mtp_forward(*q.model, hidden, int_array(next), {mtp_segment(q, 0, count)}, s);
    q.mtp.append(rows.k, rows.v, 0, count, s);
    q.drop_hidden(count);
  }
}

} // namespace

CycleResult run_cycle(const std::vector<CycleEntry>& batch,
                      const std::shared_ptr<kernels::Timings>& timings,
                      mx::Stream s) {
  using kernels::Phase;
  check(batch);
  const Model& model = *batch[0].sequence->model;
  std::vector<Sequence*> sequences;
  for (const auto& e : batch) {
    sequences.push_back(e.sequence);
  }
  LostUnlessDone guard(std::move(sequences));
  {
    kernels::TimingScope scope(timings, Phase::commit);
    for (const auto& e : batch) {
      e.sequence->commit(e.keep, s);
      if (e.sequence->length() - e.sequence->mtp.rows > max_deferred_rows) {
        settle_mtp(*e.sequence, s);
      }
      e.sequence->pending.emplace();
      e.sequence->pending->tokens = e.tokens;
    }
  }
  Drafts drafts;
  {
    kernels::TimingScope scope(timings, Phase::draft);
    drafts = draft(batch, s);
  }
  std::vector<WantedRow> wanted;
  std::optional<TrunkRows> trunk;
  mx::array logits(0.0f);
  {
    kernels::TimingScope scope(timings, Phase::verify);
    std::vector<TrunkSegment> segments;
    std::vector<int32_t> logit_rows;
    int rows = 0;
    for (const auto& e : batch) {
      int count = static_cast<int>(e.tokens.size()) + e.depth;
      segments.push_back({e.sequence, rows, count});
      int first = e.logits == LogitsRows::none ? count : e.logits == LogitsRows::last ? count - 1 : 0;
      for (int r = first; r < count; ++r) {
        WantedRow row{e.candidates, std::nullopt, nullptr};
        if (e.draw) {
          row.draw = draw_spec(*e.draw, r - first, e.sequence->length() + r + 1);
        }
        if (!e.edits.empty()) {
          row.edits = &e.edits[r - first];
        }
        wanted.push_back(row);
        logit_rows.push_back(rows + r);
      }
      rows += count;
    }
    trunk = trunk_forward(model, row_ids(batch, drafts, s), segments, s);
    if (!logit_rows.empty()) {
      logits = kernels::linear(take_rows(trunk->hidden, logit_rows, s), model.lm_head, s);
    }
    int logits_begin = 0;
    for (size_t i = 0; i < batch.size(); ++i) {
      PendingRows& p = *batch[i].sequence->pending;
      p.begin = segments[i].begin;
      p.k = trunk->k;
      p.v = trunk->v;
      p.tapes = trunk->tapes;
      p.hidden = trunk->hidden;
      int count = batch[i].logits == LogitsRows::none ? 0 : batch[i].logits == LogitsRows::last ? 1 : segments[i].count;
      if (count > 0) {
        p.logits = RowRange{logits, logits_begin, count};
      }
      logits_begin += count;
    }
  }
  RowArrays arrays;
  if (!wanted.empty()) {
    kernels::TimingScope scope(timings, Phase::candidates);
    arrays = cut(logits, wanted, s);
  }

  std::vector<mx::array> roots;
  for (const auto& e : batch) {
    e.sequence->collect(roots);
    if (e.sequence->pending->mtp_k) {
      roots.push_back(e.sequence->pending->mtp_k->rows);
      roots.push_back(e.sequence->pending->mtp_v->rows);
    }
  }
  roots.insert(roots.end(), trunk->k.begin(), trunk->k.end());
  roots.insert(roots.end(), trunk->v.begin(), trunk->v.end());
  for (const auto& tape : trunk->tapes) {
    roots.insert(roots.end(), {tape.qkv, tape.k, tape.delta, tape.decay});
  }
  roots.push_back(trunk->hidden);
  if (!wanted.empty()) {
    roots.push_back(logits);
  }
  for (const auto& step : drafts.steps) {
    roots.insert(roots.end(), {step.token, step.support, step.probability, step.count});
  }
  collect(arrays, roots);
  mx::eval(roots);

  CycleResult result;
  read_drafts(batch, drafts, result);
  result.rows = read(arrays, wanted);
  guard.done();
  return result;
}

RowResults recut(const Sequence& sequence,
                 const std::vector<kernels::RowEdits>& edits,
                 const CandidateRequest& candidates,
                 const std::optional<DrawRequest>& draw,
                 mx::Stream s) {
  check_usable(sequence);
  if (!sequence.pending || !sequence.pending->logits) {
    misuse("The sequence has no logits rows: its last cycle asked for none, or it was committed since.");
  }
  const RowRange& range = *sequence.pending->logits;
  check_rows(sequence, range.count, edits, candidates, draw);
  std::vector<WantedRow> wanted;
  std::vector<int32_t> rows;
  int first = sequence.length() + sequence.pending->rows() - range.count;
  for (int r = 0; r < range.count; ++r) {
    WantedRow row{candidates, std::nullopt, edits.empty() ? nullptr : &edits[r]};
    if (draw) {
      row.draw = draw_spec(*draw, r, first + r + 1);
    }
    wanted.push_back(row);
    rows.push_back(range.begin + r);
  }
  RowArrays arrays = cut(take_rows(range.rows, rows, s), wanted, s);
  std::vector<mx::array> roots;
  collect(arrays, roots);
  mx::eval(roots);
  return read(arrays, wanted);
}

void commit_now(Sequence& sequence, int keep, mx::Stream s) {
  check_usable(sequence);
  check_keep(sequence, keep);
  change_state(sequence, [&] { sequence.commit(keep, s); });
}

void settle_now(Sequence& sequence, mx::Stream s) {
  check_usable(sequence);
  change_state(sequence, [&] { settle_mtp(sequence, s); });
}

} // namespace mtplx::native
