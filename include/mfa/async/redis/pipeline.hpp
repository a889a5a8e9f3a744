#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <hiredis/hiredis.h>

#include <mfa/async/loop.hpp>
#include <mfa/async/redis/sleepers.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/redis/client.hpp>
#include <mfa/storage/redis/opening.hpp>
#include <mfa/storage/redis/options.hpp>
#include <mfa/storage/redis/requests.hpp>
#include <mfa/storage/redis/server.hpp>
#include <mfa/storage/redis/wire.hpp>

namespace mfa::detail::redis {

/// What the connections of a storage have in common. Usable from many threads.
struct Site {
  /// Blocks until the server is known to be usable, and throws if it is not.
  explicit Site(const storage::RedisOptions& options) : keys(options.key_prefix), server(options) {
    Client client(options);
    opened = open(client, keys);
    if (opened.requires_primary) server.require_primary();
    server.move_to(client.server().current());
  }

  const Keys keys;
  Server server;
  Opened opened;
  std::atomic<std::uint64_t> last_number = 0; ///< of the pipelines that were made
};

/// A connection that many requests share: they are sent as they come, and answered in that order. One of the
/// coroutines that wait for answers drives it for all: it connects, logs in and reads; when it has its own
/// answer, or is destroyed, it hands that over to another. A request whose coroutine is destroyed stays where
/// it is, and nobody gets its answer; so no coroutine's end harms another.
///
/// Usable from many threads. A `Task` is a coroutine type of the host's.
template <template <class> class Task, async::Loop Loop> class Pipeline {
  using Clock = std::chrono::steady_clock;
  using Socket = std::remove_cvref_t<decltype(std::declval<const Loop&>().socket(0))>;

  /// Why nobody on the connection gets an answer any more.
  struct Loss {
    std::string why;
    std::optional<Error> error; ///< if it could not be made, which leaves no doubt that nothing was sent
  };

 public:
  /// One request, from when it was put on the connection until its answer. It belongs to one coroutine, and
  /// is where it is while the request lasts.
  class Waiter {
   public:
    Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter() {
      if (pipeline_) pipeline_->leave(*this);
    }

    [[nodiscard]] Pipeline& pipeline() const noexcept { return *pipeline_; }
    /// Whether the connection was made for this request, or later.
    [[nodiscard]] bool is_new() const noexcept { return is_new_; }
    [[nodiscard]] bool gathers() const noexcept { return must_send_; }

    // Of these, one is set once the request is over.
    std::optional<Reply> reply;
    bool timed_out = false;
    std::shared_ptr<const Loss> loss;

   private:
    friend class Pipeline;
    std::shared_ptr<Pipeline> pipeline_;
    std::uint64_t number_ = 0;
    Clock::time_point deadline_;
    std::unique_ptr<Sleeper> sleeper_;
    bool is_new_ = false;
    bool is_over_ = false;
    bool must_drive_ = false; ///< nobody else does, and it has not begun to
    bool must_send_ = false;  ///< it gathers what others put beside it, and sends all
  };

  Pipeline(std::shared_ptr<Site> site, Loop loop)
      : site_(std::move(site)), loop_(std::move(loop)), number_(++site_->last_number) {}
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// In the order in which the pipelines of a storage were made.
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }

  /// Requests without an answer.
  [[nodiscard]] std::size_t load() const noexcept { return load_; }

  /// It takes no more requests, while those that it has may yet be answered.
  void retire() noexcept {
    auto expected = not_retired;
    retired_after_.compare_exchange_strong(expected, site_->last_number);
  }
  [[nodiscard]] bool is_retired() const noexcept { return retired_after_ != not_retired; }

  /// The number of the last one that was made before this was retired.
  [[nodiscard]] std::uint64_t retired_after() const noexcept { return retired_after_; }

  /// Puts a request on it. False if it takes none.
  [[nodiscard]] static bool put(const std::shared_ptr<Pipeline>& self, Waiter& waiter,
                                const Command& command) {
    Awakening awakening;
    const std::lock_guard lock(self->mutex_);
    if (!self->accepts(awakening)) return false;
    self->add(waiter, command);
    waiter.pipeline_ = self;
    return true;
  }

  // Until `next_for` says that the request is over, its coroutine does what it says: `drive`, or suspend with
  // `sleep`. Before, if the waiter is to gather others' requests, it lets others go on and then sends all.
  enum class Next { over, drive, sleep };

  void send_gathered(Waiter& waiter) noexcept {
    const std::lock_guard lock(mutex_);
    send_gathered_here(waiter);
  }

  [[nodiscard]] Next next_for(Waiter& waiter) noexcept {
    const std::lock_guard lock(mutex_);
    if (waiter.is_over_) return Next::over;
    if (!may_drive(waiter)) return Next::sleep;
    is_driven_ = waiter.must_drive_ = true;
    return Next::drive;
  }

  /// `resume` is what the loop's `suspend` gave.
  template <class Resume> void sleep(Waiter& waiter, Resume resume) {
    auto sleeper = make_sleeper(std::move(resume));
    Awakening awakening;
    const std::lock_guard lock(mutex_);
    if (waiter.is_over_ || may_drive(waiter))
      awakening.add(std::move(sleeper));
    else
      waiter.sleeper_ = std::move(sleeper);
  }

  /// Connects if need be, and reads for all until the waiter's own request is over.
  Task<void> drive(Waiter& own) {
    Driver driver(*this, own);
    if (is_unconnected()) co_await connect();
    while (!is_over(own)) {
      const auto [to_send, at_most] = prepare_to_wait();
      if (to_send)
        (void)co_await socket_->writable(at_most);
      else
        (void)co_await socket_->readable(at_most);
      deliver();
    }
  }

  /// Where it was connected to.
  [[nodiscard]] Address address() const {
    const std::lock_guard lock(mutex_);
    return address_;
  }

 private:
  enum class State { unconnected, open, lost };

  static constexpr std::size_t most_spare_bytes = 65'536;
  static constexpr auto not_retired = std::numeric_limits<std::uint64_t>::max();

  // --- requests

  bool accepts(Awakening& awakening) {
    const auto now = Clock::now();
    if (state_ == State::open && !is_driven_) deliver(awakening, now, read()); // what came meanwhile
    if (stands_still(now)) retire();
    return !is_retired();
  }

  void add(Waiter& waiter, const Command& command) {
    waiting_.push_back(&waiter);
    try {
      unsent_.append(command.bytes());
    } catch (...) {
      waiting_.pop_back();
      throw;
    }
    ++load_;
    const auto now = Clock::now();
    if (waiting_.size() == 1) last_progress_ = now;
    waiter.number_ = first_number_ + waiting_.size() - 1;
    waiter.deadline_ = now + command_timeout();
    waiter.is_new_ = state_ != State::open;
    waiter.must_send_ = !waiter.is_new_ && !std::exchange(is_gathering_, true);
  }

  void send_gathered_here(Waiter& waiter) noexcept {
    if (!std::exchange(waiter.must_send_, false)) return;
    is_gathering_ = false;
    send();
  }

  bool may_drive(const Waiter& waiter) const noexcept { return waiter.must_drive_ || !is_driven_; }

  /// The waiter's coroutine is over, maybe before its request.
  void leave(Waiter& waiter) noexcept {
    Awakening awakening;
    const std::lock_guard lock(mutex_);
    if (!waiter.is_over_) waiting_[waiter.number_ - first_number_] = nullptr;
    send_gathered_here(waiter);
    if (waiter.must_drive_ || !is_driven_) hand_over(awakening);
  }

  void end(Waiter& waiter, Awakening& awakening) noexcept {
    waiter.is_over_ = true;
    awakening.add(std::move(waiter.sleeper_));
  }

  /// To the last of those who wait, who will drive it for the longest time.
  void hand_over(Awakening& awakening) noexcept {
    is_driven_ = false;
    for (auto each = waiting_.rbegin(); each != waiting_.rend(); ++each) {
      if (*each == nullptr) continue;
      is_driven_ = (*each)->must_drive_ = true;
      awakening.add(std::move((*each)->sleeper_));
      return;
    }
    if (sent_ < unsent_.size()) forget_unsent();
  }

  /// What was asked is not to be sent by whoever comes next, maybe hours later. A command of which a part was
  /// sent ends with the connection, and never runs.
  void forget_unsent() noexcept {
    retire();
    unsent_.clear();
    sent_ = 0;
    first_number_ += waiting_.size();
    waiting_.clear();
    load_ = 0;
  }

  // --- the driver's part

  /// Ends the driver's work, however its coroutine ends.
  class Driver {
   public:
    Driver(Pipeline& pipeline, Waiter& waiter) noexcept : pipeline_(pipeline), waiter_(waiter) {
      const std::lock_guard lock(pipeline_.mutex_);
      waiter_.must_drive_ = false;
    }
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;
    ~Driver() {
      Awakening awakening;
      const std::lock_guard lock(pipeline_.mutex_);
      if (pipeline_.state_ == State::unconnected) pipeline_.give_up_connecting();
      if (!waiter_.is_over_) { // nobody will wait for its answer
        pipeline_.waiting_[waiter_.number_ - pipeline_.first_number_] = nullptr;
        waiter_.is_over_ = true;
      }
      pipeline_.hand_over(awakening);
    }

   private:
    Pipeline& pipeline_;
    Waiter& waiter_;
  };

  bool is_unconnected() const noexcept {
    const std::lock_guard lock(mutex_);
    return state_ == State::unconnected;
  }

  bool is_over(const Waiter& waiter) const noexcept {
    const std::lock_guard lock(mutex_);
    return waiter.is_over_;
  }

  struct Wait {
    bool to_send;
    std::chrono::milliseconds at_most;
  };

  Wait prepare_to_wait() noexcept {
    // What is between us and the server may take no more before we take what it has for us; and who gathers
    // may not get all sent.
    constexpr std::chrono::milliseconds most_until_sent{10};
    const std::lock_guard lock(mutex_);
    if (!is_gathering_) send();
    const auto first = std::ranges::find_if(waiting_, [](const Waiter* waiter) { return waiter != nullptr; });
    const auto left = left_until((*first)->deadline_); // the driver itself waits
    if (unsent_.empty()) return {false, left};
    return {!is_gathering_, std::min(left, most_until_sent)};
  }

  /// Sends as much as can be now.
  void send() noexcept {
    if (state_ != State::open) return;
    try {
      while (sent_ < unsent_.size()) {
        const auto taken = wire_->send(std::string_view(unsent_).substr(sent_));
        if (!taken) break;
        sent_ += *taken;
      }
    } catch (const std::exception&) { // whoever reads finds out why, after the last answers
      sent_ = unsent_.size();
    }
    if (sent_ < unsent_.size() / 2) return;
    unsent_.erase(0, std::exchange(sent_, 0));
    if (unsent_.empty() && unsent_.capacity() > most_spare_bytes) unsent_ = std::string();
  }

  /// Takes the answers that have come. Only the driver may.
  void deliver() {
    auto loss = read();
    Awakening awakening;
    const std::lock_guard lock(mutex_);
    deliver(awakening, Clock::now(), std::move(loss));
  }

  void deliver(Awakening& awakening, Clock::time_point now, std::shared_ptr<Loss> loss) {
    for (auto& reply : replies_) {
      if (waiting_.empty()) { // what nobody asked for
        retire();
        break;
      }
      Waiter* const waiter = waiting_.front();
      waiting_.pop_front();
      ++first_number_;
      --load_;
      last_progress_ = now;
      if (waiter == nullptr) continue;
      waiter->reply.emplace(std::move(reply));
      end(*waiter, awakening);
    }
    replies_.clear();
    if (loss)
      lose(std::move(loss), awakening);
    else
      give_up(now, awakening);
  }

  /// Fills `replies_`. Why there will be no more, or null.
  std::shared_ptr<Loss> read() {
    constexpr int most_turns = 64; // since others may wait for this thread
    try {
      for (int turn = 0; turn < most_turns; ++turn) {
        const auto size = wire_->receive();
        while (auto reply = wire_->next_reply()) replies_.push_back(*std::move(reply));
        if (!size || *size < Wire::most_at_once) break;
      }
    } catch (const std::exception& error) {
      return std::make_shared<Loss>(Loss{error.what(), std::nullopt});
    }
    return nullptr;
  }

  void lose(std::shared_ptr<Loss> loss, Awakening& awakening) noexcept {
    const std::shared_ptr<const Loss> shared = std::move(loss);
    state_ = State::lost;
    retire();
    for (Waiter* const waiter : waiting_) {
      if (waiter == nullptr) continue;
      waiter->loss = shared;
      end(*waiter, awakening);
    }
    first_number_ += waiting_.size();
    waiting_.clear();
    load_ = 0;
  }

  /// Those whose time is over wait no longer. An answer that comes late reaches nobody.
  void give_up(Clock::time_point now, Awakening& awakening) noexcept {
    for (Waiter*& waiter : waiting_) {
      if (waiter == nullptr) continue;
      if (waiter->deadline_ > now) break;
      waiter->timed_out = true;
      end(*waiter, awakening);
      waiter = nullptr;
    }
    if (stands_still(now)) retire();
  }

  /// Whether what it asked was answered with nothing for as long as a request may last.
  bool stands_still(Clock::time_point now) const noexcept {
    return state_ == State::open && !waiting_.empty() && now - last_progress_ >= command_timeout();
  }

  // --- connecting

  Task<void> connect() {
    std::optional<Error> error;
    try {
      co_await connect_anywhere();
    } catch (const Error& caught) {
      error.emplace(caught);
    }
    become_open(std::move(error));
  }

  void become_open(std::optional<Error> error) {
    Awakening awakening;
    const std::lock_guard lock(mutex_);
    if (error) {
      lose(std::make_shared<Loss>(Loss{{}, std::move(error)}), awakening);
      return;
    }
    state_ = State::open;
    last_progress_ = Clock::now();
    for (Waiter* const waiter : waiting_)
      if (waiter != nullptr) waiter->deadline_ = last_progress_ + command_timeout();
    send();
  }

  /// To where the keys are or, if nobody answers there, to the address that the host gave: see also
  /// `give_up_connecting`.
  Task<void> connect_anywhere() {
    Server& server = site_->server;
    bool failed = false;
    go_to(server.current());
    try {
      co_await connect_there();
    } catch (const Error&) {
      if (address_ == server.configured()) throw;
      failed = true;
    }
    if (!failed) co_return;
    server.move_to(server.configured());
    go_to(server.configured());
    co_await connect_there();
  }

  /// As nobody waits for it as long as it may take. Whoever connects next begins with the address that the
  /// host gave, since this one may say nothing to them either.
  void give_up_connecting() noexcept {
    disconnect();
    Server& server = site_->server;
    try {
      if (server.current() == address_) server.move_to(server.configured());
    } catch (const std::exception&) { // no memory: they begin with this one too
    }
  }

  void go_to(Address address) {
    const std::lock_guard lock(mutex_);
    address_ = std::move(address);
  }

  Task<void> connect_there() {
    const Server& server = site_->server;
    try {
      disconnect();
      wire_.emplace(begin_to_connect(), address_);
      socket_.emplace(loop_.socket(wire_->descriptor()));
      if (!co_await socket_->writable(server.options().connect_timeout)) Wire::fail(ETIMEDOUT);
      check_connected();
      for (const auto& command : server.login()) {
        const std::vector<std::string_view> words(command.begin(), command.end());
        const Reply reply = co_await ask(words);
        server.check_login(command, reply);
      }
    } catch (const ConnectionLost& lost) {
      throw Server::cannot_connect(address_, lost.what());
    }
  }

  [[nodiscard]] redisContext* begin_to_connect() const {
    return address_.unix_socket.empty() ? redisConnectNonBlock(address_.host.c_str(), address_.port)
                                        : redisConnectUnixNonBlock(address_.unix_socket.c_str());
  }

  void check_connected() const {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(wire_->descriptor(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) Wire::fail(error);
  }

  void disconnect() noexcept {
    socket_.reset();
    wire_.reset();
  }

  /// One command before all others. The words must outlive the task.
  Task<Reply> ask(const std::vector<std::string_view>& words) {
    const auto deadline = Clock::now() + command_timeout();
    const Command command(words);
    for (auto rest = command.bytes(); !rest.empty();) {
      const auto sent = wire_->send(rest);
      rest.remove_prefix(sent.value_or(0));
      if (!sent && !co_await socket_->writable(left_until(deadline))) throw TimedOut(command_timeout());
    }
    for (;;) {
      if (!co_await socket_->readable(left_until(deadline))) throw TimedOut(command_timeout());
      (void)wire_->receive();
      if (auto reply = wire_->next_reply()) co_return *std::move(reply);
    }
  }

  [[nodiscard]] std::chrono::milliseconds command_timeout() const noexcept {
    return site_->server.options().command_timeout;
  }

  static std::chrono::milliseconds left_until(Clock::time_point deadline) {
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()),
                    std::chrono::milliseconds(0));
  }

  const std::shared_ptr<Site> site_;
  const Loop loop_;
  const std::uint64_t number_;
  std::atomic<std::size_t> load_ = 0;
  std::atomic<std::uint64_t> retired_after_ = not_retired;

  // The driver's while the connection is made; then each of sending and reading is done by one at a time.
  std::optional<Wire> wire_;
  std::optional<Socket> socket_;
  std::vector<Reply> replies_;

  mutable std::mutex mutex_; // for what follows
  State state_ = State::unconnected;
  Address address_;
  std::string unsent_;
  std::size_t sent_ = 0; // of these
  bool is_gathering_ = false;
  bool is_driven_ = false;
  std::deque<Waiter*> waiting_; // null: nobody waits for this answer any more
  std::uint64_t first_number_ = 0;
  Clock::time_point last_progress_; // the last answer, or when there was none to wait for
};

} // namespace mfa::detail::redis
