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

class Laps;

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

// A call's work, kept where it lies in the plan, so that a plan is read straight ahead. Made from a trivially copyable
// struct with
//   int tasks(const PlanMemory&) const: how many; 0 skips the call;
//   void prepare(const PlanMemory&) const: run by each thread before its first task (may be left out);
//   void run(const PlanMemory&, int task) const;
// or with `void run(const PlanMemory&) const` alone: then the calling thread runs it, whose kernels share out their
// work by parallel_for.
class PlanBody {
 public:
  static constexpr size_t largest = 248; // bytes

  template <class Body>
  requires(!std::is_same_v<Body, PlanBody>) PlanBody(const Body& body) {
    static_assert(sizeof(Body) <= largest && alignof(Body) <= alignof(void*) && std::is_trivially_copyable_v<Body>);
    std::memcpy(bytes_, static_cast<const void*>(&body), sizeof body);
    if constexpr (requires(const PlanMemory& memory) { body.tasks(memory); }) {
      tasks_ = [](const void* self, const PlanMemory& memory) { return static_cast<const Body*>(self)->tasks(memory); };
      run_ = [](const void* self, const PlanMemory& memory, int task) {
        static_cast<const Body*>(self)->run(memory, task);
      };
    } else {
      run_ = [](const void* self, const PlanMemory& memory, int) { static_cast<const Body*>(self)->run(memory); };
    }
    if constexpr (requires(const PlanMemory& memory) { body.prepare(memory); }) {
      prepare_ = [](const void* self, const PlanMemory& memory) { static_cast<const Body*>(self)->prepare(memory); };
    }
  }

  bool alone() const { return !tasks_; }
  int tasks(const PlanMemory& memory) const { return tasks_(bytes_, memory); }
  void prepare(const PlanMemory& memory) const {
    if (prepare_) {
      prepare_(bytes_, memory);
    }
  }
  void run(const PlanMemory& memory, int task) const { run_(bytes_, memory, task); }

 private:
  alignas(void*) std::byte bytes_[largest];
  int (*tasks_)(const void* self, const PlanMemory& memory) = nullptr;
  void (*prepare_)(const void* self, const PlanMemory& memory) = nullptr;
  void (*run_)(const void* self, const PlanMemory& memory, int task);
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
  // Runs the calls in order, on the calling thread and the pool's. One run at a time. segments: how many rows each has;
  // task counts hang on it, on the rows and on the threads alone.
  void run(const std::vector<int>& segments);
  // The same by the calling thread alone, and unreported.
  void run_alone();

 private:
  // First and last call that uses some own rows.
  struct Uses {
    int first;
    int last;
  };
  struct Own {
    int index;
    size_t floats;
    std::optional<Uses> uses;
    size_t offset = 0;
  };
  struct Step {
    const char* name;
    PlanBody body;
  };

  // Steps [begin, end) that the threads run as rounds, or one that the calling thread runs.
  struct Part {
    size_t begin;
    size_t end;
    bool alone;
  };

  Own* own_of(PlanRows rows);
  void place(Own& own, const std::vector<const Own*>& placed);
  void place_own_rows(float* memory);
  void count_tasks(const std::vector<int>& segments);
  void run_rounds(const Part& part, Laps& laps);

  PlanMemory memory_;
  std::vector<Own> own_;
  std::vector<Step> steps_;
  std::vector<Part> parts_;
  std::vector<int> tasks_; // of each step; of one that runs alone 1
  // What they were counted for: to count anew reads the whole plan, 10 µs with 16 layers.
  std::vector<int> segments_;
  int threads_ = 0;
  std::vector<std::shared_ptr<const void>> kept_;
  size_t floats_ = 0;
};

} // namespace mtplx::kernels
