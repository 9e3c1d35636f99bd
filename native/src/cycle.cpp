#include "native/src/cycle.h"

#include <algorithm>

#include "native/src/cycle_check.h"
#include "native/src/drafting.h"

namespace mtplx::native {

namespace {

// More hidden rows than this do not wait for a draft: their MTP rows are made when they become history. So a prompt's
// are part of its reading, and automatic depth, which may never draft, makes few at a time.
constexpr int max_deferred_rows = 64;

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

RowArrays cut(const mx::array& logits, const std::vector<WantedRow>& wanted) {
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
  mx::array rows = edited ? kernels::edited(logits, edits) : logits;
  RowArrays arrays;
  arrays.candidates = kernels::candidates(rows, specs, {});
  if (!draw_rows.empty()) {
    arrays.draws = kernels::draw(kernels::take_rows(rows, draw_rows), draw_specs);
  }
  return arrays;
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

void commit(Sequence& q, int keep) {
  q.commit(keep);
  if (q.use_mtp && q.length() - q.mtp.rows > max_deferred_rows) {
    make_known_mtp_rows({&q});
  }
  if (!q.hidden.empty() && q.hidden.front().count == 1 && q.hidden.front().rows.shape(0) > most_rows_in_parts) {
    // One row would keep a chunk's in memory.
    RowRange& row = q.hidden.front();
    row = {kernels::take_rows(row.rows, {row.begin}), 0, 1};
  }
}

// All rows are history, and nothing is pending but their logits.
void commit_all(Sequence& q) {
  std::optional<RowRange> logits = std::move(q.pending->logits);
  commit(q, q.pending->rows());
  if (logits) {
    q.pending.emplace().logits = std::move(logits);
  }
}

} // namespace

CycleResult run_cycle(const std::vector<CycleEntry>& batch, kernels::Timings& timings) {
  using kernels::Phase;
  check_cycle(batch);
  const Model& model = *batch[0].sequence->model;
  std::vector<Sequence*> sequences;
  for (const auto& e : batch) {
    sequences.push_back(e.sequence);
  }
  LostUnlessDone guard(std::move(sequences));
  {
    kernels::TimingScope scope(&timings, Phase::commit);
    for (const auto& e : batch) {
      commit(*e.sequence, e.keep);
      e.sequence->pending.emplace();
      e.sequence->pending->tokens = e.tokens;
    }
  }
  Drafts drafts;
  {
    kernels::TimingScope scope(&timings, Phase::draft);
    drafts = draft(batch);
  }
  std::vector<WantedRow> wanted;
  std::optional<mx::array> logits;
  {
    kernels::TimingScope scope(&timings, Phase::verify);
    std::vector<TrunkSegment> segments;
    std::vector<int32_t> logit_rows;
    int rows = 0;
    for (const auto& e : batch) {
      int count = static_cast<int>(e.tokens.size()) + e.depth;
      segments.push_back({e.sequence, rows, count, e.commits});
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
    bool whole = std::all_of(batch.begin(), batch.end(), [](const CycleEntry& e) {
      return e.depth == 0 && e.tokens.size() > static_cast<size_t>(most_rows_in_parts);
    });
    bool all = static_cast<int>(logit_rows.size()) == rows;
    auto trunk =
        std::make_shared<const TrunkRows>(trunk_forward(model, row_ids(batch, drafts), segments, {whole, all}));
    if (all) {
      logits = trunk->logits;
    } else if (!logit_rows.empty()) {
      logits = kernels::linear(kernels::take_rows(trunk->hidden, logit_rows), model.lm_head);
    }
    int logits_begin = 0;
    for (size_t i = 0; i < batch.size(); ++i) {
      PendingRows& p = *batch[i].sequence->pending;
      p.begin = segments[i].begin;
      p.trunk = trunk;
      int count = batch[i].logits == LogitsRows::none ? 0 : batch[i].logits == LogitsRows::last ? 1 : segments[i].count;
      if (count > 0) {
        p.logits = RowRange{*logits, logits_begin, count};
      }
      logits_begin += count;
    }
  }
  RowArrays arrays;
  if (!wanted.empty()) {
    kernels::TimingScope scope(&timings, Phase::candidates);
    arrays = cut(*logits, wanted);
  }

  CycleResult result;
  read_drafts(batch, drafts, result);
  result.rows = read(arrays, wanted);
  {
    kernels::TimingScope scope(&timings, Phase::commit);
    for (const auto& e : batch) {
      if (e.commits) {
        commit_all(*e.sequence);
      }
    }
  }
  give_back_freed_memory(model);
  guard.done();
  return result;
}

RowResults recut(const Sequence& sequence,
                 const std::vector<kernels::RowEdits>& edits,
                 const CandidateRequest& candidates,
                 const std::optional<DrawRequest>& draw) {
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
  RowArrays arrays = cut(kernels::take_rows(range.rows, rows), wanted);
  return read(arrays, wanted);
}

void commit_now(Sequence& sequence, int keep) {
  check_usable(sequence);
  check_keep(sequence, keep);
  LostUnlessDone guard({&sequence});
  commit(sequence, keep);
  guard.done();
}

void settle_now(Sequence& sequence) {
  check_usable(sequence);
  LostUnlessDone guard({&sequence});
  if (sequence.use_mtp) {
    make_known_mtp_rows({&sequence});
  }
  guard.done();
}

} // namespace mtplx::native
