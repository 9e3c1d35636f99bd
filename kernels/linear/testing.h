#pragma once

#include "kernels/common/testing/arrays.h"
#include "kernels/linear/linear.h"
#include "kernels/linear/mlx_form.h"

// Random weights in the three forms that tests and benches compare.
namespace mtplx::kernels::testing {

struct TestWeight {
  mlx_form::Weight mlx;
  LinearWeight weight; // what our kernels take
  Doubles values;      // [N, K], what the packing stands for
  int out_features;
  int in_features;
};

TestWeight dense_test_weight(const mx::array& weight);
TestWeight affine_test_weight(
    const mx::array& packed, const mx::array& scales, const mx::array& biases, int bits, int group_size);

TestWeight random_dense(Random& random, int N, int K, mx::Dtype dtype);

// Scales of both signs and biases near -scale * 2^(bits - 1), as quantisation makes them; rows about unit length.
TestWeight random_affine(Random& random, int N, int K, int bits, int group_size, mx::Dtype dtype);

} // namespace mtplx::kernels::testing
