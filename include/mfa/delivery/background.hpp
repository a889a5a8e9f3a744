#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/delivery/attempt.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/delivery/transport.hpp>
#include <mfa/error.hpp>
#include <mfa/policy.hpp>
#include <mfa/storage/process.hpp>

namespace mfa::delivery {

struct BackgroundOptions {
  std::size_t workers = 4; ///< threads that send: 1 to 1,000
  /// Messages that wait for a worker, at most: 1 to 1,000,000. Further ones are refused.
  std::size_t max_waiting = 1000;
  /// How long its end lets messages go that wait, up to a day: see `stop`.
  std::chrono::milliseconds drain = std::chrono::seconds(10);
  /// Hears what became of each message that was accepted: once, in a worker or in the thread that stops. The
  /// message itself is wiped by then. A verifier has returned by then as well, so that this is how a host
  /// learns that a code was not sent.
  AttemptObserver observer = {};
};

/// Throws `errc::invalid_argument` for options out of their range.
inline void check_options(const BackgroundOptions& options) {
  const auto refuse = [](const char* what) {
    throw Error(errc::invalid_argument, std::string("BackgroundOptions::").append(what));
  };
  if (options.workers < 1 || options.workers > 1000) refuse("workers must be from 1 to 1,000");
  if (options.max_waiting < 1 || options.max_waiting > 1'000'000)
    refuse("max_waiting must be from 1 to 1,000,000");
  if (options.drain < std::chrono::milliseconds(0) || options.drain > std::chrono::hours(24))
    refuse("drain must be up to a day");
}

/// A transport that sends in threads of its own: `send` copies the message, accepts it and returns. What
/// comes when too many wait is refused with `DeliveryFailure::throttled`, and what comes after `stop`, or in
/// a forked process, with `unavailable`. What becomes of a message that was accepted only the observer hears.
/// Messages to one recipient (`to` or `user_id` of a message) are sent one after the other, so that no code
/// leaves after the one that has replaced it.
///
/// The transport must block, and is used by all workers at once. Given as an lvalue it is borrowed and must
/// outlive this; a temporary is owned. What the observer uses must outlive it too, or `stop` be called
/// before. Usable from many threads. Its end, not from the observer, is that of `stop(drain)`, and waits for
/// messages that are being sent, which takes as long as the transport does. In a forked process it ends at
/// once.
template <class Transport> class Background {
  static_assert(!mfa::detail::PointsToPolicy<Transport>,
                "mfa: give delivery::Background the transport itself, not a pointer: *transport borrows it");

 public:
  /// Throws `errc::invalid_argument` for options out of their range, and std::system_error if there are no
  /// more threads to be had.
  explicit Background(Policy<Transport> transport, BackgroundOptions options = BackgroundOptions())
      : state_(mfa::detail::make_at_home<State>(std::move(transport), std::move(options))) {}

  template <class Message>
    requires Sends<Transport, Message>
  void send(const Message& message) {
    static_assert(
        detail::AllBlock<Message, Transport>,
        "mfa: delivery::Background sends in threads of its own, which wait: give it a transport whose "
        "send() blocks");
    if constexpr (detail::AllBlock<Message, Transport>) // no further errors
      state_->add([&] { return std::make_unique<Sending<Message>>(message); });
  }

  /// Refuses messages from now on, and lets those that were accepted go for up to this long. Those that no
  /// worker has begun by then are not sent: the observer hears of each (`DeliveryFailure::unavailable`).
  /// Returns whether all were sent, or failed, in time. Not from the observer.
  bool stop(std::chrono::milliseconds at_most) { return state_->stop(at_most); }

  /// Messages that wait for a worker now.
  [[nodiscard]] std::size_t waiting() const { return state_->waiting(); }

 private:
  struct Job {
    Job(std::string message_id, std::string_view sent_to)
        : id(std::move(message_id)), recipient(std::hash<std::string_view>()(sent_to)),
          has_recipient(!sent_to.empty()) {}
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    virtual ~Job() = default;
    virtual void send(Transport& transport) = 0;

    std::string id;
    std::size_t recipient; ///< those who share a number wait for each other, and for nothing worse
    bool has_recipient;
  };

  template <class Message> struct Sending final : Job {
    explicit Sending(const Message& given) : Job(given.id, recipient_of(given)), message(given) {}
    void send(Transport& transport) override { (void)transport.send(message); }

    static std::string_view recipient_of(const Message& message) {
      if constexpr (requires { std::string_view(message.to); })
        return message.to;
      else if constexpr (requires { std::string_view(message.user_id); })
        return message.user_id;
      else
        return {};
    }

    Message message;
  };

  class State {
   public:
    State(Policy<Transport> transport, BackgroundOptions options)
        : transport_(std::move(transport)), options_((check_options(options), std::move(options))) {
      workers_.reserve(options_.workers);
      sending_.reserve(options_.workers);
      try {
        for (std::size_t i = 0; i < options_.workers; ++i) workers_.emplace_back([this] { work(); });
      } catch (...) {
        end();
        throw;
      }
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { end(); }

    template <class Make> void add(Make make) {
      if (!home_.is_here()) // a thread of the parent's may hold the mutex for ever
        throw DeliveryError(DeliveryFailure::unavailable,
                            "delivery::Background has no threads in a forked process; make one there");
      std::unique_ptr<Job> job = make(); // ends after the lock
      {
        const std::lock_guard lock(mutex_);
        if (stopped_) throw stopped_error();
        if (waiting_.size() >= options_.max_waiting)
          throw DeliveryError(DeliveryFailure::throttled,
                              "delivery::Background refused a message: " + std::to_string(waiting_.size()) +
                                  " wait for its workers already. See why the provider is slow, or raise "
                                  "BackgroundOptions::workers or max_waiting");
        waiting_.push_back(std::move(job));
      }
      changed_.notify_one();
    }

    bool stop(std::chrono::milliseconds at_most) {
      if (!home_.is_here()) return true;
      std::deque<std::unique_ptr<Job>> refused;
      bool ended = false;
      {
        std::unique_lock lock(mutex_);
        stopped_ = true;
        changed_.notify_all();
        ended = idle_.wait_for(lock, std::min<std::chrono::milliseconds>(at_most, std::chrono::hours(24)),
                               [this] { return waiting_.empty() && sending_.empty(); });
        refused.swap(waiting_);
      }
      for (auto& job : refused) tell(std::move(job), std::make_exception_ptr(stopped_error()));
      return ended;
    }

    [[nodiscard]] std::size_t waiting() const {
      if (!home_.is_here()) return 0;
      const std::lock_guard lock(mutex_);
      return waiting_.size();
    }

   private:
    static DeliveryError stopped_error() {
      return {DeliveryFailure::unavailable,
              "delivery::Background was stopped before the message was sent; send it anew"};
    }

    /// Whether a message to its recipient is being sent.
    [[nodiscard]] bool is_in_line(const Job& job) const {
      return job.has_recipient &&
             std::find(sending_.begin(), sending_.end(), job.recipient) != sending_.end();
    }

    void work() {
      std::unique_lock lock(mutex_);
      for (;;) {
        auto next = waiting_.end();
        changed_.wait(lock, [&] {
          next = std::find_if(waiting_.begin(), waiting_.end(),
                              [this](const std::unique_ptr<Job>& job) { return !is_in_line(*job); });
          return next != waiting_.end() || stopped_;
        });
        if (next == waiting_.end()) return; // who sends to its recipient takes what is in line
        std::unique_ptr<Job> job = std::move(*next);
        waiting_.erase(next);
        const std::size_t recipient = job->recipient;
        sending_.push_back(recipient);
        lock.unlock();
        std::exception_ptr thrown;
        try {
          job->send(*transport_);
        } catch (...) {
          thrown = std::current_exception();
        }
        tell(std::move(job), thrown);
        thrown = nullptr; // what it holds ends in no lock
        lock.lock();
        sending_.erase(std::find(sending_.begin(), sending_.end(), recipient));
        if (waiting_.empty() && sending_.empty()) idle_.notify_all();
      }
    }

    /// What the message held is gone before anybody is told.
    void tell(std::unique_ptr<Job> job, const std::exception_ptr& thrown) noexcept {
      const std::string id = std::move(job->id);
      job.reset();
      detail::tell(options_.observer, Attempt{.message_id = id, .cause = thrown});
    }

    void end() noexcept {
      stop(options_.drain);
      for (std::thread& worker : workers_) worker.join();
    }

    Policy<Transport> transport_;
    BackgroundOptions options_;
    const mfa::detail::HomeProcess home_;
    mutable std::mutex mutex_;
    std::condition_variable changed_; ///< a message was added, or it was stopped
    std::condition_variable idle_;    ///< all were sent
    std::deque<std::unique_ptr<Job>> waiting_;
    std::vector<std::size_t> sending_; ///< to these recipients, each message's
    bool stopped_ = false;
    std::vector<std::thread> workers_; ///< end first
  };

  mfa::detail::OwnedAtHome<State> state_;
};

template <class T> Background(T&&) -> Background<PolicyType<T>>;
template <class T> Background(T&&, BackgroundOptions) -> Background<PolicyType<T>>;

} // namespace mfa::delivery
