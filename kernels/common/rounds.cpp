#include "kernels/common/rounds.h"

#include <stdexcept>
#include <thread>
#include <utility>

#include "kernels/common/relax.h"

namespace mtplx::kernels {

namespace {

// Looks at the others' counts before a thread helps with their tasks: to look at a share takes its line from its owner.
constexpr int looks_before_help = 64;
constexpr int looks_before_yield = 4096; // tens of microseconds

// Who never has a task would be two billion rounds late one day: so often its count is brought up to date.
constexpr uint32_t refresh = 1 << 20;

constexpr uint32_t round_of(uint64_t word) {
  return static_cast<uint32_t>(word >> 32);
}
// Numbers wrap.
constexpr bool later(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b) > 0;
}
constexpr uint64_t claims_word(uint32_t round, uint32_t next, uint32_t end) {
  return static_cast<uint64_t>(round) << 32 | next << 16 | end;
}

} // namespace

Rounds::Rounds(int threads) : threads_(threads), claims_(threads), done_(threads) {}

void Rounds::open(std::span<const int> tasks, const Body& body) {
  if (tasks.size() > most_rounds) {
    throw std::logic_error("[rounds] Too many rounds for one run.");
  }
  for (size_t i = 0; i < tasks.size(); ++i) {
    if (tasks[i] < 0 || tasks[i] > most_tasks) {
      throw std::logic_error("[rounds] Too many tasks for one round.");
    }
  }
  bring_up_to_date(first_ - 1);
  body_ = &body;
  for (size_t i = 0; i < tasks.size(); ++i) {
    auto count = static_cast<uint16_t>(tasks[i]);
    // A step has the tasks of the step before: its lines stay with all threads.
    if (tasks_[i].load(std::memory_order_relaxed) != count) {
      tasks_[i].store(count, std::memory_order_relaxed);
    }
  }
  uint32_t end = first_ + static_cast<uint32_t>(tasks.size());
  // Sequentially consistent with a helper that counts itself as asleep and then looks once more.
  span_.store(static_cast<uint64_t>(first_) << 32 | end, std::memory_order_seq_cst);
  first_ = end;
}

// All rounds so far are over: whoever looks for tasks of one finds none, also in a share that had none.
void Rounds::bring_up_to_date(uint32_t round) {
  for (int t = 0; t < threads_; ++t) {
    claims_[t].word.store(claims_word(round, 0, 0), std::memory_order_release);
  }
  if (round / refresh != refreshed_) {
    refreshed_ = round / refresh;
    for (int t = 0; t < threads_; ++t) {
      done_[t].word.store(static_cast<uint64_t>(round) << 32, std::memory_order_release);
    }
  }
}

void Rounds::run(Ended ended) {
  uint64_t span = span_.load(std::memory_order_relaxed);
  uint32_t first = round_of(span);
  auto end = static_cast<uint32_t>(span);
  for (uint32_t round = first; round != end; ++round) {
    take_part(0, round, tasks_[round - first].load(std::memory_order_relaxed));
    ended(static_cast<int>(round - first));
  }
  if (failed_.load(std::memory_order_relaxed)) {
    failed_.store(false, std::memory_order_relaxed);
    std::rethrow_exception(std::exchange(error_, nullptr));
  }
}

bool Rounds::any(int self) const {
  return span_.load(std::memory_order_seq_cst) != done_[self].seen;
}

void Rounds::help(int self) {
  uint64_t span = span_.load(std::memory_order_acquire);
  done_[self].seen = span;
  uint32_t first = round_of(span);
  auto end = static_cast<uint32_t>(span);
  for (uint32_t round = newest(first); later(end, round);) {
    round = take_part(self, round, tasks_[round - first].load(std::memory_order_relaxed));
  }
}

// The task, or -1. A claim can only be won while a task of its round is not done.
int Rounds::claim(int share, uint32_t round, int tasks) {
  std::atomic<uint64_t>& word = claims_[share].word;
  uint64_t seen = word.load(std::memory_order_acquire);
  for (;;) {
    if (later(round_of(seen), round)) {
      return -1;
    }
    uint32_t next = static_cast<uint32_t>(seen) >> 16;
    uint32_t end = seen & 0xffff;
    if (round_of(seen) != round) { // nobody has taken one yet
      next = static_cast<uint32_t>((static_cast<int64_t>(tasks) * share + threads_ - 1) / threads_);
      end = static_cast<uint32_t>((static_cast<int64_t>(tasks) * (share + 1) + threads_ - 1) / threads_);
    }
    if (next >= end) {
      return -1;
    }
    if (word.compare_exchange_weak(seen, claims_word(round, next + 1, end), std::memory_order_acq_rel,
                                   std::memory_order_acquire)) {
      return static_cast<int>(next);
    }
  }
}

void Rounds::run_task(uint32_t round, int task, bool first) {
  if (failed_.load(std::memory_order_relaxed)) {
    return;
  }
  try {
    (*body_)(static_cast<int>(round - round_of(span_.load(std::memory_order_relaxed))), task, first);
  } catch (...) {
    std::lock_guard lock(error_mutex_);
    if (!error_) {
      error_ = std::current_exception();
    }
    failed_.store(true, std::memory_order_relaxed);
  }
}

uint32_t Rounds::next_after(int self, uint32_t round, int tasks, int own) const {
  int sum = own;
  for (int t = 0; t < threads_; ++t) {
    if (t == self) {
      continue;
    }
    uint64_t done = done_[t].word.load(std::memory_order_acquire);
    if (later(round_of(done), round)) {
      return round_of(done); // it has seen this round done
    }
    if (round_of(done) == round) {
      sum += static_cast<int>(static_cast<uint32_t>(done));
    }
  }
  return sum == tasks ? round + 1 : round;
}

uint32_t Rounds::newest(uint32_t round) const {
  for (const Done& d : done_) {
    uint32_t other = round_of(d.word.load(std::memory_order_acquire));
    round = later(other, round) ? other : round;
  }
  return round;
}

// Runs tasks of the round as long as there are any, and waits until all are done. Gives the next round to look at.
uint32_t Rounds::take_part(int self, uint32_t round, int tasks) {
  int own = 0;
  auto work = [&](int share) {
    bool any = false;
    for (int task; (task = claim(share, round, tasks)) >= 0; any = true) {
      run_task(round, task, own == 0);
      ++own;
      if (share != self) {
        done_[self].word.store(static_cast<uint64_t>(round) << 32 | static_cast<uint32_t>(own),
                               std::memory_order_release);
      }
    }
    return any;
  };
  // The end of the own share is told once: a count for each task would send a line to and fro.
  if (work(self)) {
    done_[self].word.store(static_cast<uint64_t>(round) << 32 | static_cast<uint32_t>(own), std::memory_order_release);
  }
  for (int look = 1;; ++look) {
    uint32_t next = next_after(self, round, tasks, own);
    if (next != round) {
      return next;
    }
    relax();
    if (look % looks_before_help == 0) {
      for (int t = 1; t < threads_; ++t) {
        work((self + t) % threads_);
      }
    }
    if (look % looks_before_yield == 0) {
      std::this_thread::yield();
    }
  }
}

} // namespace mtplx::kernels
