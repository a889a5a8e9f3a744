#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <system_error>
#include <utility>

#if !defined(_WIN32)
#include <fcntl.h>
#include <unistd.h>
#endif

#include <mfa/async/loop.hpp>
#include <mfa/cancellation.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/conversation.hpp>
#include <mfa/storage/process.hpp>

namespace mfa::async::detail {

/// A connection's socket under a loop's watch. By a descriptor of its own: a client library closes the other
/// as soon as the connection is lost, and the number may be another file's before the watch ends.
template <class L> class Watch {
 public:
  Watch(const L& loop, int socket) : descriptor_(socket), socket_(loop.socket(descriptor_.get())) {}

  auto& socket() noexcept { return socket_; }

 private:
  class Descriptor {
   public:
#if defined(_WIN32)
    explicit Descriptor(int socket) noexcept : value_(socket) {}
#else
    explicit Descriptor(int socket) : value_(::fcntl(socket, F_DUPFD_CLOEXEC, 0)) {
      if (value_ < 0)
        throw Error(errc::storage_failure,
                    "cannot watch a connection: " + std::generic_category().message(errno) +
                        ". Let the process have two descriptors for each connection.");
    }
    ~Descriptor() { ::close(value_); }
#endif
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    [[nodiscard]] int get() const noexcept { return value_; }

   private:
    int value_;
  };

  Descriptor descriptor_;
  decltype(std::declval<const L&>().socket(0)) socket_; // ends first
};

/// A `Watch` of a socket. If it cannot be watched, a state that may have said something by then says itself
/// what that comes to: `state.throw_not_watched(why)`.
template <class Watch, class State> std::shared_ptr<void> watch_by(State& state, int socket) {
  try {
    return std::shared_ptr<Watch>(new Watch(state.loop, socket), mfa::detail::DeleteAtHome());
  } catch (const std::exception& why) {
    if constexpr (requires { state.throw_not_watched(why); }) state.throw_not_watched(why);
    throw;
  }
}

/// The same of a wait that began and was ended by `thrown`, unless that is a cancellation.
template <class Task, class State>
[[noreturn]] void throw_not_waited(State& state, const std::exception_ptr& thrown) {
  rethrow_cancellation<Task>(thrown);
  if constexpr (requires(const std::exception& why) { state.throw_not_watched(why); }) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& why) {
      state.throw_not_watched(why);
    }
  }
  std::rethrow_exception(thrown);
}

/// Carries on a conversation in a coroutine of the host's, which waits on `state->loop`. Now and then, while
/// it waits for a socket, it calls `state->tell_late()`. Destroyed or ended by an exception wherever it
/// waits, it destroys the conversation, and then lets go of the state.
template <template <class> class Task, class State, class Result>
Task<Result> carry_on(std::shared_ptr<State> given_state, mfa::detail::Conversation<Result> conversation) {
  using namespace std::chrono;
  using Watch = detail::Watch<decltype(given_state->loop)>;
  constexpr milliseconds longest_wait = seconds(1);

  const auto state = std::move(given_state);
  mfa::detail::Run<Result> run(std::move(conversation));
  for (auto wait = run.go_on(); wait;) {
    if (wait->suspension != nullptr) {
      mfa::detail::Suspension* const suspension = wait->suspension;
      const auto start = [suspension](auto resume) { suspension->start(std::move(resume)); };
      co_await state->loop.suspend(start);
      wait = run.go_on();
      continue;
    }
    std::shared_ptr<void> own;
    std::shared_ptr<void>& watch = wait->watch == nullptr ? own : *wait->watch;
    if (!watch) watch = watch_by<Watch>(*state, wait->socket);
    auto& socket = static_cast<Watch*>(watch.get())->socket();
    auto at_most = clamp<milliseconds>(ceil<milliseconds>(wait->deadline - steady_clock::now()),
                                       milliseconds(0), longest_wait);
    // The other side may have to be read before it reads on.
    if (wait->to_write && wait->watch != nullptr) at_most = std::min(at_most, milliseconds(100));
    bool ready = false;
    std::exception_ptr thrown;
    try {
      if (wait->to_write)
        ready = co_await socket.writable(at_most);
      else
        ready = co_await socket.readable(at_most);
    } catch (const std::exception&) {
      thrown = std::current_exception();
    }
    if (thrown) throw_not_waited<Task<Result>>(*state, thrown);
    own.reset(); // before the library closes it
    state->tell_late();
    wait = run.go_on(ready);
  }
  co_return run.take();
}

} // namespace mfa::async::detail
