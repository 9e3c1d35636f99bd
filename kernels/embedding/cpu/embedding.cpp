#include "kernels/embedding/embedding.h"

#include "kernels/linear/cpu/rows.h"
#include "kernels/linear/cpu/weight.h"

namespace mtplx::kernels {

namespace {

void look_up(const int32_t* ids, int rows, const LinearLayout& l, const uint8_t* table, float* y) {
  auto row = MTPLX_SELECT_ISA(weight_row);
  for (int m = 0; m < rows; ++m) {
    if (ids[m] < 0 || ids[m] >= l.out_features) {
      throw std::out_of_range("[embedding] Token id " + std::to_string(ids[m]) + " is outside the vocabulary of " +
                              std::to_string(l.out_features) + ".");
    }
    row(l, table, ids[m], y + static_cast<size_t>(m) * l.in_features);
  }
}

} // namespace

mx::array embedding(const mx::array& ids, const LinearWeight& table) {
  if (ids.ndim() != 1 || ids.dtype() != mx::int32) {
    throw std::invalid_argument("[embedding] ids must be i32 [M].");
  }
  return cpu_task1("embedding", {ids, table.data}, {{ids.shape(0), table.in_features}, mx::float32},
                   [l = layout_of(table)](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
                     look_up(in[0].data<int32_t>(), in[0].shape(0), l, in[1].data<uint8_t>(), out[0].data<float>());
                   });
}

PlanCall planned_embedding(const int32_t* const* ids, const LinearWeight& table, PlanRows y) {
  return {"embedding",
          {},
          {y},
          [ids, l = layout_of(table), data = table.data.data<uint8_t>(), y](const PlanMemory& memory) {
            look_up(*ids, memory.rows(), l, data, memory[y]);
          }};
}

} // namespace mtplx::kernels
