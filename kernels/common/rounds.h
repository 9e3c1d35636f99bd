#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <vector>

#include "kernels/common/function_ref.h"

// Rounds of tasks that several threads run one after the other: all tasks of a round are done before one of the next
// begins. No thread leads: each goes on to the next round when it sees the last one done, so that a round costs one
// way of a cache line between two cores. A thread whose core was taken claims nothing and is not waited for.
namespace mtplx::kernels {

class Rounds {
 public:
  // `first`: this thread's first task of the round.
  using Body = FunctionRef<void(int round, int task, bool first)>;
  using Ended = FunctionRef<void(int round)>;

  static constexpr size_t most_rounds = 1024; // of one run
  static constexpr int most_tasks = 65535;    // of a round

  explicit Rounds(int threads);

  // Opens rounds of so many tasks each; `body` lives until run() has returned.
  void open(std::span<const int> tasks, const Body& body);
  // The opener's part; calls ended(round) after each. Rethrows what a task threw: no task of a later round ran then.
  void run(Ended ended);

  // Whether there are rounds that thread `self` (1 ..) has not seen.
  bool any(int self) const;
  // A helper's part.
  void help(int self);

 private:
  // Which tasks of a thread's share are left, and in which round: others take from it when they have nothing to do.
  struct alignas(64) Claims {
    std::atomic<uint64_t> word = 0; // round 32 | next task 16 | end 16
  };
  // How many tasks a thread has done, and in which round.
  struct alignas(64) Done {
    std::atomic<uint64_t> word = 0; // round 32 | count 32
    uint64_t seen = 0;              // of span_, by this thread
  };

  void bring_up_to_date(uint32_t round);
  int claim(int share, uint32_t round, int tasks);
  void run_task(uint32_t round, int task, bool first);
  uint32_t take_part(int self, uint32_t round, int tasks);
  // The next round to look at; `round` itself: not all of its tasks are done.
  uint32_t next_after(int self, uint32_t round, int tasks, int own) const;
  uint32_t newest(uint32_t round) const;

  int threads_;
  std::vector<Claims> claims_;
  std::vector<Done> done_;
  // Of each round of the last run. Who comes too late may read another run's: no claim of an old round can be won.
  std::array<std::atomic<uint16_t>, most_rounds> tasks_ = {};
  alignas(64) std::atomic<uint64_t> span_ = 0; // of the last run: first round 32 | end 32
  uint32_t first_ = 1;
  uint32_t refreshed_ = 0;
  const Body* body_ = nullptr; // read by who has claimed a task
  std::atomic<bool> failed_ = false;
  std::mutex error_mutex_;
  std::exception_ptr error_;
};

} // namespace mtplx::kernels
