#include "kernels/linear/cpu/run.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "kernels/linear/cpu/rows.h"
#include "kernels/rms_norm/cpu/rows.h"
#include "kernels/swiglu/cpu/elements.h"

namespace mtplx::kernels {

namespace {

// Blocks handed out together: enough work to outweigh a task's start.
constexpr int unit_blocks = 4;

// Grows and never shrinks; lines start at a cache line, as tile loads want.
class Buffer {
 public:
  void* at_least(size_t bytes) {
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

int slot_of(int group_size) {
  return group_size / 64;
}

int units_of(const LinearLayout& l) {
  return (l.blocks() + unit_blocks - 1) / unit_blocks;
}

// A few tasks a thread even out uneven cores.
int tasks_of(int units) {
  return std::min(units, threads() == 1 ? 1 : 4 * threads());
}

int part_of(int units, int task, int tasks) {
  return static_cast<int>(static_cast<int64_t>(units) * task / tasks);
}

} // namespace

LinearRows::LinearRows(const float* x, int rows) : x_(x), rows_(rows), kernel_(integer_kernel(active_isa())) {}

size_t LinearRows::prepared_floats(int in_features, int group_size) {
  // Two bytes a value, two floats a group, and whether it is finite.
  return static_cast<size_t>(in_features) / 2 + 2 * static_cast<size_t>(in_features / group_size) + 1;
}

void LinearRows::add(int in_features, int group_size, void* memory) {
  size_t scales = static_cast<size_t>(rows_) * (in_features / group_size);
  auto* q = static_cast<uint8_t*>(memory);
  auto* scale = reinterpret_cast<float*>(q + static_cast<size_t>(rows_) * 2 * in_features);
  by_group_[slot_of(group_size)] = {x_, rows_, in_features,    group_size,
                                    q,  scale, scale + scales, reinterpret_cast<uint8_t*>(scale + 2 * scales)};
}

void LinearRows::prepare(int begin, int end) const {
  for (const IntegerRows& rows : by_group_) {
    if (rows.q) {
      kernel_.prepare(rows, begin, end);
    }
  }
}

LinearRows LinearRows::prepared(std::span<const LinearJob> jobs, const float* x, int rows) {
  static thread_local Buffer buffers[3];
  LinearRows result(x, rows);
  for (const auto& job : jobs) {
    const LinearLayout& l = job.layout;
    if (l.bits != 0 && !result.by_group_[slot_of(l.group_size)].q) {
      size_t bytes = static_cast<size_t>(rows) * prepared_floats(l.in_features, l.group_size) * sizeof(float);
      result.add(l.in_features, l.group_size, buffers[slot_of(l.group_size)].at_least(bytes));
    }
  }
  int tasks = rows < shared_rows ? 1 : threads();
  parallel_for(tasks, [&](int task) { result.prepare(part_of(rows, task, tasks), part_of(rows, task + 1, tasks)); });
  return result;
}

void LinearRows::blocks(const LinearJob& job, int begin, int end) const {
  if (job.layout.bits == 0) {
    MTPLX_SELECT_ISA(dense_blocks)({job.layout, job.data, x_, rows_, job.residual, job.y}, begin, end);
  } else {
    kernel_.blocks(job.layout, job.data, by_group_[slot_of(job.layout.group_size)], job.residual, job.y, begin, end);
  }
}

namespace {

int units_of(std::span<const LinearJob> jobs) {
  int units = 0;
  for (const auto& job : jobs) {
    units += units_of(job.layout);
  }
  return units;
}

} // namespace

int linear_tasks(std::span<const LinearJob> jobs) {
  return tasks_of(units_of(jobs));
}

void run_linear_task(const LinearRows& x, std::span<const LinearJob> jobs, int task, int tasks) {
  int units = units_of(jobs);
  int begin = part_of(units, task, tasks);
  int end = part_of(units, task + 1, tasks);
  int first = 0;
  for (const auto& job : jobs) {
    int count = units_of(job.layout);
    int from = std::max(begin - first, 0);
    int to = std::min(end - first, count);
    if (from < to) {
      x.blocks(job, from * unit_blocks, std::min(to * unit_blocks, job.layout.blocks()));
    }
    first += count;
  }
}

int swiglu_tasks(const LinearJob& gate) {
  return tasks_of(units_of(gate.layout));
}

void run_swiglu_task(const LinearRows& x, const LinearJob& gate, const LinearJob& up, int rows, int task, int tasks) {
  size_t N = static_cast<size_t>(gate.layout.out_features);
  thread_local std::vector<float> scratch; // of the up rows a task fills its own columns
  scratch.resize(std::max(scratch.size(), rows * N));
  int units = units_of(gate.layout);
  int begin = part_of(units, task, tasks) * unit_blocks;
  int end = std::min(part_of(units, task + 1, tasks) * unit_blocks, gate.layout.blocks());
  x.blocks(gate, begin, end);
  x.blocks({up.layout, up.data, nullptr, scratch.data()}, begin, end);
  auto elements = MTPLX_SELECT_ISA(swiglu_elements);
  size_t n = static_cast<size_t>(begin) * linear_block;
  size_t count = std::min(static_cast<size_t>(end) * linear_block, N) - n;
  for (int r = 0; r < rows; ++r) {
    float* y = gate.y + r * N + n;
    elements(y, scratch.data() + r * N + n, count, y);
  }
}

void run_linears(std::span<const LinearJob> jobs, const float* x, int rows) {
  LinearRows prepared = LinearRows::prepared(jobs, x, rows);
  int tasks = linear_tasks(jobs);
  parallel_for(tasks, [&](int task) { run_linear_task(prepared, jobs, task, tasks); });
}

void run_swiglu(const LinearJob& gate, const LinearJob& up, const float* x, int rows) {
  const LinearJob jobs[2] = {gate, up};
  LinearRows prepared = LinearRows::prepared(jobs, x, rows);
  int tasks = swiglu_tasks(gate);
  parallel_for(tasks, [&](int task) { run_swiglu_task(prepared, gate, up, rows, task, tasks); });
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
