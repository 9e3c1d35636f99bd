#pragma once

#include "kernels/linear/testing.h"
#include "kernels/moe/mlx_form.h"
#include "kernels/moe/moe.h"
#include "kernels/moe/reference.h"

namespace mtplx::kernels::testing {

struct TestMoe {
  MoeWeights weights;
  reference::MoeWeights reference;
  mlx_form::MoeWeights mlx;
};

// Random weights of E experts: bits 0 makes them dense f32, else affine in groups of 32 with bf16 scales. Router and
// shared gate are dense f32.
TestMoe random_moe(Random& random, int E, int H, int F, int bits);

} // namespace mtplx::kernels::testing
