#pragma once

#include <coroutine>
#include <cstddef>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>

#include <mfa/storage/memory.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>

#include "task.hpp"

namespace mfa::test {

/// A storage in memory each of whose functions suspends its caller until the test goes on: before it does
/// anything, and once more before its caller learns the answer.
class AwaitedMemory {
 public:
  static constexpr bool ephemeral = true;

  storage::Memory memory;

  /// How often a caller was suspended.
  [[nodiscard]] std::size_t suspensions() const noexcept { return suspensions_; }

  /// Goes on with whoever waits longest; false if nobody does.
  bool step() {
    if (waiting_.empty()) return false;
    const auto waiting = waiting_.front();
    waiting_.pop_front();
    waiting.resume();
    return true;
  }

  /// What was destroyed waits no longer.
  void forget_all() { waiting_.clear(); }

  Task<std::optional<storage::FactorRecord>> find_factor(std::string_view id) {
    return answer([this, id] { return memory.find_factor(id); });
  }
  Task<std::optional<storage::ChallengeRecord>> find_challenge(std::string_view id) {
    return answer([this, id] { return memory.find_challenge(id); });
  }
  Task<std::optional<storage::CounterRecord>> find_counter(std::string_view id) {
    return answer([this, id] { return memory.find_counter(id); });
  }
  Task<std::optional<storage::ChallengeWithFactor>> find_challenge_with_factor(std::string_view id) {
    return answer([this, id] { return memory.find_challenge_with_factor(id); });
  }
  Task<std::vector<storage::FactorRecord>> list_factors(std::string_view user_id) {
    return answer([this, user_id] { return memory.list_factors(user_id); });
  }
  Task<std::vector<storage::FactorRecord>> list_factors(std::string_view user_id, std::string_view after_id,
                                                        std::size_t limit) {
    return answer([this, user_id, after_id, limit] { return memory.list_factors(user_id, after_id, limit); });
  }
  Task<std::vector<storage::FactorRecord>> scan_factors(std::string_view after_id, std::size_t limit) {
    return answer([this, after_id, limit] { return memory.scan_factors(after_id, limit); });
  }
  Task<std::size_t> purge(Time now, std::size_t limit) {
    return answer([this, now, limit] { return memory.purge(now, limit); });
  }
  Task<bool> commit(const storage::Batch& batch) {
    return answer([this, &batch] { return memory.commit(batch); });
  }

 private:
  struct Turn {
    AwaitedMemory& storage;
    static bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) const {
      ++storage.suspensions_;
      storage.waiting_.push_back(waiting);
    }
    static void await_resume() noexcept {}
  };

  template <class Work> Task<decltype(std::declval<Work>()())> answer(Work work) {
    Turn before{*this};
    co_await before;
    auto answered = work();
    Turn after{*this};
    co_await after;
    co_return answered;
  }

  std::deque<std::coroutine_handle<>> waiting_;
  std::size_t suspensions_ = 0;
};

} // namespace mfa::test
