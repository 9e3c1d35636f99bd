#pragma once

#include "kernels/draw/draw.h"

namespace mtplx::kernels {

struct DrawMlx {
  mx::array token;       // i32 [R]
  mx::array support;     // i32 [R, V] ids by falling logit
  mx::array probability; // f32 [R, V], 0 outside the support
};

// draw() by one filter for all rows and uniform numbers f32 [R], in stock ops and f32: sort, softmax, running sum,
// cuts, running sum again. temperature > 0.
DrawMlx draw_mlx(const mx::array& logits, const Filter& filter, const mx::array& uniforms, mx::Stream s);

} // namespace mtplx::kernels
