#pragma once

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#if defined(_WIN32)
#include <winsock2.h>
#else
#include <poll.h>
#endif

#include <mfa/compiler.hpp>

namespace mfa::detail {

/// What ends when somebody calls `resume`: once, from any thread, during `start` or later.
class Suspension {
 public:
  virtual void start(std::function<void()> resume) = 0;

 protected:
  ~Suspension() = default;
};

/// What a conversation waits for: its socket, or a suspension. The answer is whether the socket is ready,
/// which may be `false` before the time is over.
struct Wait {
  int socket = -1;
  bool to_write = false; ///< rather than to read
  std::chrono::steady_clock::time_point deadline{};
  /// Where who watches the socket may keep what it does that with until the connection ends. Null: the socket
  /// may be another one the next time.
  std::shared_ptr<void>* watch = nullptr;
  Suspension* suspension = nullptr; ///< if there is one: that and no socket
};

/// How far a conversation is.
struct Progress {
  std::coroutine_handle<> current; ///< goes on next
  std::optional<Wait> wait;
  bool ready = false; ///< the answer
};

template <class Result> class Conversation;

struct ConversationPromise {
  struct Return {
    bool await_ready() const noexcept { return false; }
    template <class Promise> void await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      const ConversationPromise& promise = ended.promise();
      if (promise.caller) promise.progress->current = promise.caller;
    }
    void await_resume() const noexcept {}
  };

  class Waiting {
   public:
    Waiting(Progress& progress, const Wait& wait) noexcept : progress_(progress) { progress_.wait = wait; }
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    bool await_resume() const noexcept { return progress_.ready; }

   private:
    Progress& progress_;
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Return final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { failure = std::current_exception(); }

  Waiting await_transform(const Wait& wait) noexcept { return Waiting(*progress, wait); }
  template <class Result> Conversation<Result>&& await_transform(Conversation<Result>&& other) noexcept {
    return std::move(other);
  }

  std::coroutine_handle<> caller; ///< the conversation that awaits this one
  Progress* progress = nullptr;
  std::exception_ptr failure;
};

template <class Result> struct ConversationPromiseOf : ConversationPromise {
  Conversation<Result> get_return_object() noexcept;
  template <class Value> void return_value(Value&& value) { result.emplace(std::forward<Value>(value)); }
  Result take() { return *std::move(result); }

  std::optional<Result> result;
};

template <> struct ConversationPromiseOf<void> : ConversationPromise {
  Conversation<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const noexcept {}
};

/// What is said to a server and heard from it, as a coroutine that does no waiting of its own: it suspends
/// with a `Wait` wherever it cannot go on. So a thread that blocks and an event loop carry on the same one.
/// It begins when another conversation awaits it, or a `Run` carries it on. Destroyed before its end, it says
/// nothing more.
template <class Result> class [[nodiscard]] Conversation {
 public:
  using promise_type = ConversationPromiseOf<Result>;

  explicit Conversation(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}
  Conversation(Conversation&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Conversation& operator=(Conversation&&) = delete;
  ~Conversation() {
    if (coroutine_) coroutine_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  /// Lets the `Run` go on with this one. Not by resuming it from here: where a compiler does not optimise,
  /// the stack would grow with each one that is awaited.
  template <class Promise> void await_suspend(std::coroutine_handle<Promise> caller) noexcept {
    begin(*caller.promise().progress);
    coroutine_.promise().caller = caller;
  }
  Result await_resume() { return take(); }

  void begin(Progress& progress) noexcept {
    coroutine_.promise().progress = &progress;
    progress.current = coroutine_;
  }
  [[nodiscard]] bool done() const noexcept { return coroutine_.done(); }
  Result take() {
    if (coroutine_.promise().failure) std::rethrow_exception(coroutine_.promise().failure);
    return coroutine_.promise().take();
  }

 private:
  std::coroutine_handle<promise_type> coroutine_;
};

template <class Result> Conversation<Result> ConversationPromiseOf<Result>::get_return_object() noexcept {
  return Conversation<Result>(std::coroutine_handle<ConversationPromiseOf>::from_promise(*this));
}

inline Conversation<void> ConversationPromiseOf<void>::get_return_object() noexcept {
  return Conversation<void>(std::coroutine_handle<ConversationPromiseOf>::from_promise(*this));
}

/// A conversation that is carried on by whoever has this.
template <class Result> class Run {
 public:
  explicit Run(Conversation<Result> conversation) noexcept : conversation_(std::move(conversation)) {
    conversation_.begin(progress_);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  /// Goes on, with `ready` in answer to what it waited for. What it waits for next; none: it has ended.
  std::optional<Wait> go_on(bool ready = false) {
    progress_.ready = ready;
    progress_.wait.reset();
    while (!progress_.wait && !conversation_.done()) progress_.current.resume();
    return progress_.wait;
  }

  /// What it returned, or throws what it threw.
  Result take() { return conversation_.take(); }

 private:
  Progress progress_;
  Conversation<Result> conversation_;
};

/// Waits in this thread. Whether the socket is ready; `false` may come before the deadline.
inline bool wait_for_socket(const Wait& wait) {
  using std::chrono::milliseconds;
  const auto left = wait.deadline - std::chrono::steady_clock::now();
  const auto patience = std::clamp<milliseconds>(std::chrono::ceil<milliseconds>(left), milliseconds(0),
                                                 std::chrono::hours(24));
  const auto timeout = static_cast<int>(patience.count());
  // Who wants to write may have to read first, or the other side does not read on.
  const auto events = static_cast<short>(wait.to_write ? POLLIN | POLLOUT : POLLIN);
#if defined(_WIN32)
  WSAPOLLFD waiting{static_cast<SOCKET>(wait.socket), events, 0};
  return WSAPoll(&waiting, 1, timeout) > 0;
#else
  pollfd waiting{wait.socket, events, 0};
  return poll(&waiting, 1, timeout) > 0;
#endif
}

/// Carries on a conversation that has no suspensions, in this thread, to its end.
template <class Result> Result block_on(Conversation<Result> conversation) {
  Run<Result> run(std::move(conversation));
  for (auto wait = run.go_on(); wait;) wait = run.go_on(wait_for_socket(*wait));
  return run.take();
}

} // namespace mfa::detail
