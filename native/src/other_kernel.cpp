#include "native/src/other_kernel.h"

#ifdef MTPLX_FAULTS
#include <algorithm>
#include <functional>

#include "kernels/common/isa.h"
#include "kernels/common/thread_pool.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/swiglu/swiglu.h"
#include "native/src/faults.h"
#endif

namespace mtplx::native {

using namespace kernels;

#ifdef MTPLX_FAULTS

namespace {

bool other_kernel(int rows) {
  return (fault("other-kernel") && rows > 1) || (fault("thread-sum") && threads() > 1) ||
         (fault("isa-sum") && active_isa() != Isa::scalar);
}

// The kernels on arrays, which have the same bits, or MLX's: which is decided when it runs.
struct Either {
  PlanRows x;
  std::vector<PlanRows> y;
  std::function<std::vector<mx::array>(const mx::array& x)> usual;
  std::function<std::vector<mx::array>(const mx::array& x)> other;
};

void plan_either(Plan& plan, Either either) {
  struct Call {
    const Either* either;
    void run(const PlanMemory& memory) const {
      mx::array x(memory[either->x], {memory.rows(), either->x.width});
      auto results = other_kernel(memory.rows()) ? either->other(x) : either->usual(x);
      for (size_t i = 0; i < results.size(); ++i) {
        mx::array rows = mx::contiguous(results[i]);
        rows.eval();
        std::copy_n(rows.data<float>(), rows.size(), memory[either->y[i]]);
      }
    }
  };
  auto kept = std::make_shared<const Either>(std::move(either));
  plan.record({"either", {kept->x}, kept->y, Call{kept.get()}, kept});
}

mx::array stock_linear(const mx::array& x, const LinearWeight& weight) {
  return mx::matmul(x, mx::transpose(dense_values(weight)));
}

} // namespace

void plan_linears_or_other(Plan& plan,
                           PlanRows x,
                           const std::vector<const LinearWeight*>& weights,
                           const InputNorm* norm,
                           const std::vector<PlanRows>& y) {
  plan_either(plan, {x, y, [=](const mx::array& rows) { return linears(rows, weights, norm); },
                     [=](const mx::array& rows) {
                       mx::array h = norm ? rms_norm(rows, norm->weight, norm->eps) : rows;
                       std::vector<mx::array> results;
                       for (const auto* w : weights) {
                         results.push_back(stock_linear(h, *w));
                       }
                       return results;
                     }});
}

void plan_swiglu_or_other(
    Plan& plan, PlanRows x, const LinearWeight& gate, const LinearWeight& up, const InputNorm& norm, PlanRows y) {
  plan_either(plan,
              {x,
               {y},
               [&](const mx::array& rows) { return std::vector<mx::array>{linear_swiglu(rows, gate, up, &norm)}; },
               [&](const mx::array& rows) {
                 mx::array h = rms_norm(rows, norm.weight, norm.eps);
                 return std::vector<mx::array>{swiglu(stock_linear(h, gate), stock_linear(h, up))};
               }});
}

#else

void plan_linears_or_other(Plan& plan,
                           PlanRows x,
                           const std::vector<const LinearWeight*>& weights,
                           const InputNorm* norm,
                           const std::vector<PlanRows>& y) {
  plan_linears(plan, x, weights, norm, y);
}

void plan_swiglu_or_other(
    Plan& plan, PlanRows x, const LinearWeight& gate, const LinearWeight& up, const InputNorm& norm, PlanRows y) {
  plan_linear_swiglu(plan, x, gate, up, &norm, y);
}

#endif

} // namespace mtplx::native
