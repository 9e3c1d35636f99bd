#include "kernels/embedding/embedding.h"

#include "kernels/linear/cpu/rows.h"
#include "kernels/linear/cpu/weight.h"

namespace mtplx::kernels {

namespace {

void look_up(int32_t id, const LinearLayout& l, const uint8_t* table, float* y) {
  if (id < 0 || id >= l.out_features) {
    throw std::out_of_range("[embedding] Token id " + std::to_string(id) + " is outside the vocabulary of " +
                            std::to_string(l.out_features) + ".");
  }
  MTPLX_SELECT_ISA(weight_row)(l, table, id, y);
}

// A row is a task.
struct EmbeddingCall {
  const int32_t* const* ids;
  LinearLayout layout;
  const uint8_t* table;
  PlanRows y;

  int tasks(const PlanMemory& memory) const { return memory.rows(); }
  void run(const PlanMemory& memory, int r) const {
    look_up((*ids)[r], layout, table, memory[y] + static_cast<size_t>(r) * y.width);
  }
};

} // namespace

mx::array embedding(const mx::array& ids, const LinearWeight& table) {
  if (ids.ndim() != 1 || ids.dtype() != mx::int32) {
    throw std::invalid_argument("[embedding] ids must be i32 [M].");
  }
  return cpu_task1("embedding", {ids, table.data}, {{ids.shape(0), table.in_features}, mx::float32},
                   [l = layout_of(table)](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
                     for (int r = 0; r < in[0].shape(0); ++r) {
                       look_up(in[0].data<int32_t>()[r], l, in[1].data<uint8_t>(),
                               out[0].data<float>() + static_cast<size_t>(r) * l.in_features);
                     }
                   });
}

void plan_embedding(Plan& plan, const int32_t* const* ids, const LinearWeight& table, PlanRows y) {
  plan.record({"embedding", {}, {y}, EmbeddingCall{ids, layout_of(table), table.data.data<uint8_t>(), y}});
}

} // namespace mtplx::kernels
