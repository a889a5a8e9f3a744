#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/storage/record.hpp>

#include "event_loop.hpp"
#include "task.hpp"

namespace mfa::test {

/// An asynchronous storage as a blocking one: with a loop in a thread of its own, on which the coroutines of
/// all the threads that call it meet. Offers what the storage offers.
template <class Storage> class Blocking {
  struct Parts {
    EventLoop loop;
    std::optional<Storage> storage;
    std::atomic<bool> ended = false;
    std::thread thread;

    ~Parts() {
      ended = true;
      loop.wake();
      if (thread.joinable()) thread.join();
    }
  };

 public:
  static constexpr bool ephemeral = requires { requires Storage::ephemeral; };

  /// `make(loop)` returns the storage, given an `EventLoop::Handle`.
  template <class Make> explicit Blocking(Make make) {
    parts_->storage.emplace(make(parts_->loop.handle()));
    parts_->thread = std::thread([parts = parts_.get()] {
      while (!parts->loop.run_until([parts] { return parts->ended.load(); })) {
      }
    });
  }

  std::optional<storage::FactorRecord> find_factor(std::string_view id) {
    return wait_for<std::optional<storage::FactorRecord>>([&] { return inner().find_factor(id); });
  }
  std::optional<storage::ChallengeRecord> find_challenge(std::string_view id) {
    return wait_for<std::optional<storage::ChallengeRecord>>([&] { return inner().find_challenge(id); });
  }
  std::optional<storage::CounterRecord> find_counter(std::string_view id) {
    return wait_for<std::optional<storage::CounterRecord>>([&] { return inner().find_counter(id); });
  }
  std::optional<storage::ChallengeWithFactor> find_challenge_with_factor(std::string_view id) requires
      requires(Storage& s) {
    s.find_challenge_with_factor(id);
  }
  {
    return wait_for<std::optional<storage::ChallengeWithFactor>>(
        [&] { return inner().find_challenge_with_factor(id); });
  }
  std::vector<storage::FactorRecord> list_factors(std::string_view user_id) {
    return wait_for<std::vector<storage::FactorRecord>>([&] { return inner().list_factors(user_id); });
  }
  std::vector<storage::FactorRecord> list_factors(std::string_view user_id, std::string_view after_id,
                                                  std::size_t limit) requires requires(Storage& s) {
    s.list_factors(user_id, after_id, limit);
  }
  {
    return wait_for<std::vector<storage::FactorRecord>>(
        [&] { return inner().list_factors(user_id, after_id, limit); });
  }
  std::vector<storage::FactorRecord> scan_factors(std::string_view after_id, std::size_t limit) requires
      requires(Storage& s) {
    s.scan_factors(after_id, limit);
  }
  {
    return wait_for<std::vector<storage::FactorRecord>>(
        [&] { return inner().scan_factors(after_id, limit); });
  }
  bool commit(const storage::Batch& batch) {
    return wait_for<bool>([&] { return inner().commit(batch); });
  }
  std::size_t purge(Time now, std::size_t limit) requires requires(Storage& s) { s.purge(now, limit); }
  {
    return wait_for<std::size_t>([&] { return inner().purge(now, limit); });
  }

  /// Of which only the loop's coroutines may use what is not usable from every thread.
  Storage& inner() { return *parts_->storage; }

 private:
  template <class Result, class Call> Result wait_for(Call call) {
    std::promise<Result> promise;
    auto answer = promise.get_future();
    parts_->loop.spawn(tell(promise, call));
    return answer.get();
  }

  /// What it refers to ends when the promise is kept.
  template <class Result, class Call> static Task<> tell(std::promise<Result>& promise, Call& call) {
    std::optional<Result> result;
    std::exception_ptr thrown;
    try {
      result.emplace(co_await call());
    } catch (...) {
      thrown = std::current_exception();
    }
    if (thrown)
      promise.set_exception(thrown);
    else
      promise.set_value(*std::move(result));
  }

  std::unique_ptr<Parts> parts_ = std::make_unique<Parts>();
};

} // namespace mfa::test
