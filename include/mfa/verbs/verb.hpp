#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
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
  // A union and not an optional, whose some twenty functions would be compiled for each type of a result.
  VerbPromise() noexcept {}
  VerbPromise(const VerbPromise&) = delete;
  VerbPromise& operator=(const VerbPromise&) = delete;
  ~VerbPromise() {
    if (returned_) result_.~Result();
  }

  template <class Value> void return_value(Value&& value) {
    ::new (static_cast<void*>(&result_)) Result(static_cast<Value&&>(value));
    returned_ = true;
  }
  [[nodiscard]] Result take() { return static_cast<Result&&>(result_); }

 private:
  union {
    Result result_;
  };
  bool returned_ = false;
};

template <> class VerbPromise<void> : public VerbState {
 public:
  static void return_void() noexcept {}
  static void take() noexcept {}
};

/// What a verb has whatever its result, so that it is compiled once.
class AnyVerb {
 public:
  AnyVerb(AnyVerb&& other) noexcept : state_(other.state_) { other.state_ = nullptr; }
  AnyVerb& operator=(AnyVerb&&) = delete;

  // --- for a driver

  /// Runs it up to the first request that is not answered at once, or to its end.
  void start() { state_->coroutine.resume(); }
  [[nodiscard]] bool done() const noexcept { return state_->coroutine.done(); }
  /// What it threw, if it did.
  [[nodiscard]] const std::exception_ptr& failure() const noexcept { return state_->failure; }

  // --- for a verb that awaits it

  static constexpr bool await_ready() noexcept { return false; }
  /// Not by symmetric transfer, which grows the stack where a compiler does not optimise: many verbs that are
  /// awaited one after the other, each answered at once, need no more of it than one.
  template <class Promise> bool await_suspend(std::coroutine_handle<Promise> caller) {
    return start_for(caller.promise());
  }

 protected:
  explicit AnyVerb(VerbState& state) noexcept : state_(&state) {}
  ~AnyVerb() {
    if (state_ != nullptr) state_->coroutine.destroy();
  }

  [[nodiscard]] VerbState& state() const {
    if (failure()) std::rethrow_exception(failure());
    return *state_;
  }

 private:
  bool start_for(VerbState& caller) {
    state_->caller = &caller;
    start();
    return !done();
  }

  VerbState* state_; ///< null: moved from
};

/// A verb: code that reads from top to bottom and does no input or output. It is a coroutine that asks for
/// what it needs of the world (`Request`), and goes on when the answer is there: at once if the driver has
/// it, as a blocking one does, or when the driver resumes it. It begins when it is awaited by another verb
/// or run by a driver. Destroyed before its end, it asks for nothing more.
template <class Result> class [[nodiscard]] Verb : public AnyVerb {
 public:
  class promise_type : public VerbPromise<Result> {
   public:
    Verb get_return_object() {
      this->coroutine = std::coroutine_handle<promise_type>::from_promise(*this);
      return Verb(*this);
    }
  };

  /// What it returned; or throws what it threw.
  Result take() { return static_cast<promise_type&>(state()).take(); }
  Result await_resume() { return take(); }

 private:
  using AnyVerb::AnyVerb;
};

} // namespace mfa::verbs
