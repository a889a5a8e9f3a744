#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <curl/curl.h>
#include <openssl/crypto.h>

#if defined(_WIN32)
#include <winsock2.h>
#else
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

#include <mfa/crypto/secret_string.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/error.hpp>
#include <mfa/http/curl_options.hpp>
#include <mfa/http/mail.hpp>
#include <mfa/http/request.hpp>
#include <mfa/storage/conversation.hpp>

namespace mfa::detail::curl {

/// Throws `errc::invalid_argument` for options out of their range.
inline void check(const http::CurlOptions& options) {
  using namespace std::chrono;
  const auto refuse = [](const char* what) {
    throw Error(errc::invalid_argument, std::string("CurlOptions::").append(what));
  };
  if (options.connect_timeout < 1ms || options.connect_timeout > hours(1) || options.timeout < 1ms ||
      options.timeout > hours(1))
    refuse("connect_timeout and timeout must be from a millisecond to an hour");
  if (options.largest_answer < 1024 || options.largest_answer > 16U << 20)
    refuse("largest_answer must be from 1 KiB to 16 MiB");
  if (options.max_connections < 1 || options.max_connections > 10'000)
    refuse("max_connections must be from 1 to 10,000");
  if (options.longest_idle < 1s || options.longest_idle > hours(1))
    refuse("longest_idle must be from a second to an hour");
}

struct FreeEasy {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;

struct FreeMulti {
  void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
};
using Multi = std::unique_ptr<CURLM, FreeMulti>;

/// Wipes what it frees: headers hold credentials.
struct FreeList {
  void operator()(curl_slist* list) const noexcept {
    for (const curl_slist* each = list; each != nullptr; each = each->next)
      OPENSSL_cleanse(each->data, std::strlen(each->data));
    curl_slist_free_all(list);
  }
};
using List = std::unique_ptr<curl_slist, FreeList>;

inline void append(List& list, const char* text) {
  curl_slist* const longer = curl_slist_append(list.get(), text);
  if (longer == nullptr) throw std::bad_alloc();
  (void)list.release();
  list.reset(longer);
}

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
  using Clock = std::chrono::steady_clock;

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
  ~Exchange() { break_off(); }

  /// False while a request is under way.
  [[nodiscard]] bool is_usable() const noexcept { return !busy_; }

  /// The request must live until the end.
  Conversation<http::Response> perform(const http::Request& request) {
    const std::string server(http::host_of(request.url.view()));
    Heard heard(options_.largest_answer);
    Said said(request.body.view());
    const List headers = begin(request, heard, said);
    const CURLcode result = co_await transfer();
    // What a server said before its connection broke is its answer all the same.
    // To libcurl, headers that are cut off are whole.
    if (!heard.headers_ended)
      throw_not_answered(server, result == CURLE_OK ? CURLE_PARTIAL_FILE : result, said.all_said);
    if (result != CURLE_OK) heard.response.whole = false;
    co_return std::move(heard.response);
  }

  /// Not for event loops: libcurl waits in the thread for what the server says of the whole mail, and to our
  /// QUIT, up to a second beyond `CurlOptions::timeout`.
  Conversation<http::MailReply> perform(const http::Mail& mail) {
    const std::string server(http::host_of(mail.server));
    Heard heard(options_.largest_answer);
    Said said(mail.data.view());
    said.ends_by_itself = false;
    said.deadline = Clock::now() + options_.timeout;
    const List recipients = begin(mail, heard, said);
    const CURLcode result = co_await transfer();
    // It is not to be used again: an answer that is late would be taken for that to the next mail.
    if (result != CURLE_OK) break_off();
    http::MailReply reply;
    reply.to_data = said.all_said;
    if (result == CURLE_OK) {
      reply.status = 250;
    } else if (heard.refused_status != 0 && result != CURLE_OPERATION_TIMEDOUT &&
               result != CURLE_ABORTED_BY_CALLBACK) {
      reply.status = heard.refused_status;
      reply.text = std::move(heard.refusal);
    } else {
      throw_not_answered(server, result, said.all_said);
    }
    co_return reply;
  }

 private:
  /// What is sent, and whether libcurl has taken all of it: from then on it may have arrived.
  struct Said {
    explicit Said(std::string_view text) : rest(text) {}

    std::string_view rest;
    bool ends_by_itself = true; ///< its size was announced
    bool all_said = false;
    Clock::time_point deadline = Clock::time_point::max();
  };

  struct Heard {
    explicit Heard(std::size_t at_most) : left_of_headers(at_most), left_of_body(at_most) {}

    http::Response response;
    int refused_status = 0; ///< of a mail server: the last that refused something, 221 to our QUIT aside
    std::string refusal;    ///< what it said there, in its last line
    bool headers_ended = false;
    std::size_t left_of_headers;
    std::size_t left_of_body;
  };

  struct Watched {
    curl_socket_t socket;
    int what;
  };

  static void check(CURLcode code) {
    if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLE_OK)
      throw Error(errc::invalid_argument, std::string("libcurl does not take a setting: ") +
                                              curl_easy_strerror(code) +
                                              "; use one that was built with TLS, SMTP and threads");
  }
  static void check(CURLMcode code) {
    if (code == CURLM_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLM_OK)
      throw Error(errc::invalid_argument,
                  std::string("libcurl cannot go on: ") + curl_multi_strerror(code) + "; update it");
  }
  template <class Value> void set(CURLoption option, Value value) {
    check(curl_easy_setopt(easy_.get(), option, value));
  }

  // --- before

  void begin() {
    curl_easy_reset(easy_.get());
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROXY, options_.proxy.c_str()); // an empty one: not that of the environment either
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    if (!options_.ca_file.empty()) {
      set(CURLOPT_CAINFO, options_.ca_file.c_str());
      set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
    }
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
    set(CURLOPT_MAXAGE_CONN, static_cast<long>(options_.longest_idle.count()));
  }

  List begin(const http::Request& request, Heard& heard, Said& said) {
    begin();
    List headers;
    for (const http::Header& header : request.headers) {
      if (header.value.view().find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
        throw Error(errc::invalid_argument,
                    "the header " + header.name + " of a request has a line end; remove it from the setting");
      append(headers, (crypto::SecretString(header.name + ": ") += header.value.view()).c_str());
    }
    append(headers, "Expect:");
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_HTTPHEADER, headers.get());
    // Read from us and with no way back: on a connection that turns out to be dead, libcurl must not send
    // what the server may have got a second time.
    if (!request.body.empty() || request.method == "POST") {
      set(CURLOPT_POST, 1L);
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(CURLOPT_READFUNCTION, &Exchange::on_read);
      set(CURLOPT_READDATA, &said);
      said.all_said = request.body.empty();
    } else {
      said.all_said = true;
    }
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    set(CURLOPT_HEADERFUNCTION, &Exchange::on_header);
    set(CURLOPT_HEADERDATA, &heard);
    set(CURLOPT_WRITEFUNCTION, &Exchange::on_body);
    set(CURLOPT_WRITEDATA, &heard);
    return headers;
  }

  List begin(const http::Mail& mail, Heard& heard, Said& said) {
    begin();
    List recipients;
    append(recipients, ("<" + mail.recipient + ">").c_str());
    set(CURLOPT_URL, mail.server.c_str());
    set(CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
    if (!mail.user.empty()) {
      set(CURLOPT_USERNAME, mail.user.c_str());
      set(CURLOPT_PASSWORD, mail.password.c_str());
    }
    set(CURLOPT_MAIL_FROM, ("<" + mail.sender + ">").c_str());
    set(CURLOPT_MAIL_RCPT, recipients.get());
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, &Exchange::on_read);
    set(CURLOPT_READDATA, &said);
    set(CURLOPT_OPENSOCKETFUNCTION, &Exchange::on_open);
    set(CURLOPT_OPENSOCKETDATA, this);
    set(CURLOPT_CLOSESOCKETFUNCTION, &Exchange::on_close);
    set(CURLOPT_CLOSESOCKETDATA, this);
    set(CURLOPT_XFERINFOFUNCTION, &Exchange::on_progress);
    set(CURLOPT_XFERINFODATA, &said);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_HEADERFUNCTION, &Exchange::on_reply);
    set(CURLOPT_HEADERDATA, &heard);
    return recipients;
  }

  // --- while libcurl works

  static std::size_t on_read(char* to, std::size_t size, std::size_t count, void* from) noexcept {
    auto& said = *static_cast<Said*>(from);
    const std::size_t taken = said.rest.copy(to, size * count);
    said.rest.remove_prefix(taken);
    if (said.rest.empty() && (said.ends_by_itself || taken == 0)) said.all_said = true;
    return taken;
  }

  /// Ends waits of libcurl's own.
  static int on_progress(void* of, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
    return Clock::now() > static_cast<const Said*>(of)->deadline ? 1 : 0;
  }

  static curl_socket_t on_open(void* self, curlsocktype, curl_sockaddr* address) noexcept {
    const curl_socket_t socket = ::socket(address->family, address->socktype, address->protocol);
    if (socket == CURL_SOCKET_BAD) return socket;
#if !defined(_WIN32)
    (void)::fcntl(socket, F_SETFD, FD_CLOEXEC);
#endif
    try {
      static_cast<Exchange*>(self)->mail_sockets_.push_back(socket);
    } catch (...) { // it is closed as politely as libcurl does
    }
    return socket;
  }

  static int on_close(void* self, curl_socket_t socket) noexcept {
    std::erase(static_cast<Exchange*>(self)->mail_sockets_, socket);
#if defined(_WIN32)
    return ::closesocket(socket);
#else
    return ::close(socket);
#endif
  }

  /// Before libcurl closes a connection to a mail server, it says QUIT and waits for up to two minutes.
  void break_off() noexcept {
    for (const curl_socket_t socket : mail_sockets_) ::shutdown(socket, 2);
  }

  static std::size_t on_header(const char* text, std::size_t size, std::size_t count, void* to) noexcept {
    auto& heard = *static_cast<Heard*>(to);
    std::string_view line(text, size * count);
    if (line.size() > heard.left_of_headers) return 0;
    heard.left_of_headers -= line.size();
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    try {
      if (line.starts_with("HTTP/")) { // another one came before: 100, say
        heard.response.headers.clear();
        heard.response.status = status_of(line);
        heard.headers_ended = false;
      } else if (line.empty()) {
        heard.headers_ended = heard.response.status >= 200;
      } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
        std::string_view value = line.substr(colon + 1);
        while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
        heard.response.headers.push_back({std::string(line.substr(0, colon)), value});
      }
    } catch (...) {
      return 0;
    }
    return size * count;
  }

  static int status_of(std::string_view line) noexcept {
    const auto space = line.find(' ');
    return space == std::string_view::npos ? 0 : number_in(line.substr(space + 1));
  }

  /// Of the three digits with which the text begins; otherwise 0.
  static int number_in(std::string_view text) noexcept {
    if (text.size() < 3) return 0;
    int number = 0;
    for (const char c : text.substr(0, 3)) {
      if (c < '0' || c > '9') return 0;
      number = number * 10 + (c - '0');
    }
    return number;
  }

  static std::size_t on_body(const char* text, std::size_t size, std::size_t count, void* to) noexcept {
    auto& heard = *static_cast<Heard*>(to);
    const std::size_t all = size * count;
    if (all > heard.left_of_body) return 0;
    heard.left_of_body -= all;
    try {
      heard.response.body += std::string_view(text, all);
    } catch (...) {
      return 0;
    }
    return all;
  }

  static std::size_t on_reply(const char* text, std::size_t size, std::size_t count, void* to) noexcept {
    auto& heard = *static_cast<Heard*>(to);
    std::string_view line(text, size * count);
    if (line.size() > heard.left_of_headers) return 0;
    heard.left_of_headers -= line.size();
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    const int status = number_in(line);
    if (status < 400) return size * count;
    try {
      heard.refused_status = status;
      heard.refusal = line.substr(std::min<std::size_t>(line.size(), 4));
    } catch (...) {
      return 0;
    }
    return size * count;
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
      curl_multi_remove_handle(exchange_.multi_.get(), exchange_.easy_.get());
      exchange_.sockets_.clear();
      exchange_.due_.reset();
      exchange_.busy_ = false;
    }

   private:
    Exchange& exchange_;
  };

  void go_on(curl_socket_t socket) {
    int running = 0;
    check(curl_multi_socket_action(multi_.get(), socket, 0, &running));
  }

  std::optional<CURLcode> ended() {
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left))
      if (message->msg == CURLMSG_DONE) return message->data.result;
    return std::nullopt;
  }

  // --- when nothing was answered

  [[noreturn]] static void throw_not_answered(const std::string& server, CURLcode code, bool all_said) {
    if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code == CURLE_ABORTED_BY_CALLBACK) code = CURLE_OPERATION_TIMEDOUT;
    const std::string why = std::string(" (").append(curl_easy_strerror(code)).append(")");
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      throw DeliveryError(DeliveryFailure::unavailable,
                          "the certificate of " + server + " is not to be trusted" + why +
                              "; nothing was sent. Check the name, the system's authorities or "
                              "CurlOptions::ca_file.");
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
      throw DeliveryError(DeliveryFailure::unavailable, "CurlOptions::ca_file cannot be used for " + server +
                                                            why + "; nothing was sent. Check the file.");
    case CURLE_USE_SSL_FAILED:
      throw DeliveryError(DeliveryFailure::unavailable,
                          server + " offers no TLS" + why +
                              "; nothing was sent. Use a server with STARTTLS, or its smtps:// port.");
    case CURLE_LOGIN_DENIED:
      throw DeliveryError(DeliveryFailure::credentials_refused,
                          server + " has no way to sign in with a password" + why +
                              "; nothing was sent. Check the server, its port and the user.");
    default: break;
    }
    if (all_said)
      throw DeliveryError(DeliveryFailure::unclear, server + " got the message but did not answer" + why +
                                                        "; whether it was taken is not known");
    throw DeliveryError(DeliveryFailure::unavailable, server + " could not be reached" + why +
                                                          "; nothing was sent. Try again, or another.");
  }

  const http::CurlOptions options_;
  const Silence silence_;
  std::vector<Watched> sockets_;
  std::vector<curl_socket_t> mail_sockets_;
  std::optional<Clock::time_point> due_;
  bool busy_ = false;
  Easy easy_; // ends first but one, while the callbacks have what they use
  Multi multi_;
};

} // namespace mfa::detail::curl
