#include "kernels/moe/testing.h"

namespace mtplx::kernels::testing {

namespace {

struct Linears {
  std::vector<TestWeight> all;

  mlx_form::Weight stacked() const {
    std::vector<mx::array> values, scales, biases;
    for (const TestWeight& w : all) {
      values.push_back(w.mlx.values);
      if (w.mlx.bits != 0) {
        scales.push_back(*w.mlx.scales);
        biases.push_back(*w.mlx.biases);
      }
    }
    mlx_form::Weight result = {mx::stack(values, 0, cpu()), std::nullopt, std::nullopt, all[0].mlx.bits,
                               all[0].mlx.group_size};
    if (result.bits != 0) {
      result.scales = mx::stack(scales, 0, cpu());
      result.biases = mx::stack(biases, 0, cpu());
    }
    return result;
  }
};

} // namespace

TestMoe random_moe(Random& random, int E, int H, int F, int bits) {
  auto weight = [&](int N, int K) {
    return bits == 0 ? random_dense(random, N, K, mx::float32) : random_affine(random, N, K, bits, 32, mx::bfloat16);
  };
  TestWeight router = random_dense(random, E, H, mx::float32);
  TestWeight shared_gate = random_dense(random, 1, H, mx::float32);
  TestWeight shared[] = {weight(F, H), weight(F, H), weight(H, F)};
  Linears gate, up, down;
  std::vector<MoeExpert> experts;
  std::vector<reference::MoeExpert> plain;
  for (int e = 0; e < E; ++e) {
    const TestWeight& g = gate.all.emplace_back(weight(F, H));
    const TestWeight& u = up.all.emplace_back(weight(F, H));
    const TestWeight& d = down.all.emplace_back(weight(H, F));
    experts.push_back({g.weight, u.weight, d.weight});
    plain.push_back({g.values, u.values, d.values});
  }
  return {{router.weight, experts, {shared[0].weight, shared[1].weight, shared[2].weight}, shared_gate.weight},
          {router.values, plain, {shared[0].values, shared[1].values, shared[2].values}, shared_gate.values},
          {router.mlx,
           {gate.stacked(), up.stacked(), down.stacked()},
           {shared[0].mlx, shared[1].mlx, shared[2].mlx},
           shared_gate.mlx}};
}

} // namespace mtplx::kernels::testing
