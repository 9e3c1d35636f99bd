#include "kernels/linear/cpu/run.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "kernels/common/thread_pool.h"
#include "kernels/linear/cpu/integer.h"
#include "kernels/linear/cpu/rows.h"
#include "kernels/rms_norm/cpu/rows.h"
#include "kernels/swiglu/cpu/elements.h"

namespace mtplx::kernels {

namespace {

// Blocks handed out together: enough work to outweigh a task's start.
constexpr int unit_blocks = 4;
// Rows from which their preparation is shared among threads; one takes about half a nanosecond a value.
constexpr int shared_rows = 16;

// Grows and never shrinks; lines start at a cache line, as tile loads want.
class Buffer {
 public:
  uint8_t* at_least(size_t bytes) {
    if (bytes > size_) {
      size_ = (bytes + 63) / 64 * 64;
      memory_.reset(static_cast<uint8_t*>(std::aligned_alloc(64, size_)));
      if (!memory_) {
        size_ = 0;
        throw std::bad_alloc();
      }
    }
    return memory_.get();
  }

 private:
  struct Free {
    void operator()(uint8_t* p) const { std::free(p); }
  };
  std::unique_ptr<uint8_t, Free> memory_;
  size_t size_ = 0;
};

// x quantised for one group size, in the calling thread's buffers.
IntegerRows prepare(const IntegerKernel& kernel, const float* x, int rows, int K, int group_size, Buffer& buffer) {
  size_t q = static_cast<size_t>(rows) * 2 * K;
  size_t scales = static_cast<size_t>(rows) * (K / group_size);
  size_t q_end = (q + 63) / 64 * 64;
  uint8_t* at = buffer.at_least(q_end + 2 * scales * sizeof(float) + static_cast<size_t>(rows));
  auto* scale = reinterpret_cast<float*>(at + q_end);
  auto* finite = reinterpret_cast<uint8_t*>(scale + 2 * scales);
  IntegerRows prepared{x, rows, K, group_size, at, scale, scale + scales, finite};
  int tasks = rows < shared_rows ? 1 : threads();
  parallel_for(tasks, [&](int task) {
    kernel.prepare(prepared, static_cast<int>(static_cast<int64_t>(rows) * task / tasks),
                   static_cast<int>(static_cast<int64_t>(rows) * (task + 1) / tasks));
  });
  return prepared;
}

class Round {
 public:
  Round(std::span<const LinearJob> jobs, const float* x, int rows)
      : x_(x), rows_(rows), kernel_(integer_kernel(active_isa())) {
    // One buffer for each group size: 32, 64, 128.
    static thread_local Buffer buffers[3];
    for (const auto& job : jobs) {
      const LinearLayout& l = job.layout;
      int slot = l.group_size / 64;
      if (l.bits != 0 && !prepared_[slot].q) {
        prepared_[slot] = prepare(kernel_, x, rows, l.in_features, l.group_size, buffers[slot]);
      }
    }
  }

  // The rows as most weights want them.
  Near near() const {
    for (const IntegerRows& p : prepared_) {
      if (p.q) {
        return {p.q, static_cast<size_t>(p.rows) * 2 * p.in_features};
      }
    }
    return {};
  }

  void blocks(const LinearJob& job, int begin, int end) const {
    if (job.layout.bits == 0) {
      MTPLX_SELECT_ISA(dense_blocks)({job.layout, job.data, x_, rows_, job.residual, job.y}, begin, end);
    } else {
      kernel_.blocks(job.layout, job.data, prepared_[job.layout.group_size / 64], job.residual, job.y, begin, end);
    }
  }

 private:
  const float* x_;
  int rows_;
  const IntegerKernel& kernel_;
  IntegerRows prepared_[3] = {};
};

int units_of(const LinearLayout& l) {
  return (l.blocks() + unit_blocks - 1) / unit_blocks;
}

// body(begin, end) over [0, units) in a few tasks a thread, which even out uneven cores.
template <class Body>
void over_units(int units, Near near, const Body& body) {
  int tasks = std::min(units, threads() == 1 ? 1 : 4 * threads());
  parallel_for(
      tasks,
      [&](int task) {
        body(static_cast<int>(static_cast<int64_t>(units) * task / tasks),
             static_cast<int>(static_cast<int64_t>(units) * (task + 1) / tasks));
      },
      near);
}

} // namespace

void run_linears(std::span<const LinearJob> jobs, const float* x, int rows) {
  Round round(jobs, x, rows);
  int units = 0;
  for (const auto& job : jobs) {
    units += units_of(job.layout);
  }
  over_units(units, round.near(), [&](int begin, int end) {
    int first = 0;
    for (const auto& job : jobs) {
      int count = units_of(job.layout);
      int from = std::max(begin - first, 0);
      int to = std::min(end - first, count);
      if (from < to) {
        round.blocks(job, from * unit_blocks, std::min(to * unit_blocks, job.layout.blocks()));
      }
      first += count;
    }
  });
}

void run_swiglu(const LinearJob& gate, const LinearJob& up, const float* x, int rows) {
  int N = gate.layout.out_features;
  thread_local std::vector<float> scratch;
  scratch.resize(std::max(scratch.size(), static_cast<size_t>(rows) * N));
  const LinearJob jobs[2] = {gate, {up.layout, up.data, nullptr, scratch.data()}};
  Round round(jobs, x, rows);
  auto elements = MTPLX_SELECT_ISA(swiglu_elements);
  over_units(units_of(gate.layout), round.near(), [&](int first, int last) {
    int begin = first * unit_blocks;
    int end = std::min(last * unit_blocks, gate.layout.blocks());
    round.blocks(jobs[0], begin, end);
    round.blocks(jobs[1], begin, end);
    int n = begin * linear_block;
    size_t count = static_cast<size_t>(std::min(end * linear_block, N) - n);
    for (int r = 0; r < rows; ++r) {
      float* y = gate.y + static_cast<size_t>(r) * N + n;
      elements(y, jobs[1].y + static_cast<size_t>(r) * N + n, count, y);
    }
  });
}

const float* normed(const float* x, const float* weight, float eps, int rows, int width) {
  if (!weight) {
    return x;
  }
  thread_local std::vector<float> buffer;
  buffer.resize(std::max(buffer.size(), static_cast<size_t>(rows) * width));
  rms_norm_shared(x, weight, eps, rows, width, buffer.data());
  return buffer.data();
}

} // namespace mtplx::kernels
