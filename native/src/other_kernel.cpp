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

using Other = std::function<std::vector<mx::array>(const mx::array& x)>;

// `other` gives the rows of y.
PlanCall either(PlanCall call, PlanRows x, const std::vector<PlanRows>& y, Other other) {
  struct Both {
    PlanBody usual;
    PlanRows x;
    std::vector<PlanRows> y;
    Other other;
    std::shared_ptr<const void> keeps;
  };
  auto both = std::make_shared<const Both>(Both{call.body, x, y, std::move(other), call.keeps});
  call.keeps = both;
  call.body = [both = both.get()](const PlanMemory& memory) {
    if (!other_kernel(memory.rows())) {
      return both->usual(memory);
    }
    std::vector<mx::array> results = both->other(mx::array(memory[both->x], {memory.rows(), both->x.width}));
    for (size_t i = 0; i < results.size(); ++i) {
      mx::array rows = mx::contiguous(results[i]);
      rows.eval();
      std::copy_n(rows.data<float>(), rows.size(), memory[both->y[i]]);
    }
  };
  return call;
}

mx::array stock_linear(const mx::array& x, const LinearWeight& weight) {
  return mx::matmul(x, mx::transpose(dense_values(weight)));
}

} // namespace

PlanCall or_other_linears(PlanCall call,
                          PlanRows x,
                          const std::vector<const LinearWeight*>& weights,
                          const InputNorm* norm,
                          const std::vector<PlanRows>& y) {
  return either(std::move(call), x, y, [=](const mx::array& rows) {
    mx::array h = norm ? rms_norm(rows, norm->weight, norm->eps) : rows;
    std::vector<mx::array> results;
    for (const auto* w : weights) {
      results.push_back(stock_linear(h, *w));
    }
    return results;
  });
}

PlanCall or_other_swiglu(
    PlanCall call, PlanRows x, const LinearWeight& gate, const LinearWeight& up, const InputNorm& norm, PlanRows y) {
  return either(std::move(call), x, {y}, [&gate, &up, &norm](const mx::array& rows) {
    mx::array h = rms_norm(rows, norm.weight, norm.eps);
    return std::vector<mx::array>{swiglu(stock_linear(h, gate), stock_linear(h, up))};
  });
}

#else

PlanCall or_other_linears(
    PlanCall call, PlanRows, const std::vector<const LinearWeight*>&, const InputNorm*, const std::vector<PlanRows>&) {
  return call;
}

PlanCall or_other_swiglu(
    PlanCall call, PlanRows, const LinearWeight&, const LinearWeight&, const InputNorm&, PlanRows) {
  return call;
}

#endif

} // namespace mtplx::native
