#pragma once

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <optional>
#include <vector>

#include <curl/curl.h>

#if defined(_WIN32)
#include <winsock2.h>
#else
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

#include <mfa/delivery/failure.hpp>
#include <mfa/error.hpp>
#include <mfa/http/broken_pipe.hpp>
#include <mfa/http/curl_handles.hpp>
#include <mfa/http/curl_mail.hpp>
#include <mfa/http/curl_options.hpp>
#include <mfa/http/curl_request.hpp>
#include <mfa/http/mail.hpp>
#include <mfa/http/request.hpp>
#include <mfa/storage/conversation.hpp>

namespace mfa::detail::curl {

/// What is never readable, for who waits for a time alone.
class Silence {
 public:
  Silence() : socket_(::socket(AF_INET, SOCK_DGRAM, 0)) {
    if (socket_ == none)
      throw DeliveryError(DeliveryFailure::unavailable,
                          "a transport has no descriptor left; let the process have more open files");
#if !defined(_WIN32)
    (void)::fcntl(socket_, F_SETFD, FD_CLOEXEC);
#endif
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
#if defined(_WIN32)
  ~Silence() { ::closesocket(socket_); }
#else
  ~Silence() { ::close(socket_); }
#endif

  [[nodiscard]] int socket() const noexcept { return static_cast<int>(socket_); }

 private:
#if defined(_WIN32)
  static constexpr SOCKET none = INVALID_SOCKET;
  SOCKET socket_;
#else
  static constexpr int none = -1;
  int socket_;
#endif
};

/// One request at a time by libcurl, as a conversation, which a thread that blocks and an event loop carry on
/// alike. It keeps its connection for the next one. Not movable; for one thread at a time. If a conversation
/// is destroyed before its end or throws, its connection is closed.
class Exchange {
 public:
  explicit Exchange(const http::CurlOptions& options) : options_(options) {
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (initialised != CURLE_OK)
      throw Error(errc::crypto_failure,
                  "libcurl cannot be initialised; check its TLS library and the memory");
    multi_.reset(curl_multi_init());
    easy_.reset(curl_easy_init());
    if (!multi_ || !easy_) throw std::bad_alloc();
    check(curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, &Exchange::on_socket));
    check(curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this));
    check(curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &Exchange::on_timer));
    check(curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this));
    check(curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, 1L));
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() {
    const NoBrokenPipe no_broken_pipe;
    mail_sockets_.break_off();
    multi_.reset(); // closes connections, with a farewell
    easy_.reset();
  }

  /// False while a request is under way.
  [[nodiscard]] bool is_usable() const noexcept { return !busy_; }

  /// Whether the server may have what a request that is under way says.
  [[nodiscard]] bool may_have_arrived() const noexcept {
    return request_ != nullptr && request_->may_have_arrived();
  }

  /// The request must live until the end.
  Conversation<http::Response> perform(const http::Request& request) {
    begin();
    CurlRequest spoken(easy_.get(), request, options_);
    request_ = &spoken;
    co_return co_await answer_to(spoken);
  }

  /// Not for event loops: libcurl waits in the thread for what the server says of the whole mail, and to our
  /// QUIT, up to a second beyond `CurlOptions::timeout`.
  Conversation<http::MailReply> perform(const http::Mail& mail) {
    begin();
    CurlMail spoken(easy_.get(), mail, options_, mail_sockets_);
    co_return co_await answer_to(spoken);
  }

 private:
  /// What the other side says of a request or mail, by the end of the transfer.
  template <class Spoken> auto answer_to(Spoken& spoken) -> Conversation<decltype(spoken.finish(CURLE_OK))> {
    try {
      const CURLcode result = co_await transfer();
      co_return spoken.finish(result);
    } catch (const DeliveryError&) {
      throw;
    } catch (const std::exception&) {
      throw_if_unclear(spoken.server(), spoken.may_have_arrived());
      throw;
    }
  }

  struct Watched {
    curl_socket_t socket;
    int what;
  };

  /// What is the same of every request.
  void begin() {
    CURL* const easy = easy_.get();
    curl_easy_reset(easy);
    set(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    // A look-up of a name that is given up is left to its thread, which frees what is its own. Otherwise
    // libcurl waits for it, in our thread. That of an older library which is loaded does.
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    set(easy, CURLOPT_PROXY, options_.proxy.c_str()); // an empty one: not that of the environment either
    set(easy, CURLOPT_NOPROXY, "");                   // nor its exceptions
    set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (!options_.ca_file.empty()) {
      set(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
      set(easy, CURLOPT_CAPATH, static_cast<char*>(nullptr));
    }
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
    set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
    set(easy, CURLOPT_MAXAGE_CONN, static_cast<long>(options_.longest_idle.count()));
  }

  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) noexcept {
    auto& sockets = static_cast<Exchange*>(self)->sockets_;
    std::erase_if(sockets, [socket](const Watched& watched) { return watched.socket == socket; });
    if (what == CURL_POLL_REMOVE) return 0;
    try {
      sockets.push_back({socket, what});
    } catch (...) {
      return -1;
    }
    return 0;
  }

  static int on_timer(CURLM*, long milliseconds, void* self) noexcept {
    auto& due = static_cast<Exchange*>(self)->due_;
    due.reset();
    if (milliseconds >= 0) due = Clock::now() + std::chrono::milliseconds(milliseconds);
    return 0;
  }

  Conversation<CURLcode> transfer() {
    using namespace std::chrono;
    const UnderWay under_way(*this);
    for (;;) {
      if (const auto result = ended()) co_return *result;
      const auto now = Clock::now();
      const auto deadline = due_.value_or(now + seconds(1));
      if (deadline <= now) {
        due_.reset();
        go_on(CURL_SOCKET_TIMEOUT);
        continue;
      }
      Wait wait{.socket = silence_.socket(), .deadline = deadline};
      if (!sockets_.empty()) {
        const Watched& watched = sockets_.back();
        wait.socket = static_cast<int>(watched.socket);
        wait.to_write = watched.what != CURL_POLL_IN;
        // Only one of them can be waited for: while two addresses are tried, say.
        if (sockets_.size() > 1) wait.deadline = std::min(deadline, now + milliseconds(10));
        if (watched.what == CURL_POLL_INOUT) wait.deadline = std::min(wait.deadline, now + milliseconds(100));
      }
      const bool ready = co_await wait;
      if (!ready && due_ && *due_ <= Clock::now()) continue;
      const std::vector<Watched> sockets = sockets_; // which libcurl changes
      for (const Watched& watched : sockets)
        if (std::any_of(sockets_.begin(), sockets_.end(),
                        [&](const Watched& still) { return still.socket == watched.socket; }))
          go_on(watched.socket);
      if (sockets.empty() && !due_) go_on(CURL_SOCKET_TIMEOUT);
    }
  }

  /// The request is libcurl's for so long. Before its end, this closes the connection.
  class UnderWay {
   public:
    explicit UnderWay(Exchange& exchange) : exchange_(exchange) {
      exchange_.busy_ = true;
      exchange_.sockets_.clear();
      check(curl_multi_add_handle(exchange_.multi_.get(), exchange_.easy_.get()));
    }
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;
    ~UnderWay() {
      const NoBrokenPipe no_broken_pipe;
      curl_multi_remove_handle(exchange_.multi_.get(), exchange_.easy_.get());
      exchange_.sockets_.clear();
      exchange_.due_.reset();
      exchange_.request_ = nullptr;
      exchange_.busy_ = false;
    }

   private:
    Exchange& exchange_;
  };

  void go_on(curl_socket_t socket) {
    const NoBrokenPipe no_broken_pipe;
    int running = 0;
    check(curl_multi_socket_action(multi_.get(), socket, 0, &running));
  }

  std::optional<CURLcode> ended() {
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left))
      if (message->msg == CURLMSG_DONE) return message->data.result;
    return std::nullopt;
  }

  const http::CurlOptions options_;
  const Silence silence_;
  std::vector<Watched> sockets_;
  MailSockets mail_sockets_;
  const CurlRequest* request_ = nullptr; ///< that is under way
  std::optional<Clock::time_point> due_;
  bool busy_ = false;
  Easy easy_;
  Multi multi_;
};

} // namespace mfa::detail::curl
