#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/async/worker_threads.hpp>
#include <mfa/error.hpp>
#include <mfa/policy.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/storage/process.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::async {

struct ThreadsOptions {
  /// That make the storage's calls, 1 to 1000. Give a storage with connections as many of them.
  std::size_t threads = 16;
  /// Calls at most that wait for a thread, suspended; further ones are refused. 0: none waits.
  std::size_t max_waiting = 10'000;
};

/// A blocking storage for coroutines: each call is made in one of a few threads, and the coroutine goes on
/// where its loop says. Offers what the storage offers; what that throws comes through as it was thrown. Of a
/// `Loop` (see async/loop.hpp), `suspend` is all that it needs.
///
/// A coroutine that is destroyed while its call waits for a thread takes the call back. While a thread makes
/// the call it goes on to its end, with nobody to hear of it: a commit may have happened.
///
/// Usable from every thread, and refused in a forked process (`errc::storage_failure`). Must outlive whatever
/// coroutine has still to call it; those that are suspended in it may be destroyed later. Its end waits for
/// all calls that were begun or wait, which takes as long as the storage does: call `stop` before.
template <template <class> class Task, class StoragePolicy, std::copy_constructible LoopPolicy>
class Threads {
  static_assert(mfa::Storage<StoragePolicy>, "mfa: async::Threads needs a blocking storage");

 public:
  static constexpr bool ephemeral = storage::Ephemeral<StoragePolicy>;

  /// A storage given as an lvalue is borrowed, and may be used by other threads at the same time; a temporary
  /// is owned. Throws `errc::invalid_argument`, or std::system_error if there are no more threads to be had.
  Threads(Policy<StoragePolicy> storage, LoopPolicy loop, ThreadsOptions options = ThreadsOptions())
      : storage_(std::move(storage)), loop_(std::move(loop)),
        threads_(mfa::detail::make_at_home<detail::WorkerThreads>(checked(options).threads,
                                                                  options.max_waiting)) {}

  /// Not while a coroutine waits for it.
  Threads(Threads&&) noexcept = default;
  Threads& operator=(Threads&&) = delete;

  Task<std::optional<storage::FactorRecord>> find_factor(std::string_view id) {
    return call([id = std::string(id)](StoragePolicy& storage) { return storage.find_factor(id); });
  }

  Task<std::optional<storage::ChallengeRecord>> find_challenge(std::string_view id) {
    return call([id = std::string(id)](StoragePolicy& storage) { return storage.find_challenge(id); });
  }

  Task<std::optional<storage::CounterRecord>> find_counter(std::string_view id) {
    return call([id = std::string(id)](StoragePolicy& storage) { return storage.find_counter(id); });
  }

  Task<std::optional<storage::ChallengeWithFactor>>
  find_challenge_with_factor(std::string_view id) requires storage::FindsChallengeWithFactor<StoragePolicy> {
    return call(
        [id = std::string(id)](StoragePolicy& storage) { return storage.find_challenge_with_factor(id); });
  }

  Task<std::vector<storage::FactorRecord>> list_factors(std::string_view user_id) {
    return call(
        [user_id = std::string(user_id)](StoragePolicy& storage) { return storage.list_factors(user_id); });
  }

  Task<std::vector<storage::FactorRecord>>
  list_factors(std::string_view user_id, std::string_view after_id,
               std::size_t limit) requires storage::PagesFactors<StoragePolicy> {
    return call([user_id = std::string(user_id), after_id = std::string(after_id),
                 limit](StoragePolicy& storage) { return storage.list_factors(user_id, after_id, limit); });
  }

  Task<std::vector<storage::FactorRecord>>
  scan_factors(std::string_view after_id, std::size_t limit) requires storage::ScansFactors<StoragePolicy> {
    return call([after_id = std::string(after_id), limit](StoragePolicy& storage) {
      return storage.scan_factors(after_id, limit);
    });
  }

  /// A batch that is moved in is not copied.
  Task<bool> commit(storage::Batch batch) {
    return call([batch = std::move(batch)](StoragePolicy& storage) mutable {
      return storage.commit(std::move(batch));
    });
  }

  Task<std::size_t> purge(Time now, std::size_t limit) requires storage::Purges<StoragePolicy> {
    return call([now, limit](StoragePolicy& storage) { return storage.purge(now, limit); });
  }

  /// Refuses calls from now on (`errc::storage_unavailable`), lets those that were begun or wait for a thread
  /// end for up to this long, and then refuses those that still wait. Returns whether all have ended. It
  /// blocks its thread, so call it when the loop has nothing else to do.
  bool stop(std::chrono::milliseconds at_most) { return threads_->queue()->stop(at_most); }

 private:
  /// Takes back a call that no thread has begun, when the coroutine that waits for it is destroyed.
  class TakenBack {
   public:
    TakenBack(std::shared_ptr<detail::WorkQueue> queue, detail::Work& work)
        : queue_(std::move(queue)), work_(work) {}
    TakenBack(const TakenBack&) = delete;
    TakenBack& operator=(const TakenBack&) = delete;
    ~TakenBack() { queue_->withdraw(work_); }

   private:
    std::shared_ptr<detail::WorkQueue> queue_;
    detail::Work& work_;
  };

  static const ThreadsOptions& checked(const ThreadsOptions& options) {
    if (options.threads < 1 || options.threads > 1000)
      throw Error(errc::invalid_argument, "ThreadsOptions::threads is " + std::to_string(options.threads) +
                                              ": give 1 to 1000, as many as the storage has connections");
    return options;
  }

  /// The function has copies of its arguments, which it may need when the coroutine is gone.
  template <class Function> auto call(Function function) {
    auto bound = [function = std::move(function), storage = std::addressof(*storage_)]() mutable {
      return function(*storage);
    };
    return wait_for(std::make_shared<detail::CallOf<decltype(bound)>>(std::move(bound)));
  }

  template <class Call>
  Task<typename detail::CallOf<Call>::Result> wait_for(std::shared_ptr<detail::CallOf<Call>> work) {
    const TakenBack at_end(threads_->queue(), *work);
    const auto start = [queue = threads_->queue().get(), work](auto resume) {
      queue->add(work, std::move(resume));
    };
    co_await loop_.suspend(start);
    co_return work->take();
  }

  Policy<StoragePolicy> storage_;
  LoopPolicy loop_;
  mfa::detail::OwnedAtHome<detail::WorkerThreads> threads_; // ends before the storage
};

} // namespace mfa::async
