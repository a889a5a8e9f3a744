#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <optional>
#include <utility>

#include <mfa/compiler.hpp>

namespace mfa::verbs {

/// The memory of verbs' coroutines. Each thread keeps the four largest that were given back, so that most
/// verbs, and the verbs that they await, allocate none.
class Frames {
 public:
  static void* allocate(std::size_t size) {
    for (void*& frame : of_thread().frames)
      if (size_of(frame) >= size) return std::exchange(frame, nullptr);
    // Its size stands in front of it, so that what is kept is known to be large enough.
    auto* const block = static_cast<std::byte*>(::operator new(header + size));
    new (block) std::size_t(size);
    return block + header;
  }

  static void release(void* frame) noexcept {
    Kept& kept = of_thread();
    if (!kept.closed && size_of(frame) <= largest) {
      void** smallest = kept.frames.data();
      for (void*& other : kept.frames)
        if (size_of(other) < size_of(*smallest)) smallest = &other;
      if (size_of(frame) > size_of(*smallest)) std::swap(*smallest, frame);
    }
    free(frame);
  }

 private:
  static constexpr std::size_t header = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
  static constexpr std::size_t largest = 16'384; ///< bytes of one that a thread keeps

  struct Kept {
    std::array<void*, 4> frames{};
    bool closed = false; ///< the thread ends
    ~Kept() {
      for (void*& frame : frames) free(std::exchange(frame, nullptr));
      closed = true;
    }
  };

  static Kept& of_thread() noexcept {
    thread_local Kept kept;
    return kept;
  }

  /// 0 of none.
  static std::size_t size_of(void* frame) noexcept {
    if (frame == nullptr) return 0;
    return *std::launder(reinterpret_cast<std::size_t*>(static_cast<std::byte*>(frame) - header));
  }

  static void free(void* frame) noexcept {
    if (frame != nullptr) ::operator delete(static_cast<std::byte*>(frame) - header);
  }
};

class Driver;

/// What is known of a verb that runs, whatever its result.
class VerbState {
 public:
  static void* operator new(std::size_t size) { return Frames::allocate(size); }
  static void operator delete(void* frame) noexcept { Frames::release(frame); }

  static std::suspend_always initial_suspend() noexcept { return {}; }
  static std::suspend_always final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { failure = std::current_exception(); }

  std::coroutine_handle<> coroutine; ///< this verb's own
  VerbState* caller = nullptr;       ///< the verb that awaits this one
  std::exception_ptr failure;
};

template <class Result> class VerbPromise : public VerbState {
 public:
  template <class Value> void return_value(Value&& value) { result_.emplace(std::forward<Value>(value)); }
  [[nodiscard]] Result take() { return *std::move(result_); }

 private:
  std::optional<Result> result_;
};

template <> class VerbPromise<void> : public VerbState {
 public:
  static void return_void() noexcept {}
  static void take() noexcept {}
};

/// A verb: code that reads from top to bottom and does no input or output. It is a coroutine that asks for
/// what it needs of the world (`Request`), and goes on when the answer is there: at once if the driver has
/// it, as a blocking one does, or when the driver resumes it. It begins when it is awaited by another verb
/// or run by a driver. Destroyed before its end, it asks for nothing more.
template <class Result> class [[nodiscard]] Verb {
 public:
  class promise_type : public VerbPromise<Result> {
   public:
    Verb get_return_object() {
      const auto made = std::coroutine_handle<promise_type>::from_promise(*this);
      this->coroutine = made;
      return Verb(made);
    }
  };

  Verb(Verb&& other) noexcept : coroutine_(std::exchange(other.coroutine_, {})) {}
  Verb& operator=(Verb&&) = delete;
  ~Verb() {
    if (coroutine_) coroutine_.destroy();
  }

  // --- for a driver

  /// Runs it up to the first request that is not answered at once, or to its end.
  void start() { coroutine_.resume(); }
  [[nodiscard]] bool done() const noexcept { return coroutine_.done(); }
  /// What it threw, if it did.
  [[nodiscard]] const std::exception_ptr& failure() const noexcept { return coroutine_.promise().failure; }
  /// What it returned; or throws what it threw.
  Result take() {
    if (failure()) std::rethrow_exception(failure());
    return coroutine_.promise().take();
  }

  // --- for a verb that awaits it

  static constexpr bool await_ready() noexcept { return false; }
  /// Not by symmetric transfer, which grows the stack where a compiler does not optimise: many verbs that are
  /// awaited one after the other, each answered at once, need no more of it than one.
  template <class Promise> bool await_suspend(std::coroutine_handle<Promise> caller) {
    coroutine_.promise().caller = &caller.promise();
    start();
    return !done();
  }
  Result await_resume() { return take(); }

 private:
  explicit Verb(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}

  std::coroutine_handle<promise_type> coroutine_; ///< null: moved from
};

} // namespace mfa::verbs
