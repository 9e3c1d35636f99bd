#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

// Kernel calls recorded once for a number of rows and run at every step. The plan knows which memory each call reads
// and writes; lengths and positions are arguments that a call looks at when it runs. It names no backend: a GPU lane
// records the same calls in a graph or command buffer of its own.
namespace mtplx::kernels {

// f32 [rows of the plan, width] between its calls.
struct PlanRows {
  int index;
  int width;
};

// Where a run's rows lie.
class PlanMemory {
 public:
  int rows() const { return rows_; }
  float* operator[](PlanRows rows) const { return at_[rows.index]; }

 private:
  friend class Plan;
  int rows_ = 0;
  std::vector<float*> at_;
};

// What a call does: a function of the memory, with all that it holds beside it, so that a plan is read straight ahead.
class PlanBody {
 public:
  static constexpr size_t largest = 240; // bytes

  template <class Body>
  requires(!std::is_same_v<Body, PlanBody>) PlanBody(const Body& body)
      : run_([](const void* self, const PlanMemory& memory) { (*static_cast<const Body*>(self))(memory); }) {
    static_assert(sizeof(Body) <= largest && alignof(Body) <= alignof(void*) && std::is_trivially_copyable_v<Body>);
    std::memcpy(bytes_, static_cast<const void*>(&body), sizeof body);
  }

  void operator()(const PlanMemory& memory) const { run_(bytes_, memory); }

 private:
  alignas(void*) std::byte bytes_[largest];
  void (*run_)(const void* self, const PlanMemory& memory);
};

struct PlanCall {
  const char* name; // a literal
  std::vector<PlanRows> reads;
  std::vector<PlanRows> writes; // what is also read keeps its old values
  PlanBody body;
  std::shared_ptr<const void> keeps = nullptr; // lives as long as the plan
};

class Plan {
 public:
  explicit Plan(int rows) { memory_.rows_ = rows; }

  // Memory of the plan: the same bytes serve several of them, one after the other.
  PlanRows own(int width);
  // Memory that every run binds.
  PlanRows bound(int width);
  // Throws std::logic_error where a call reads own rows that none before it wrote.
  void record(PlanCall call);
  // To be called once, behind the last call.
  void finish();

  int rows() const { return memory_.rows(); }
  // Bytes of own rows while it runs.
  size_t bytes() const { return floats_ * sizeof(float); }

  void bind(PlanRows rows, float* data) { memory_.at_[rows.index] = data; }
  // Runs the calls in order, on the calling thread and the pool's. One run at a time.
  void run();

 private:
  // First and last call that uses some own rows.
  struct Life {
    int first;
    int last;
  };
  struct Own {
    int index;
    size_t floats;
    std::optional<Life> life;
    size_t offset = 0;
  };
  struct Step {
    const char* name;
    PlanBody body;
  };

  Own* own_of(PlanRows rows);
  void place(Own& own, const std::vector<const Own*>& placed);

  PlanMemory memory_;
  std::vector<Own> own_;
  std::vector<Step> steps_;
  std::vector<std::shared_ptr<const void>> kept_;
  size_t floats_ = 0;
};

} // namespace mtplx::kernels
