#pragma once

#include "native/src/sequence.h"

// Views of the engine's insides for tests and gates.
namespace mtplx::native {

struct NamedTensor {
  std::string name;
  std::vector<int> shape;
  std::vector<float> data;
};

struct SequenceState {
  int length;
  int mtp_length;
  std::vector<NamedTensor> tensors;
};

// The committed state; settles the MTP rows first.
SequenceState inspect(Sequence& sequence);

// Whole logits [rows, V] or post-norm hidden rows [rows, H] of the last cycle.
std::vector<float> pending_rows(const Sequence& sequence, bool logits);

struct MtpWhole {
  std::vector<float> hidden; // [T, H]
  std::vector<float> logits; // [T, V]
};

// The MTP layer over a whole text: hidden [T, H], next tokens [T].
MtpWhole mtp_whole(const Model& model, const std::vector<float>& hidden, const std::vector<int32_t>& next);

} // namespace mtplx::native
