#pragma once

#include <atomic>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

#include "event_loop.hpp"
#include "forwarding_storage.hpp"
#include "task.hpp"

namespace mfa::test {

/// An asynchronous storage as a blocking one: with a loop in a thread of its own, on which the coroutines of
/// all the threads that call it meet. Offers what the storage offers.
template <class Storage> class Blocking : public ForwardingStorage<Blocking<Storage>, Storage> {
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
  /// `make(loop)` returns the storage, given an `EventLoop::Handle`.
  template <class Make> explicit Blocking(Make make) {
    parts_->storage.emplace(make(parts_->loop.handle()));
    parts_->thread = std::thread([parts = parts_.get()] {
      while (!parts->loop.run_until([parts] { return parts->ended.load(); })) {
      }
    });
  }

  /// Makes the call on the loop, and waits for its answer.
  template <class Call> auto around(std::string_view /*function*/, Call call) {
    std::promise<Answer<std::invoke_result_t<Call, Storage&>>> promise;
    auto answer = promise.get_future();
    parts_->loop.spawn(tell(promise, call));
    return answer.get();
  }

  /// Of which only the loop's coroutines may use what is not usable from every thread.
  Storage& inner() { return *parts_->storage; }

 private:
  template <class Asked> using Answer = decltype(std::declval<Asked>().operator co_await().await_resume());

  /// What it refers to ends when the promise is kept.
  template <class Result, class Call> Task<> tell(std::promise<Result>& promise, Call& call) {
    std::optional<Result> result;
    std::exception_ptr thrown;
    try {
      result.emplace(co_await call(inner()));
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
