#include "kernels/linear/linear.h"

#include <cstring>
#include <sstream>

#include "kernels/common/thread_pool.h"
#include "kernels/linear/cpu/run.h"
#include "kernels/linear/cpu/weight.h"

namespace mtplx::kernels {

namespace {

Element element_of(mx::Dtype dtype, const char* what) {
  if (dtype == mx::float32) {
    return Element::f32;
  }
  if (dtype == mx::float16) {
    return Element::f16;
  }
  if (dtype == mx::bfloat16) {
    return Element::bf16;
  }
  throw std::invalid_argument(std::string("[linear] ") + what + " must be f32, f16 or bf16.");
}

mx::array marker(mx::Dtype dtype) {
  mx::array m = mx::zeros({1}, dtype);
  mx::eval(m);
  return m;
}

mx::array row_major(const mx::array& a) {
  mx::array c = mx::contiguous(a);
  mx::eval(c);
  return c;
}

LinearWeight packed(const LinearLayout& l, mx::Dtype element, std::vector<uint8_t> bytes) {
  // Two axes: one could not count the bytes of a table beyond 2 GiB.
  mx::array data(bytes.data(), {l.blocks(), static_cast<int>(l.block_bytes())}, mx::uint8);
  return {l.out_features, l.in_features, l.bits, l.bits ? l.group_size : 0, {data, marker(element)}};
}

// Value j of an MLX row: bits [j * bits, (j + 1) * bits) of the little-endian stream.
uint32_t stream_value(const uint8_t* row, int bits, int j) {
  size_t bit = static_cast<size_t>(j) * bits;
  uint32_t word = row[bit / 8];
  if (bit % 8 + bits > 8) {
    word |= static_cast<uint32_t>(row[bit / 8 + 1]) << 8;
  }
  return (word >> (bit % 8)) & ((1u << bits) - 1);
}

void check(bool ok, const std::string& message) {
  if (!ok) {
    throw std::invalid_argument("[linear] " + message);
  }
}

std::string dims(const mx::array& a) {
  std::ostringstream text;
  text << a.shape();
  return text.str();
}

void pack_values(const LinearLayout& l, const uint8_t* row, int lane, int g, uint8_t* values) {
  for (int k = 0; k < l.group_size; ++k) {
    uint32_t q = stream_value(row, l.bits, g * l.group_size + k);
    if (l.bits == 4) {
      uint32_t word;
      uint8_t* at = values + (static_cast<size_t>(k / 8) * 16 + lane) * 4;
      std::memcpy(&word, at, 4);
      word |= q << (4 * (k % 8));
      std::memcpy(at, &word, 4);
    } else {
      size_t bit = static_cast<size_t>(lane) * l.bits;
      uint8_t* at = values + static_cast<size_t>(k) * 2 * l.bits + bit / 8;
      at[0] |= static_cast<uint8_t>(q << (bit % 8));
      if (bit % 8 + l.bits > 8) {
        at[1] |= static_cast<uint8_t>(q >> (8 - bit % 8));
      }
    }
  }
}

void check_input(const mx::array& x, const LinearWeight& w) {
  check(x.ndim() == 2 && x.shape(1) == w.in_features && x.dtype() == mx::float32,
        "x must be f32 [M, " + std::to_string(w.in_features) + "], got " + dims(x) + ".");
}

} // namespace

LinearLayout layout_of(const LinearWeight& w) {
  // The element type rides along as the second array's dtype: an empty marker.
  return {w.out_features, w.in_features, w.bits, w.bits ? w.group_size : w.in_features,
          element_of(w.data.at(1).dtype(), "the weight")};
}

void run_linear(
    const LinearLayout& l, const mx::array& weight, const float* source, int rows, const float* residual, float* y) {
  LinearInput input{source, nullptr, rows};
  thread_local std::vector<float> scaled;
  thread_local std::vector<float> sums;
  if (l.bits != 0) {
    scaled.resize(static_cast<size_t>(rows) * l.in_features);
    sums.resize(static_cast<size_t>(rows) * l.groups());
    MTPLX_SELECT_ISA(prepare_rows)(l, source, rows, scaled.data(), sums.data());
    input = {scaled.data(), sums.data(), rows};
  }
  auto blocks = MTPLX_SELECT_ISA(linear_blocks);
  const uint8_t* data = weight.data<uint8_t>();
  // Four blocks are one tile at M = 1; a few tasks a thread even out uneven cores.
  int tiles = (l.blocks() + 3) / 4;
  int tasks = std::min(tiles, threads() == 1 ? 1 : 4 * threads());
  parallel_for(tasks, [&](int task) {
    int begin = 4 * static_cast<int>(static_cast<int64_t>(tiles) * task / tasks);
    int end = std::min(l.blocks(), 4 * static_cast<int>(static_cast<int64_t>(tiles) * (task + 1) / tasks));
    blocks(l, data, input, residual, y, begin, end);
  });
}

LinearWeight dense_weight(const mx::array& weight) {
  check(weight.ndim() == 2 && weight.size() > 0, "a weight has two axes and is not empty, got " + dims(weight) + ".");
  Element element = element_of(weight.dtype(), "a dense weight");
  mx::array w = row_major(weight);
  int N = w.shape(0);
  int K = w.shape(1);
  LinearLayout l{N, K, 0, K, element};
  size_t eb = element_bytes(element);
  std::vector<uint8_t> bytes(l.block_bytes() * l.blocks());
  const auto* from = static_cast<const uint8_t*>(static_cast<const void*>(w.data<void>()));
  for (int n = 0; n < N; ++n) {
    uint8_t* block = bytes.data() + static_cast<size_t>(n / 16) * l.block_bytes();
    for (int k = 0; k < K; ++k) {
      std::memcpy(block + (static_cast<size_t>(k) * 16 + n % 16) * eb, from + (static_cast<size_t>(n) * K + k) * eb,
                  eb);
    }
  }
  return packed(l, weight.dtype(), std::move(bytes));
}

LinearWeight affine_weight(
    const mx::array& weight, const mx::array& scales, const mx::array& biases, int bits, int group_size) {
  check(bits == 2 || bits == 3 || bits == 4 || bits == 5 || bits == 6 || bits == 8,
        "no " + std::to_string(bits) + "-bit weights: use 2, 3, 4, 5, 6 or 8 bits.");
  check(group_size == 32 || group_size == 64 || group_size == 128,
        "no groups of " + std::to_string(group_size) + ": use 32, 64 or 128.");
  check(weight.ndim() == 2 && weight.dtype() == mx::uint32 && scales.ndim() == 2 && weight.size() > 0,
        "a packed weight is u32 [N, K * bits / 32] with scales [N, K / group size], and not empty.");
  int N = weight.shape(0);
  int K = scales.shape(1) * group_size;
  check(static_cast<int64_t>(weight.shape(1)) * 32 == static_cast<int64_t>(K) * bits && scales.shape(0) == N &&
            biases.shape() == scales.shape() && biases.dtype() == scales.dtype(),
        "packed " + dims(weight) + ", scales " + dims(scales) + " and biases " + dims(biases) + " do not agree with " +
            std::to_string(bits) + " bits in groups of " + std::to_string(group_size) + ".");
  Element element = element_of(scales.dtype(), "scales");
  mx::array w = row_major(weight);
  mx::array s = row_major(scales);
  mx::array b = row_major(biases);
  LinearLayout l{N, K, bits, group_size, element};
  size_t eb = element_bytes(element);
  std::vector<uint8_t> bytes(l.block_bytes() * l.blocks());
  const auto* words = static_cast<const uint8_t*>(static_cast<const void*>(w.data<void>()));
  const auto* scale = static_cast<const uint8_t*>(static_cast<const void*>(s.data<void>()));
  const auto* bias = static_cast<const uint8_t*>(static_cast<const void*>(b.data<void>()));
  size_t row_bytes = static_cast<size_t>(K) * bits / 8;
  parallel_for(l.blocks(), [&](int block) {
    for (int lane = 0; lane < 16 && block * 16 + lane < N; ++lane) {
      size_t n = static_cast<size_t>(block) * 16 + lane;
      uint8_t* group = bytes.data() + block * l.block_bytes();
      for (int g = 0; g < l.groups(); ++g) {
        std::memcpy(group + lane * eb, scale + (n * l.groups() + g) * eb, eb);
        std::memcpy(group + (16 + lane) * eb, bias + (n * l.groups() + g) * eb, eb);
        pack_values(l, words + n * row_bytes, lane, g, group + l.scale_bytes());
        group += l.group_bytes();
      }
    }
  });
  return packed(l, scales.dtype(), std::move(bytes));
}

mx::array linear(const mx::array& x, const LinearWeight& weight, mx::Stream s) {
  check_input(x, weight);
  return cpu_task1(
      "linear", {x, weight.data[0]}, {{x.shape(0), weight.out_features}, mx::float32},
      [l = layout_of(weight)](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
        run_linear(l, in[1], in[0].data<float>(), in[0].shape(0), nullptr, out[0].data<float>());
      },
      s);
}

mx::array linear_add(const mx::array& x, const LinearWeight& weight, const mx::array& residual, mx::Stream s) {
  check_input(x, weight);
  check(residual.ndim() == 2 && residual.shape(0) == x.shape(0) && residual.shape(1) == weight.out_features &&
            residual.dtype() == mx::float32,
        "residual must be f32 [" + std::to_string(x.shape(0)) + ", " + std::to_string(weight.out_features) + "], got " +
            dims(residual) + ".");
  return cpu_task1(
      "linear_add", {x, weight.data[0], residual}, {{x.shape(0), weight.out_features}, mx::float32},
      [l = layout_of(weight)](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
        run_linear(l, in[1], in[0].data<float>(), in[0].shape(0), in[2].data<float>(), out[0].data<float>());
      },
      s);
}

mx::array dense_values(const LinearWeight& weight, mx::Stream s) {
  return cpu_task1(
      "dense_values", {weight.data[0]}, {{weight.out_features, weight.in_features}, mx::float32},
      [l = layout_of(weight)](const std::vector<mx::array>& in, std::vector<mx::array>& out) {
        for (int n = 0; n < l.out_features; ++n) {
          MTPLX_SELECT_ISA(weight_row)
          (l, in[0].data<uint8_t>(), n, out[0].data<float>() + static_cast<size_t>(n) * l.in_features);
        }
      },
      s);
}

} // namespace mtplx::kernels
