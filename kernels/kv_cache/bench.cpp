#include "kernels/common/testing/bench.h"
#include "kernels/kv_cache/kv_cache.h"
#include "kernels/kv_cache/mlx_form.h"

using namespace mtplx::kernels;
using namespace mtplx::kernels::testing;

namespace {

// Four rows into a block of two heads, in place in our form.
void run() {
  for (int dim : {64, 256}) {
    mx::array rows = Random(1).normals({8, 2, dim});
    for (KvKind kind : {KvKind::keys, KvKind::values}) {
      std::vector<mx::array> own = {kv_block(kind, 2, dim)};
      mx::array stock = kv_block(kind, 2, dim);
      compare_arms(
          std::string("kv_append ") + (kind == KvKind::keys ? "keys " : "values ") + std::to_string(dim), 4,
          2.0 * 4 * 2 * 4 * dim,
          [&] {
            mx::array block = std::move(own.back());
            own.pop_back();
            own.push_back(kv_append(kind, std::move(block), rows, 0, 4, 8));
            return own.back();
          },
          [&] { return kv_append_mlx(kind, stock, rows, 0, 4, 8, cpu()); });
    }
  }
}

const Bench bench("kv_cache", run);

} // namespace
