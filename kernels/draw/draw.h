#pragma once

#include <array>

#include "kernels/common/task.h"

namespace mtplx::kernels {

// A distribution over the vocabulary: softmax(logits / temperature), then the
// smallest prefix (by probability, ties to the lower id) whose mass before the
// last member is < top_p, then at most top_k of them, renormalised in float64.
struct Filter {
  double temperature; // 0: the argmax, ties to the lower id; else in [1e-30, 1e30]
  double top_p;       // (0, 1], 1: no cut
  int top_k;          // 0: no cut
};

// Where the randomness of one draw comes from.
struct Noise {
  enum class Kind { none, uniform, gumbel } kind; // none: only with temperature 0
  double uniform;                                 // in (0, 1), kind uniform: inverse of the cumulative sum
  uint64_t seed;                                  // kind gumbel: Philox key (seed, choice)
  uint32_t choice;
  uint32_t position; // absolute position of the token that is drawn
};

struct DrawSpec {
  Filter filter;
  Noise noise;
};

// Throws std::invalid_argument for a filter or a noise that no draw can use.
void check_draw(const DrawSpec& spec);

// One draw for each row of logits f32 [R, V].
struct DrawOutput {
  mx::array token;       // i32 [R]
  mx::array support;     // i32 [R, W] ids by falling probability, -1 beyond the last
  mx::array probability; // f64 [R, W], 0 beyond the last
  mx::array count;       // i32 [R], size of the support
};

// W is the largest top_k of the specs, or V where one has no cut.
DrawOutput draw(const mx::array& logits, const std::vector<DrawSpec>& specs);

} // namespace mtplx::kernels
