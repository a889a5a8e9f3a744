#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include "http_message.hpp"

namespace server {

/// What a client may take its time for, and how much he may send.
struct Limits {
  std::chrono::seconds head{10}; ///< from the first byte of a request to the end of its headers
  std::chrono::seconds body{20};
  std::chrono::seconds write{10};
  std::chrono::seconds idle{60}; ///< between two requests
  std::size_t longest_body = 65'536;
  std::size_t most_connections = 4096;
};

/// A client's connection, as others than its coroutine see it: those that end what takes too long.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;

  Connection(asio::ip::tcp::socket& socket, Clock::time_point now)
      : socket_(&socket), executor_(socket.get_executor()), since_(now.time_since_epoch().count()) {}

  enum class State { idle, reading, working, writing };

  /// The client has so long for what comes next.
  void expect_within(std::chrono::seconds time, State state) {
    const auto now = Clock::now();
    late_ = false;
    state_ = state;
    since_ = now.time_since_epoch().count();
    deadline_ = (now + time).time_since_epoch().count();
  }
  /// Without a limit: it is we who work.
  void working() {
    state_ = State::working;
    deadline_ = never;
  }

  /// Whether what it waits for takes too long: also when the operation that was to be ended had just
  /// succeeded, as those of a client do that never pauses.
  [[nodiscard]] bool late() const noexcept { return late_; }
  /// Whether it has to give way to another; what has come as a whole is still answered.
  [[nodiscard]] bool gives_way() const noexcept { return gives_way_; }
  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] std::int64_t since() const noexcept { return since_; }

  // To cancel does nothing to an operation that has succeeded and whose coroutine is still to hear of it.
  // That loses nothing that came; but whoever ends a connection must do so again and again, until it is gone.

  /// Ends what it waits for, if that is late, or if it gives way. From any thread.
  void end_if_late(Clock::time_point now) {
    if (gives_way_) return end();
    if (deadline_ > now.time_since_epoch().count()) return;
    on_its_thread([](Connection& self) {
      if (self.deadline_ > Clock::now().time_since_epoch().count()) return;
      self.late_ = true;
      self.cancel();
    });
  }

  /// Ends it if no request has begun. From any thread.
  void end_if_idle() {
    on_its_thread([](Connection& self) {
      if (self.state_ == State::idle) self.cancel();
    });
  }
  /// It is to end, unless a verb runs: then it ends with the answer. From any thread.
  void give_way() {
    gives_way_ = true;
    end();
  }

  /// The socket is gone. On its thread.
  void gone() noexcept { socket_ = nullptr; }

 private:
  static constexpr std::int64_t never = INT64_MAX;

  void end() {
    on_its_thread([](Connection& self) {
      if (self.state_ != State::working) self.cancel();
    });
  }

  void cancel() {
    asio::error_code ignored;
    socket_->cancel(ignored);
  }

  template <class Do> void on_its_thread(Do deed) {
    asio::post(executor_, [self = shared_from_this(), deed] {
      if (self->socket_ != nullptr) deed(*self);
    });
  }

  asio::ip::tcp::socket* socket_;
  asio::any_io_executor executor_; ///< a strand
  std::atomic<std::int64_t> since_;
  std::atomic<std::int64_t> deadline_{never};
  std::atomic<State> state_{State::idle};
  std::atomic<bool> late_{false};
  std::atomic<bool> gives_way_{false};
};

/// All connections there are. From any thread.
class Connections {
 public:
  /// When there are `most` already, that one ends which was silent longest.
  std::shared_ptr<Connection> add(asio::ip::tcp::socket& socket, std::size_t most) {
    auto connection = std::make_shared<Connection>(socket, Connection::Clock::now());
    const std::lock_guard lock(mutex_);
    if (all_.size() - giving_way_ >= most) end_oldest();
    all_.insert(connection);
    return connection;
  }
  void remove(const std::shared_ptr<Connection>& connection) {
    const std::lock_guard lock(mutex_);
    if (all_.erase(connection) > 0 && connection->gives_way()) --giving_way_;
  }

  void end_late() {
    const auto now = Connection::Clock::now();
    for (const auto& connection : copy()) connection->end_if_late(now);
  }
  void end_idle() {
    for (const auto& connection : copy()) connection->end_if_idle();
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }
  [[nodiscard]] std::uint64_t pushed_out() const noexcept { return pushed_out_; }

 private:
  /// Of those that wait for their client.
  void end_oldest() {
    std::shared_ptr<Connection> oldest;
    for (const auto& connection : all_)
      if (!connection->gives_way() && connection->state() != Connection::State::working &&
          (!oldest || connection->since() < oldest->since()))
        oldest = connection;
    if (!oldest) return;
    ++pushed_out_;
    ++giving_way_;
    oldest->give_way();
  }

  std::vector<std::shared_ptr<Connection>> copy() const {
    const std::lock_guard lock(mutex_);
    return {all_.begin(), all_.end()};
  }

  mutable std::mutex mutex_;
  std::unordered_set<std::shared_ptr<Connection>> all_;
  std::size_t giving_way_ = 0; ///< of them
  std::atomic<std::uint64_t> pushed_out_{0};
};

/// Answers a request, whoever sent it.
using Answer = std::function<asio::awaitable<Response>(Request request)>;

/// Hears of a request that was refused before it was there as a whole, and was answered all the same.
using Hear = std::function<void(const Refused& refused)>;

/// One client's requests on one connection, one after the other. `Stream` is a socket, or TLS over one.
template <class Stream> class Conversation {
 public:
  /// `stopping`: no further request is taken.
  Conversation(Stream& stream, Connection& connection, const Limits& limits, const Answer& answer,
               const Hear& refused, const std::atomic<bool>& stopping)
      : stream_(stream), connection_(connection), limits_(limits), answer_(answer), refused_(refused),
        stopping_(stopping) {}

  asio::awaitable<void> run() {
    for (bool open = true; open;) open = co_await serve_one();
  }

 private:
  using State = Connection::State;

  /// False: the connection is over.
  asio::awaitable<bool> serve_one() {
    Head head;
    if (!co_await read_head_of(head)) co_return false;
    if (!co_await read_body_of(head)) co_return false;
    connection_.working();
    const bool is_head = head.request.method == "HEAD";
    if (is_head) head.request.method = "GET";
    const Response response = co_await answer_(std::move(head.request));
    const bool keep_alive = head.keep_alive && !stopping_ && !connection_.gives_way();
    const std::string bytes = bytes_of(response, keep_alive, is_head);
    connection_.expect_within(limits_.write, State::writing);
    asio::error_code error;
    co_await asio::async_write(stream_, asio::buffer(bytes),
                               asio::redirect_error(asio::use_awaitable, error));
    if (!error && !keep_alive) co_await linger();
    co_return !error && keep_alive;
  }

  asio::awaitable<bool> read_head_of(Head& head) {
    connection_.expect_within(limits_.idle, State::idle);
    bool begun = false;
    for (std::size_t looked_at = 0;;) {
      if (!begun && !buffer_.empty()) {
        begun = true;
        connection_.expect_within(limits_.head, State::reading);
        if (buffer_[0] < 'A' || buffer_[0] > 'Z')
          co_return co_await refuse({400, "This is no HTTP request."});
      }
      const auto end = buffer_.find("\r\n\r\n", looked_at);
      if (end != std::string::npos && end <= longest_head) {
        const auto refused = read_head(std::string_view(buffer_).substr(0, end + 4), head);
        buffer_.erase(0, end + 4);
        if (refused) co_return co_await refuse(*refused);
        co_return true;
      }
      if (buffer_.size() > longest_head)
        co_return co_await refuse({431, "The request's headers are too long."});
      looked_at = buffer_.size() < 3 ? 0 : buffer_.size() - 3;
      if (!co_await read_some()) {
        if (begun && connection_.late()) (void)co_await refuse({408, "The request's headers took too long."});
        co_return false;
      }
    }
  }

  asio::awaitable<bool> read_body_of(Head& head) {
    if (head.body_size > limits_.longest_body)
      co_return co_await refuse({413, "The request's body is too long."});
    connection_.expect_within(limits_.body, State::reading);
    if (head.wants_continue && buffer_.size() < head.body_size) {
      constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      asio::error_code error;
      co_await asio::async_write(stream_, asio::buffer(go_on),
                                 asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return false;
    }
    while (buffer_.size() < head.body_size)
      if (!co_await read_some()) {
        if (connection_.late()) (void)co_await refuse({408, "The request's body took too long."});
        co_return false;
      }
    head.request.body = buffer_.substr(0, head.body_size);
    buffer_.erase(0, head.body_size);
    if (buffer_.empty()) buffer_.shrink_to_fit();
    co_return true;
  }

  asio::awaitable<bool> read_some() {
    std::array<char, 4096> bytes; // NOLINT: read into
    asio::error_code error;
    const std::size_t count = co_await stream_.async_read_some(
        asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return false;
    buffer_.append(bytes.data(), count);
    // In a request that has begun, what comes too late does not help it.
    co_return connection_.state() == State::idle || !(connection_.late() || connection_.gives_way());
  }

  /// Answers what is not taken, and ends the connection.
  asio::awaitable<bool> refuse(Refused refused) {
    refused_(refused);
    const Response response = plain_response(refused.status, refused.why);
    const std::string bytes = bytes_of(response, false, false);
    connection_.expect_within(limits_.write, State::writing);
    asio::error_code error;
    co_await asio::async_write(stream_, asio::buffer(bytes),
                               asio::redirect_error(asio::use_awaitable, error));
    if (!error) co_await linger();
    co_return false;
  }

  /// Lets the client read the answer: a connection that is closed with bytes unread is reset, and the answer
  /// may be lost (RFC 9112 section 9.6). A client that sends on for ever has had his time.
  asio::awaitable<void> linger() {
    connection_.expect_within(std::chrono::seconds(2), State::writing);
    asio::error_code error;
    socket_of(stream_).shutdown(asio::ip::tcp::socket::shutdown_send, error);
    std::array<char, 16'384> bytes; // NOLINT: thrown away
    while (!error && !connection_.late() && !connection_.gives_way())
      (void)co_await socket_of(stream_).async_read_some(asio::buffer(bytes),
                                                        asio::redirect_error(asio::use_awaitable, error));
  }

  static asio::ip::tcp::socket& socket_of(asio::ip::tcp::socket& socket) noexcept { return socket; }
  template <class Tls> static asio::ip::tcp::socket& socket_of(Tls& tls) noexcept { return tls.next_layer(); }

  Stream& stream_;
  Connection& connection_;
  const Limits& limits_;
  const Answer& answer_;
  const Hear& refused_;
  const std::atomic<bool>& stopping_;
  std::string buffer_; ///< what came of the requests that follow
};

} // namespace server
