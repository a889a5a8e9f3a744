#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loopback.hpp"

namespace mfa::test {

/// What can happen to a request on its way.
enum class Fault {
  cut_before_request,   ///< the connection ends; the server never sees the request
  cut_before_answer,    ///< the server has carried it out; the connection ends without the answer
  stall_before_request, ///< held until `resume`; then it arrives, even if the client has gone by then
  stall_before_answer,  ///< carried out; the answer is held until `resume`
};

/// A proxy on 127.0.0.1 before a server of any protocol in which the client asks and the server answers. It
/// counts turns: a turn begins with the client's first bytes after the server's last. Usable from many
/// threads.
class LoopbackProxy {
 public:
  /// Every answer arrives later by `delay`, as over a long way.
  explicit LoopbackProxy(std::uint16_t server_port, std::chrono::milliseconds delay = {})
      : server_port_(server_port), delay_(delay) {
    auto [listener, port] = bind_free_port();
    if (::listen(listener.get(), 128) != 0) throw std::system_error(errno, std::generic_category(), "listen");
    listener_ = std::move(listener);
    port_ = port;
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
      throw std::system_error(errno, std::generic_category(), "pipe");
    woken_ = Descriptor(ends[0]);
    waking_ = Descriptor(ends[1]);
    thread_ = std::thread([this] { run(); });
  }

  ~LoopbackProxy() {
    order(&Orders::stop);
    thread_.join();
  }

  LoopbackProxy(const LoopbackProxy&) = delete;
  LoopbackProxy& operator=(const LoopbackProxy&) = delete;

  /// Where clients connect to.
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  /// Turns so far, over all connections, those of connecting and logging in included.
  [[nodiscard]] std::uint64_t turns() const {
    const std::lock_guard lock(mutex_);
    return turns_;
  }

  /// Connections accepted so far.
  [[nodiscard]] std::uint64_t connections() const {
    const std::lock_guard lock(mutex_);
    return connections_;
  }

  /// The `turn`-th turn from now meets the fault; those before and after it do not.
  void fail(Fault fault, std::uint64_t turn = 1) {
    const std::lock_guard lock(mutex_);
    armed_ = Armed{fault, turns_ + turn};
  }

  /// Lets go of what is stalled.
  void resume() { order(&Orders::resume); }

  /// Ends all connections.
  void cut() { order(&Orders::cut); }

  /// Whether new connections are ended at once, as of a server that is down.
  void refuse(bool refused) {
    const std::lock_guard lock(mutex_);
    refused_ = refused;
  }

 private:
  struct Orders {
    bool stop = false;
    bool resume = false;
    bool cut = false;
  };
  struct Armed {
    Fault fault;
    std::uint64_t turn;
  };
  using Clock = std::chrono::steady_clock;
  struct Chunk {
    std::string bytes;
    Clock::time_point due; // not before
  };
  /// One direction of a connection: bytes that were read and are not yet written.
  struct Flow {
    std::deque<Chunk> chunks;
    bool held = false;
    bool ended = false; // the reader will send no more
  };
  struct Link {
    Descriptor client;
    Descriptor server;
    Flow to_server;
    Flow to_client;
    bool server_spoke_last = true;
    bool cut_at_answer = false;
    bool over = false;
  };

  /// Returns when the order has been carried out.
  void order(bool Orders::*wanted) {
    std::unique_lock lock(mutex_);
    orders_.*wanted = true;
    const std::uint64_t number = ++given_;
    [[maybe_unused]] const auto written = ::write(waking_.get(), "x", 1); // full: it is awake already
    carried_out_.wait(lock, [&] { return done_ >= number; });
  }

  void run() {
    std::list<Link> links;
    for (;;) {
      std::vector<pollfd> waiting{{woken_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
      for (const Link& link : links) {
        waiting.push_back({link.client.get(), events(link.to_server, link.to_client), 0});
        waiting.push_back({link.server.get(), events(link.to_client, link.to_server), 0});
        // A peer that is not listened to for now must not wake us by having gone.
        for (auto* entry = &waiting.back() - 1; entry <= &waiting.back(); ++entry)
          if (entry->events == 0) entry->fd = -1;
      }
      if (::poll(waiting.data(), waiting.size(), patience(links)) < 0) continue;

      const auto [orders, last] = take_orders();
      auto entry = waiting.begin() + 2;
      for (Link& link : links) {
        const short client_events = (entry++)->revents;
        const short server_events = (entry++)->revents;
        if (client_events != 0 && listens(link.to_server)) read_request(link);
        if (server_events != 0 && listens(link.to_client)) read_answer(link);
        if (orders.resume) link.to_server.held = link.to_client.held = false;
        write(link.to_server, link.server, link);
        write(link.to_client, link.client, link);
        if (orders.cut || is_drained(link.to_server) || is_drained(link.to_client)) link.over = true;
      }
      links.remove_if([](const Link& link) { return link.over; });
      if (waiting[1].revents != 0) accept(links);
      {
        const std::lock_guard lock(mutex_);
        done_ = last;
      }
      carried_out_.notify_all();
      if (orders.stop) return;
    }
  }

  /// The orders since the last time, and the number of the last one.
  std::pair<Orders, std::uint64_t> take_orders() {
    std::array<char, 64> ignored{};
    while (::read(woken_.get(), ignored.data(), ignored.size()) > 0) {
    }
    const std::lock_guard lock(mutex_);
    return {std::exchange(orders_, {}), given_};
  }

  bool listens(const Flow& from) const {
    constexpr std::size_t most_under_way = 64;
    return from.chunks.size() < (delay_.count() > 0 ? most_under_way : 1) && !from.held && !from.ended;
  }
  static bool is_drained(const Flow& flow) { return flow.ended && flow.chunks.empty(); }
  static bool is_due(const Flow& flow) {
    return !flow.chunks.empty() && !flow.held && flow.chunks.front().due <= Clock::now();
  }

  /// What to wait for at a peer that writes into `from` and reads out of `to`.
  short events(const Flow& from, const Flow& to) const {
    const int wanted = (listens(from) ? POLLIN : 0) | (is_due(to) ? POLLOUT : 0);
    return static_cast<short>(wanted);
  }

  /// Milliseconds until the next bytes are due; -1: none are under way.
  int patience(const std::list<Link>& links) const {
    if (delay_.count() == 0) return -1;
    auto next = Clock::time_point::max();
    for (const Link& link : links)
      if (const Flow& flow = link.to_client; !flow.chunks.empty() && !flow.held)
        next = std::min(next, flow.chunks.front().due);
    if (next == Clock::time_point::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
  }

  void accept(std::list<Link>& links) {
    const int accepted = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted < 0) return;
    Link link;
    link.client = Descriptor(accepted);
    {
      const std::lock_guard lock(mutex_);
      if (refused_) return;
      ++connections_;
    }
    link.server = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback_address(server_port_);
    if (::connect(link.server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      return; // the client finds its connection ended
    for (const int socket : {link.client.get(), link.server.get()}) {
      const int on = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ::fcntl(socket, F_SETFL, O_NONBLOCK);
    }
    links.push_back(std::move(link));
  }

  /// Returns whether there was something to read.
  static bool read(const Descriptor& from, Flow& flow, Clock::time_point due) {
    std::array<char, 16'384> buffer{};
    const auto count = ::recv(from.get(), buffer.data(), buffer.size(), 0);
    if (count > 0) flow.chunks.push_back({{buffer.data(), static_cast<std::size_t>(count)}, due});
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) flow.ended = true;
    return count > 0;
  }

  static void write(Flow& flow, const Descriptor& to, Link& link) {
    while (is_due(flow) && !link.over) {
      std::string& bytes = flow.chunks.front().bytes;
      const auto count = ::send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count < 0) {
        if (errno != EAGAIN && errno != EINTR) link.over = true;
        return;
      }
      bytes.erase(0, static_cast<std::size_t>(count));
      if (bytes.empty()) flow.chunks.pop_front();
    }
  }

  void read_request(Link& link) {
    if (!read(link.client, link.to_server, {}) || !std::exchange(link.server_spoke_last, false)) return;
    const auto fault = begin_turn();
    if (!fault) return;
    switch (*fault) {
    case Fault::cut_before_request: link.over = true; break;
    case Fault::cut_before_answer: link.cut_at_answer = true; break;
    case Fault::stall_before_request: link.to_server.held = true; break;
    case Fault::stall_before_answer: link.to_client.held = true; break;
    }
  }

  void read_answer(Link& link) {
    if (!read(link.server, link.to_client, Clock::now() + delay_)) return;
    link.server_spoke_last = true;
    if (link.cut_at_answer) link.over = true;
  }

  std::optional<Fault> begin_turn() {
    const std::lock_guard lock(mutex_);
    ++turns_;
    if (!armed_ || turns_ != armed_->turn) return std::nullopt;
    return std::exchange(armed_, std::nullopt)->fault;
  }

  const std::uint16_t server_port_;
  const std::chrono::milliseconds delay_;
  std::uint16_t port_ = 0;
  Descriptor listener_;
  Descriptor woken_;
  Descriptor waking_;
  mutable std::mutex mutex_;
  std::condition_variable carried_out_;
  Orders orders_;
  std::uint64_t given_ = 0; // orders, and how many of them are done
  std::uint64_t done_ = 0;
  std::optional<Armed> armed_;
  std::uint64_t turns_ = 0;
  std::uint64_t connections_ = 0;
  bool refused_ = false;
  std::thread thread_;
};

} // namespace mfa::test
