#include "kernels/embedding/embedding.h"

#include "kernels/linear/cpu/rows.h"
#include "kernels/linear/cpu/weight.h"

namespace mtplx::kernels {

mx::array embedding(const mx::array& ids, const LinearWeight& table) {
  if (ids.ndim() != 1 || ids.dtype() != mx::int32) {
    throw std::invalid_argument("[embedding] ids must be i32 [M].");
  }
  return cpu_task1("embedding", {ids, table.data}, {{ids.shape(0), table.in_features}, mx::float32},
                   [l = layout_of(table)](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
                     auto row = MTPLX_SELECT_ISA(weight_row);
                     for (int m = 0; m < in[0].shape(0); ++m) {
                       int32_t id = in[0].data<int32_t>()[m];
                       if (id < 0 || id >= l.out_features) {
                         throw std::out_of_range("[embedding] Token id " + std::to_string(id) +
                                                 " is outside the vocabulary of " + std::to_string(l.out_features) +
                                                 ".");
                       }
                       row(l, in[1].data<uint8_t>(), id, out[0].data<float>() + static_cast<size_t>(m) * l.in_features);
                     }
                   });
}

} // namespace mtplx::kernels
