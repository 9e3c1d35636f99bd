#include "kernels/embedding/reference.h"

namespace mtplx::kernels::reference {

Doubles embedding(const std::vector<int32_t>& ids, const Doubles& table, int H) {
  Doubles y;
  for (int32_t id : ids) {
    for (int h = 0; h < H; ++h) {
      y.push_back(table.at(static_cast<size_t>(id) * H + h));
    }
  }
  return y;
}

} // namespace mtplx::kernels::reference
