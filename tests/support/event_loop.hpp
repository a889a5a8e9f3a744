#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loopback.hpp"
#include "task.hpp"

namespace mfa::test {

/// A host's event loop on epoll, in the thread that runs it, where its coroutines must be destroyed too. Its
/// end destroys the tasks that it has spawned.
class EventLoop {
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds longest_turn = std::chrono::hours(1);
  static constexpr std::chrono::milliseconds longest_wait = std::chrono::hours(24 * 365);

  /// A coroutine that waits for a time, and perhaps for a socket.
  struct Wait {
    std::coroutine_handle<> coroutine;
    std::multimap<Clock::time_point, Wait*>::iterator timer;
    Wait** in_watch = nullptr;
    bool registered = false;
    bool ready = false;
  };

  struct Watch {
    int descriptor = -1;
    std::array<Wait*, 2> waits{}; ///< for reading and for writing
    std::uint32_t events = 0;     ///< that epoll was asked for
  };

  /// A coroutine that somebody resumes; null once it is destroyed, or goes on.
  struct Ticket {
    std::coroutine_handle<> coroutine;
    bool called = false;          ///< with the mutex of the loop held
    std::shared_ptr<Ticket> next; ///< in the list of those that were called
  };

  struct State {
    const Descriptor epoll{::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"};
    const Descriptor called_event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"};
    std::multimap<Clock::time_point, Wait*> timers;
    std::unordered_map<std::uint64_t, Watch> watches;
    std::uint64_t last_watch = 0;

    std::mutex mutex; ///< for what follows, which other threads use
    std::shared_ptr<Ticket> first_called;
    Ticket* last_called = nullptr;
    std::list<Task<>> spawned;
    std::vector<std::list<Task<>>::iterator> ended;
    std::exception_ptr thrown; ///< by a spawned task

    State() {
      epoll_event event{.events = EPOLLIN, .data = {.u64 = 0}};
      control(EPOLL_CTL_ADD, called_event.get(), event);
    }

    ~State() {
      while (first_called) first_called = std::move(first_called->next); // not one within the other
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void control(int operation, int descriptor, epoll_event event) {
      if (::epoll_ctl(epoll.get(), operation, descriptor, &event) != 0)
        throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }

    /// Usable from any thread.
    void call(const std::shared_ptr<Ticket>& ticket) noexcept {
      const std::lock_guard lock(mutex);
      if (std::exchange(ticket->called, true)) return;
      const bool first = first_called == nullptr;
      (first ? first_called : last_called->next) = ticket;
      last_called = ticket.get();
      if (first) wake();
    }

    void wake() const noexcept { (void)::eventfd_write(called_event.get(), 1); }

    void add_timer(Wait& wait, std::chrono::milliseconds at_most) {
      wait.timer = timers.emplace(Clock::now() + std::min(at_most, longest_wait), &wait);
      wait.registered = true;
    }

    void watch(std::uint64_t id, std::size_t direction, Wait& wait) {
      Watch& watch = watches.at(id);
      const std::uint32_t wanted = direction == 0 ? EPOLLIN : EPOLLOUT;
      if ((watch.events & wanted) == 0) ask(id, watch, watch.events | wanted);
      wait.in_watch = &watch.waits.at(direction);
      *wait.in_watch = &wait;
    }

    /// Has epoll watch for these alone; for none it would still tell of a broken connection, again and again.
    void ask(std::uint64_t id, Watch& watch, std::uint32_t events) {
      const int operation = watch.events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
      control(operation, watch.descriptor, {.events = events, .data = {.u64 = id}});
      watch.events = events;
    }

    void forget(Wait& wait) noexcept {
      if (!std::exchange(wait.registered, false)) return;
      timers.erase(wait.timer);
      if (wait.in_watch != nullptr) *wait.in_watch = nullptr;
    }

    void go_on(Wait& wait, bool ready) {
      forget(wait);
      wait.ready = ready;
      wait.coroutine.resume();
    }

    void tell(std::uint64_t id, std::uint32_t events) {
      const std::uint32_t broken = events & (EPOLLERR | EPOLLHUP);
      for (const std::size_t direction : {std::size_t{0}, std::size_t{1}}) {
        const auto found = watches.find(id); // again, as a coroutine that went on may have ended the watch
        if (found == watches.end()) return;
        const std::uint32_t wanted = direction == 0 ? EPOLLIN : EPOLLOUT;
        if ((events & (wanted | broken)) == 0) continue;
        if (Wait* const wait = found->second.waits.at(direction); wait != nullptr)
          go_on(*wait, true);
        else if ((found->second.events & wanted) != 0)
          ask(id, found->second, found->second.events & ~wanted);
      }
    }

    void turn(std::chrono::milliseconds at_most) {
      std::array<epoll_event, 256> events;
      const int count =
          ::epoll_wait(epoll.get(), events.data(), events.size(), static_cast<int>(patience(at_most)));
      if (count < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "epoll_wait");
      for (int i = 0; i < count; ++i) {
        const epoll_event event = events.at(static_cast<std::size_t>(i));
        if (event.data.u64 != 0) {
          tell(event.data.u64, event.events);
        } else {
          eventfd_t ignored = 0;
          (void)::eventfd_read(called_event.get(), &ignored);
        }
      }
      const auto now = Clock::now();
      while (!timers.empty() && timers.begin()->first <= now) go_on(*timers.begin()->second, false);
      resume_called();
      end_spawned();
    }

    /// Milliseconds, rounded up, so that a timer is due when epoll_wait returns.
    std::int64_t patience(std::chrono::milliseconds at_most) const {
      if (timers.empty()) return at_most.count();
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(timers.begin()->first - Clock::now()).count();
      return std::clamp<std::int64_t>(left, 0, at_most.count());
    }

    void resume_called() {
      std::shared_ptr<Ticket> called;
      {
        const std::lock_guard lock(mutex);
        called = std::move(first_called);
        first_called = nullptr;
      }
      while (called) {
        if (const auto coroutine = std::exchange(called->coroutine, nullptr)) coroutine.resume();
        called = std::move(called->next);
      }
    }

    void end_spawned() {
      std::list<Task<>> gone;
      std::exception_ptr error;
      {
        const std::lock_guard lock(mutex);
        for (const auto task : ended) gone.splice(gone.end(), spawned, task);
        ended.clear();
        error = std::exchange(thrown, nullptr);
      }
      gone.clear();
      if (error) std::rethrow_exception(error);
    }

    Task<> run_spawned(Task<> task, std::shared_ptr<std::list<Task<>>::iterator> self) {
      std::exception_ptr error;
      try {
        co_await task;
      } catch (...) {
        error = std::current_exception();
      }
      const std::lock_guard lock(mutex);
      if (!thrown) thrown = error;
      ended.push_back(*self);
    }
  };

  class SocketWait : Wait {
   public:
    SocketWait(State& state, std::uint64_t watch, std::size_t direction, std::chrono::milliseconds at_most)
        : state_(state), watch_(watch), direction_(direction), at_most_(at_most) {}
    SocketWait(const SocketWait&) = delete;
    SocketWait& operator=(const SocketWait&) = delete;
    ~SocketWait() { state_.forget(*this); }

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
      coroutine = waiting;
      state_.add_timer(*this, at_most_);
      state_.watch(watch_, direction_, *this);
    }
    bool await_resume() const noexcept { return ready; }

   private:
    State& state_;
    std::uint64_t watch_;
    std::size_t direction_;
    std::chrono::milliseconds at_most_;
  };

  class Sleep : Wait {
   public:
    Sleep(State& state, std::chrono::milliseconds time) : state_(state), time_(time) {}
    Sleep(const Sleep&) = delete;
    Sleep& operator=(const Sleep&) = delete;
    ~Sleep() { state_.forget(*this); }

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
      coroutine = waiting;
      state_.add_timer(*this, time_);
    }
    void await_resume() const noexcept {}

   private:
    State& state_;
    std::chrono::milliseconds time_;
  };

  template <class Start> class Suspension {
   public:
    Suspension(std::shared_ptr<State> state, Start start)
        : state_(std::move(state)), start_(std::move(start)) {}
    Suspension(const Suspension&) = delete;
    Suspension& operator=(const Suspension&) = delete;
    ~Suspension() {
      if (ticket_) ticket_->coroutine = nullptr;
    }

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> suspended) {
      ticket_ = std::make_shared<Ticket>();
      ticket_->coroutine = suspended;
      start_([state = state_, ticket = ticket_]() noexcept { state->call(ticket); });
    }
    void await_resume() const noexcept {}

   private:
    std::shared_ptr<State> state_;
    Start start_;
    std::shared_ptr<Ticket> ticket_;
  };

 public:
  class Socket {
   public:
    Socket(std::shared_ptr<State> state, int descriptor) : state_(std::move(state)) {
      id_ = ++state_->last_watch;
      state_->watches.emplace(id_, Watch{.descriptor = descriptor});
    }
    Socket(Socket&& other) noexcept = default;
    Socket& operator=(Socket&& other) noexcept {
      std::swap(state_, other.state_);
      std::swap(id_, other.id_);
      return *this;
    }
    ~Socket() {
      if (!state_) return;
      const auto watch = state_->watches.find(id_);
      if (watch->second.events != 0)
        ::epoll_ctl(state_->epoll.get(), EPOLL_CTL_DEL, watch->second.descriptor, nullptr);
      state_->watches.erase(watch);
    }

    auto readable(std::chrono::milliseconds at_most) { return SocketWait(*state_, id_, 0, at_most); }
    auto writable(std::chrono::milliseconds at_most) { return SocketWait(*state_, id_, 1, at_most); }

   private:
    std::shared_ptr<State> state_;
    std::uint64_t id_ = 0;
  };

  /// What coroutines hold of the loop: a model of `async::Loop`.
  class Handle {
   public:
    explicit Handle(std::shared_ptr<State> state) : state_(std::move(state)) {}

    template <class Start> [[nodiscard]] auto suspend(Start start) const {
      return Suspension<Start>(state_, std::move(start));
    }
    [[nodiscard]] Socket socket(int descriptor) const { return {state_, descriptor}; }
    [[nodiscard]] auto sleep(std::chrono::milliseconds time) const { return Sleep(*state_, time); }

   private:
    std::shared_ptr<State> state_;
  };

  EventLoop() = default;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop() {
    std::list<Task<>> spawned;
    {
      const std::lock_guard lock(state_->mutex);
      spawned.swap(state_->spawned);
    }
  }

  [[nodiscard]] Handle handle() const { return Handle(state_); }

  /// Runs the loop until the task has ended, and returns or throws what it does. Throws too what a spawned
  /// task throws meanwhile.
  template <class Result> Result run(Task<Result> task) {
    task.start();
    while (!task.done()) state_->turn(longest_turn);
    return task.result();
  }

  /// Lets the loop run the task from its next turn on. Usable from any thread.
  void spawn(Task<> task) {
    const auto ticket = std::make_shared<Ticket>();
    const auto self = std::make_shared<std::list<Task<>>::iterator>();
    auto spawned = state_->run_spawned(std::move(task), self);
    ticket->coroutine = spawned.coroutine();
    {
      const std::lock_guard lock(state_->mutex);
      *self = state_->spawned.insert(state_->spawned.end(), std::move(spawned));
    }
    state_->call(ticket);
  }

  /// Runs the loop until this is true, or for this long; returns whether it is.
  template <class Condition>
  bool run_until(Condition holds, std::chrono::milliseconds at_most = std::chrono::seconds(60)) {
    const auto end = Clock::now() + at_most;
    while (!holds()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
      if (left.count() <= 0) return holds();
      state_->turn(std::min(left, longest_turn));
    }
    return true;
  }

  /// Lets the loop, wherever it waits, take its next turn. Usable from any thread.
  void wake() const noexcept { state_->wake(); }

 private:
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

} // namespace mfa::test
