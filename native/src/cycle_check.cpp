#include "native/src/cycle_check.h"

#include <set>

#include "native/src/drafting.h"
#include "native/src/errors.h"

namespace mtplx::native {

void misuse(const std::string& message) {
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
  if (keep > 0 && keep < rows && q.pending->trunk && q.pending->trunk->whole) {
    misuse("Cannot keep " + std::to_string(keep) + " of " + std::to_string(rows) + " rows: a chunk of more than " +
           std::to_string(most_rows_in_parts) + " rows without drafts is kept whole or not at all.");
  }
}

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

void check_cycle(const std::vector<CycleEntry>& batch) {
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
    if (e.commits && e.depth > 0) {
      misuse("A cycle that commits its rows can have no drafts.");
    }
    int logits = e.logits == LogitsRows::none   ? 0
                 : e.logits == LogitsRows::last ? 1
                                                : static_cast<int>(e.tokens.size()) + e.depth;
    check_rows(q, logits, e.edits, e.candidates, e.draw);
    check_rows(q, e.depth, {}, {1.0, 1}, e.draft);
  }
}

} // namespace mtplx::native
