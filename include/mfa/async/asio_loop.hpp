#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>

#include <poll.h>

#include <mfa/async/loop.hpp>
#include <mfa/cancellation.hpp>

namespace mfa::async {

namespace detail {

/// Asio's own category of errors makes no `std::errc` of `operation_aborted`.
template <class Asio> struct AsioCancellation {
  [[nodiscard]] static bool is(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const typename Asio::SystemError& error) {
      if (error.code() == Asio::aborted) return true;
    } catch (...) { // as any other's
    }
    return Cancellation<void>::is(thrown);
  }
};

} // namespace detail

/// Asio's event loop for asynchronous storages, on any of its executors: a model of `Loop`, with `Task` for
/// the host's task type. `Asio` names what is used of standalone Asio or of Boost.Asio: see `AsioLoop` and
/// `BoostAsioLoop`.
///
/// A coroutine goes on where it was spawned, whatever executor the loop has. One io_context may be run by
/// many threads, without a strand.
///
/// When a coroutine is cancelled by its cancellation slot (Asio 1.19, Boost 1.77 or later), the await throws
/// `operation_aborted`. An io_context that was stopped can go on after a restart. Its end destroys the
/// coroutines that wait.
template <class Asio> class BasicAsioLoop {
  using Executor = typename Asio::Executor;
  using Timer = typename Asio::Timer;
  using Descriptor = typename Asio::Descriptor;
  using ErrorCode = typename Asio::ErrorCode;
  using WaitType = typename Descriptor::wait_type;

 public:
  template <class Result> using Task = typename Asio::template Awaitable<Result>;

  BasicAsioLoop(Executor executor) : executor_(std::move(executor)), gate_(gate_of(executor_)) {}

  /// An io_context or a thread_pool, say.
  template <class Context>
    requires requires(Context& context) { Executor(context.get_executor()); }
  BasicAsioLoop(Context& context) : BasicAsioLoop(Executor(context.get_executor())) {}

  template <class Start> [[nodiscard]] Task<void> suspend(Start start) const {
    return suspended(executor_, gate_, std::move(start));
  }

  class Socket;
  [[nodiscard]] Socket socket(int descriptor) const { return Socket(executor_, descriptor); }

  /// With `sleep`, the timer of a `delivery::Retry` over transports that are awaited.
  [[nodiscard]] std::chrono::steady_clock::time_point now() const noexcept {
    return std::chrono::steady_clock::now();
  }
  [[nodiscard]] Task<void> sleep(std::chrono::milliseconds time) const { return slept(executor_, time); }

 private:
  /// Closes when the context ends, so that other threads leave it alone from then on.
  struct Gate {
    std::mutex mutex;
    bool open = true;
  };

  class EndOfContext : public Asio::Context::service {
   public:
    static inline typename Asio::Context::id id;

    explicit EndOfContext(typename Asio::Context& context) : Asio::Context::service(context) {}

    const std::shared_ptr<Gate> gate = std::make_shared<Gate>();

   private:
    void shutdown() override {
      const std::lock_guard lock(gate->mutex);
      gate->open = false;
    }
  };

  static std::shared_ptr<Gate> gate_of(const Executor& executor) {
    const Timer timer(
        executor); // services end in turn, the last one first: that of timers is to be after ours
    return use_service<EndOfContext>(Asio::context_of(executor)).gate;
  }

  /// What a suspended coroutine waits for: a timer without end, which `resume` cancels.
  class Suspension {
   public:
    explicit Suspension(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {}

    void resume() noexcept {
      const std::lock_guard lock(gate_->mutex);
      resumed_ = true;
      if (timer_ != nullptr && gate_->open) timer_->cancel();
    }

    /// `handler` is called once `resume` was, or soon if `at_once`.
    template <class Handler> void wait(Timer& timer, Handler handler, bool at_once) {
      const std::lock_guard lock(gate_->mutex);
      timer.expires_at(resumed_ || at_once ? Timer::time_point::min() : Timer::time_point::max());
      timer_ = &timer;
      timer.async_wait(std::move(handler));
    }

    /// Returns whether `resume` was called.
    bool end() {
      const std::lock_guard lock(gate_->mutex);
      timer_ = nullptr;
      return resumed_;
    }

   private:
    const std::shared_ptr<Gate> gate_;
    Timer* timer_ = nullptr;
    bool resumed_ = false;
  };

  template <class Ending> struct AtEnd {
    explicit AtEnd(Ending& ends) noexcept : ending(ends) {}
    AtEnd(const AtEnd&) = delete;
    AtEnd& operator=(const AtEnd&) = delete;
    ~AtEnd() { ending.end(); }

    Ending& ending;
  };

  /// Awaits an operation that is begun by `initiate(handler)`, which must not throw. It may be in another
  /// thread that the coroutine goes on, as soon as the handler was handed on.
  template <class Initiate> static Task<void> operation(Initiate& initiate, ErrorCode& error) {
    auto token = redirect_error(typename Asio::UseAwaitable(), error);
    return async_initiate<decltype(token), void(ErrorCode)>(
        [&initiate](auto&& handler) { initiate(std::forward<decltype(handler)>(handler)); }, token);
  }

  template <class Start>
  static Task<void> suspended(Executor executor, std::shared_ptr<Gate> gate, Start start) {
    const auto suspension = std::make_shared<Suspension>(std::move(gate));
    Timer timer(executor);
    const AtEnd<Suspension> at_end(*suspension); // before the timer ends
    std::exception_ptr thrown;
    auto initiate = [&](auto handler) {
      const auto kept = suspension;
      try {
        start([kept]() noexcept { kept->resume(); });
      } catch (...) {
        thrown = std::current_exception();
      }
      kept->wait(timer, std::move(handler), thrown != nullptr);
    };
    ErrorCode ignored;
    co_await operation(initiate, ignored);
    if (thrown) std::rethrow_exception(thrown);
    if (!suspension->end()) throw typename Asio::SystemError(Asio::aborted);
  }

  static Task<void> slept(Executor executor, std::chrono::milliseconds time) {
    Timer timer(executor, time);
    ErrorCode error;
    co_await timer.async_wait(redirect_error(typename Asio::UseAwaitable(), error));
    if (error) throw typename Asio::SystemError(error);
  }

  Executor executor_;
  std::shared_ptr<Gate> gate_;
};

/// A socket that somebody else owns, and closes after this has ended.
template <class Asio> class BasicAsioLoop<Asio>::Socket {
 public:
  Socket(const Executor& executor, int descriptor) : watch_(std::make_shared<Watch>(executor, descriptor)) {}
  Socket(Socket&&) noexcept = default;
  Socket& operator=(Socket&& other) noexcept {
    std::swap(watch_, other.watch_);
    return *this;
  }
  ~Socket() {
    if (watch_) watch_->end();
  }

  [[nodiscard]] Task<bool> readable(std::chrono::milliseconds at_most) {
    return ready(watch_, Descriptor::wait_read, at_most);
  }
  [[nodiscard]] Task<bool> writable(std::chrono::milliseconds at_most) {
    return ready(watch_, Descriptor::wait_write, at_most);
  }

 private:
  /// The descriptor and who waits for it. As it can be cancelled for reading and writing only together, each
  /// wait that was cancelled finds out whether it was meant.
  class Watch : public std::enable_shared_from_this<Watch> {
   public:
    Watch(const Executor& executor, int descriptor) : descriptor_(executor, descriptor) {}

    void end() noexcept {
      const std::lock_guard lock(mutex_);
      descriptor_.release();
    }

    Executor executor() { return descriptor_.get_executor(); }

    bool is_ready_now(WaitType type) {
      const std::lock_guard lock(mutex_);
      pollfd polled{descriptor_.native_handle(),
                    static_cast<short>(type == Descriptor::wait_read ? POLLIN : POLLOUT), 0};
      return ::poll(&polled, 1, 0) > 0;
    }

    /// The timer is begun too if it is given; it is not used any more after `end_wait`.
    template <class Handler> void wait(WaitType type, Timer* timer, Handler handler) {
      const std::lock_guard lock(mutex_);
      Wait& wait = wait_of(type);
      wait.cancellations = cancellations_;
      descriptor_.async_wait(type, std::move(handler));
      if (timer != nullptr)
        timer->async_wait(
            [self = this->shared_from_this(), type, number = wait.number](const ErrorCode& error) {
              if (!error) self->time_out(type, number);
            });
    }

    void end_wait(WaitType type) {
      const std::lock_guard lock(mutex_);
      Wait& wait = wait_of(type);
      ++wait.number;
      wait.timed_out = false;
    }

    bool timed_out(WaitType type) {
      const std::lock_guard lock(mutex_);
      return wait_of(type).timed_out;
    }

    /// Whether it was another wait that was to be cancelled.
    bool cancelled_by_other(WaitType type) {
      const std::lock_guard lock(mutex_);
      return wait_of(type).cancellations != cancellations_;
    }

   private:
    struct Wait {
      std::uint64_t number = 0;
      std::uint64_t cancellations = 0; ///< before it began
      bool timed_out = false;
    };

    Wait& wait_of(WaitType type) { return waits_.at(type == Descriptor::wait_read ? 0 : 1); }

    void time_out(WaitType type, std::uint64_t number) {
      const std::lock_guard lock(mutex_);
      Wait& wait = wait_of(type);
      if (wait.number != number) return;
      wait.timed_out = true;
      ++cancellations_;
      descriptor_.cancel();
    }

    std::mutex mutex_;
    Descriptor descriptor_;
    std::array<Wait, 2> waits_;
    std::uint64_t cancellations_ = 0;
  };

  struct EndOfWait {
    Watch& watch;
    WaitType type;

    void end() { watch.end_wait(type); }
  };

  static Task<bool> ready(std::shared_ptr<Watch> watch, WaitType type, std::chrono::milliseconds at_most) {
    if (at_most.count() <= 0) co_return watch->is_ready_now(type);
    Timer timer(watch->executor(),
                std::min<std::chrono::milliseconds>(at_most, std::chrono::hours(24 * 365)));
    EndOfWait end_of_wait{*watch, type};
    const AtEnd<EndOfWait> at_end(end_of_wait); // before the timer ends
    for (Timer* timeout = &timer;; timeout = nullptr) {
      auto initiate = [&](auto handler) {
        const auto kept = watch;
        kept->wait(type, timeout, std::move(handler));
      };
      ErrorCode error;
      co_await BasicAsioLoop::operation(initiate, error);
      if (!error) co_return true;
      if (watch->timed_out(type)) co_return false;
      if (error != Asio::aborted || !watch->cancelled_by_other(type)) throw typename Asio::SystemError(error);
    }
  }

  std::shared_ptr<Watch> watch_;
};

} // namespace mfa::async
