#include "native/src/wire.h"

#include <cmath>
#include <cstring>

#include "native/src/errors.h"

namespace mtplx::native::wire {

namespace {

[[noreturn]] void wrong(const char* what) {
  throw EngineError("MTPLX_E_ENGINE_USAGE", std::string("The addon got a wrong argument: ") + what + ".");
}

class Reader {
 public:
  explicit Reader(const std::vector<double>& numbers) : at_(numbers.data()), end_(at_ + numbers.size()) {}

  double number() {
    if (at_ == end_) {
      wrong("the numbers end too early");
    }
    return *at_++;
  }

  template <class T>
  T whole() {
    double value = number();
    if (!(std::floor(value) == value) || value < static_cast<double>(std::numeric_limits<T>::min()) ||
        value > static_cast<double>(std::numeric_limits<T>::max())) {
      wrong("expected a whole number");
    }
    return static_cast<T>(value);
  }

  // A length: what it counts must still be there.
  size_t count() {
    auto n = whole<uint32_t>();
    if (n > static_cast<size_t>(end_ - at_)) {
      wrong("the numbers end too early");
    }
    return n;
  }

  void finish() const {
    if (at_ != end_) {
      wrong("there are too many numbers");
    }
  }

 private:
  const double* at_;
  const double* end_;
};

std::optional<DrawRequest> read_draw(Reader& in) {
  using Kind = kernels::Noise::Kind;
  int kind = in.whole<int32_t>();
  if (kind == 0) {
    return std::nullopt;
  }
  if (kind < 0 || kind > 3) {
    wrong("unknown noise");
  }
  DrawRequest request{};
  request.filter.temperature = in.number();
  request.filter.top_p = in.number();
  request.filter.top_k = in.whole<int32_t>();
  request.noise = kind == 1 ? Kind::none : kind == 2 ? Kind::uniform : Kind::gumbel;
  if (request.noise == Kind::uniform) {
    request.uniforms.resize(in.count());
    for (double& u : request.uniforms) {
      u = in.number();
    }
  } else if (request.noise == Kind::gumbel) {
    uint64_t low = in.whole<uint32_t>();
    uint64_t high = in.whole<uint32_t>();
    request.seed = high << 32 | low;
    request.choice = in.whole<uint32_t>();
  }
  return request;
}

std::vector<kernels::RowEdits> read_edits(Reader& in) {
  std::vector<kernels::RowEdits> rows(in.count());
  for (auto& row : rows) {
    row.edits.resize(in.count());
    for (auto& edit : row.edits) {
      edit.id = in.whole<int32_t>();
      edit.multiply = static_cast<float>(in.number());
      edit.add = static_cast<float>(in.number());
    }
    row.mask.resize(in.count());
    for (auto& word : row.mask) {
      word = in.whole<uint32_t>();
    }
  }
  return rows;
}

CandidateRequest read_request(Reader& in) {
  double temperature = in.number();
  return {temperature, in.whole<int32_t>()};
}

Entry read_entry(Reader& in) {
  Entry e{};
  e.sequence = in.whole<int32_t>();
  e.entry.keep = in.whole<int32_t>();
  e.entry.depth = in.whole<int32_t>();
  e.entry.commits = in.whole<int32_t>() != 0;
  int logits = in.whole<int32_t>();
  if (logits < 0 || logits > 2) {
    wrong("unknown choice of logits rows");
  }
  e.entry.logits = logits == 2 ? LogitsRows::all : logits == 1 ? LogitsRows::last : LogitsRows::none;
  e.entry.candidates = read_request(in);
  e.entry.tokens.resize(in.count());
  for (int32_t& token : e.entry.tokens) {
    token = in.whole<int32_t>();
  }
  e.entry.draft = read_draw(in);
  e.entry.draw = read_draw(in);
  e.entry.edits = read_edits(in);
  return e;
}

template <class T>
std::byte* put(std::byte* to, const std::vector<T>& values) {
  if (!values.empty()) {
    std::memcpy(to, values.data(), values.size() * sizeof(T));
  }
  return to + values.size() * sizeof(T);
}

} // namespace

std::vector<Entry> read_batch(const std::vector<double>& numbers) {
  Reader in(numbers);
  std::vector<Entry> entries;
  for (size_t n = in.count(); n > 0; --n) {
    entries.push_back(read_entry(in));
  }
  in.finish();
  return entries;
}

Candidates read_candidates(const std::vector<double>& numbers) {
  Reader in(numbers);
  Candidates c{};
  c.sequence = in.whole<int32_t>();
  c.request = read_request(in);
  c.draw = read_draw(in);
  c.edits = read_edits(in);
  in.finish();
  return c;
}

std::vector<std::byte> write_result(const CycleResult& r, const Times& times) {
  const RowResults& rows = r.rows;
  std::vector<double> head;
  for (size_t n :
       {r.draft_tokens.size(), r.draft_ids.size(), rows.ids.size(), rows.log_sums.size(), rows.drawn.size()}) {
    head.push_back(static_cast<double>(n));
  }
  head.insert(head.end(), times.begin(), times.end());
  size_t wide = head.size() + r.draft_probabilities.size() + rows.log_sums.size();
  size_t narrow = r.draft_tokens.size() + r.draft_counts.size() + r.draft_ids.size() + rows.ids.size() +
                  rows.drawn.size() + rows.logits.size();
  std::vector<std::byte> bytes(wide * sizeof(double) + narrow * sizeof(int32_t));
  std::byte* to = bytes.data();
  to = put(to, head);
  to = put(to, r.draft_probabilities);
  to = put(to, rows.log_sums);
  to = put(to, r.draft_tokens);
  to = put(to, r.draft_counts);
  to = put(to, r.draft_ids);
  to = put(to, rows.ids);
  to = put(to, rows.drawn);
  put(to, rows.logits);
  return bytes;
}

} // namespace mtplx::native::wire
