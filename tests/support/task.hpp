#pragma once

#include <atomic>
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace mfa::test {

template <class Result> class Task;

/// What the promises of all tasks have.
struct TaskPromise {
  std::coroutine_handle<> awaiter;
  std::exception_ptr thrown;
  /// Set by the task that ends and by the awaiter that has started it: who comes second goes on with the
  /// awaiter. So a task that ends at once leaves no frame on the stack, whatever the compiler optimises.
  std::atomic<bool> passed = false;

  struct End {
    bool await_ready() const noexcept { return false; }
    template <class Promise> void await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      TaskPromise& promise = ended.promise();
      if (promise.passed.exchange(true)) promise.awaiter.resume();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  End final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { thrown = std::current_exception(); }
};

template <class Result> struct TaskPromiseOf : TaskPromise {
  std::optional<Result> result;

  Task<Result> get_return_object() noexcept;
  template <class Value = Result> void return_value(Value&& value) {
    result.emplace(std::forward<Value>(value));
  }
  Result take() {
    if (thrown) std::rethrow_exception(thrown);
    return *std::move(result);
  }
};

template <> struct TaskPromiseOf<void> : TaskPromise {
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const {
    if (thrown) std::rethrow_exception(thrown);
  }
};

/// A task type as hosts write them: it begins when it is awaited (or by `start`), and goes on in whichever
/// thread ends what it waits for. Its end destroys the coroutine, wherever that is suspended.
template <class Result = void> class [[nodiscard]] Task {
 public:
  using promise_type = TaskPromiseOf<Result>;

  Task() = default;
  explicit Task(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}
  Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    Task ended(std::move(*this));
    coroutine_ = std::exchange(other.coroutine_, nullptr);
    return *this;
  }
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  auto operator co_await() const noexcept { return Awaiter(coroutine_); }

  /// For who is no coroutine: runs it until it first suspends; then, whether it has ended, and what with.
  void start() const { coroutine_.resume(); }
  [[nodiscard]] bool done() const noexcept { return coroutine_.done(); }
  Result result() const { return coroutine_.promise().take(); }
  [[nodiscard]] std::coroutine_handle<> coroutine() const noexcept { return coroutine_; }

 private:
  class Awaiter {
   public:
    explicit Awaiter(std::coroutine_handle<promise_type> task) noexcept : task_(task) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> awaiter) const {
      const auto task = task_; // this may be gone once the task has ended in another thread
      task.promise().awaiter = awaiter;
      task.resume();
      return !task.promise().passed.exchange(true);
    }
    Result await_resume() const { return task_.promise().take(); }

   private:
    std::coroutine_handle<promise_type> task_;
  };

  std::coroutine_handle<promise_type> coroutine_;
};

template <class Result> Task<Result> TaskPromiseOf<Result>::get_return_object() noexcept {
  return Task<Result>(std::coroutine_handle<TaskPromiseOf>::from_promise(*this));
}

inline Task<void> TaskPromiseOf<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromiseOf>::from_promise(*this));
}

} // namespace mfa::test
