#include <cstdint>

#include "kernels/common/fixed_math.h"
#include "kernels/common/testing/lanes.h"

namespace mtplx::kernels::MTPLX_ISA {

void lanes(LaneOp op, const float* pa, const float* pb, const float* pc, float* out) {
  f32x16 a = load(pa);
  f32x16 b = load(pb);
  f32x16 c = load(pc);
  auto result = [&] {
    switch (op) {
      case LaneOp::add:
        return a + b;
      case LaneOp::subtract:
        return a - b;
      case LaneOp::multiply:
        return a * b;
      case LaneOp::divide:
        return a / b;
      case LaneOp::fma:
        return fma(a, b, c);
      case LaneOp::max:
        return max(a, b);
      case LaneOp::round:
        return round(a);
      case LaneOp::nearest:
        return to_float(nearest(a));
      case LaneOp::largest_bits:
        return bits_to_float(
            max(load_u32(reinterpret_cast<const uint32_t*>(pa)), load_u32(reinterpret_cast<const uint32_t*>(pb))));
      case LaneOp::select_less:
        return select_less(a, pb[0], b, c);
      case LaneOp::exp2_int:
        return exp2_int(a);
      case LaneOp::splat:
        return splat(pa[0]);
      case LaneOp::sum:
        return splat(sum_lanes(a));
      case LaneOp::largest:
        return splat(max_lanes(a));
      case LaneOp::exp:
        return exp(a);
      case LaneOp::sigmoid:
        return sigmoid(a);
      case LaneOp::silu:
        return silu(a);
    }
    return zero();
  };
  store(out, result());
}

void lanes_of_words(const uint32_t* words, int shift, uint32_t mask, float* out) {
  i32x16 w = load_u32(words);
  w = shift == 4 ? shift_right<4>(w) : shift == 13 ? shift_right<13>(w) : shift == 28 ? shift_right<28>(w) : w;
  store(out, to_float(w & mask));
}

void lanes_of_halves(const uint16_t* halves, bool bf16, float* out) {
  store(out, bf16 ? load_bf16(halves) : load_f16(halves));
}

} // namespace mtplx::kernels::MTPLX_ISA
