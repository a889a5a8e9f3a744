#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <curl/curl.h>

#if defined(_WIN32)
#include <winsock2.h>
#else
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

#include <mfa/crypto/secret_string.hpp>
#include <mfa/http/curl_handles.hpp>
#include <mfa/http/curl_options.hpp>
#include <mfa/http/mail.hpp>
#include <mfa/http/request.hpp>

namespace mfa::detail::curl {

/// The connections to mail servers that one handle of libcurl has.
class MailSockets {
 public:
  /// Before libcurl closes a connection to a mail server, it says QUIT and waits for up to two minutes.
  void break_off() noexcept {
    for (const curl_socket_t socket : sockets_) ::shutdown(socket, 2);
  }

  static curl_socket_t on_open(void* self, curlsocktype, curl_sockaddr* address) noexcept {
    const curl_socket_t socket = ::socket(address->family, address->socktype, address->protocol);
    if (socket == CURL_SOCKET_BAD) return socket;
#if !defined(_WIN32)
    (void)::fcntl(socket, F_SETFD, FD_CLOEXEC);
#endif
    try {
      static_cast<MailSockets*>(self)->sockets_.push_back(socket);
    } catch (...) { // it is closed as politely as libcurl does
    }
    return socket;
  }

  static int on_close(void* self, curl_socket_t socket) noexcept {
    std::erase(static_cast<MailSockets*>(self)->sockets_, socket);
#if defined(_WIN32)
    return ::closesocket(socket);
#else
    return ::close(socket);
#endif
  }

 private:
  std::vector<curl_socket_t> sockets_;
};

/// One mail as libcurl is told it, and what the server says. Lives, and the mail with it, until libcurl has
/// done with the handle; the sockets for longer.
class CurlMail {
 public:
  CurlMail(CURL* easy, const http::Mail& mail, const http::CurlOptions& options, MailSockets& sockets)
      : easy_(easy), sockets_(sockets), server_(http::host_of(mail.server)), said_(mail.data.view()),
        left_(options.largest_answer) {
    said_.ends_by_itself = false;
    said_.deadline = Clock::now() + options.timeout;
    append(recipients_, ("<" + mail.recipient + ">").c_str());
    crypto::SecretString url(mail.server); // whose path is what libcurl says after EHLO
    if (!mail.hello_name.empty()) http::append_encoded(url += '/', mail.hello_name);
    set(easy, CURLOPT_URL, url.c_str());
    set(easy, CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
    if (!mail.user.empty()) {
      set(easy, CURLOPT_USERNAME, mail.user.c_str());
      set(easy, CURLOPT_PASSWORD, mail.password.c_str());
    }
    set(easy, CURLOPT_MAIL_FROM, ("<" + mail.sender + ">").c_str());
    set(easy, CURLOPT_MAIL_RCPT, recipients_.get());
    set(easy, CURLOPT_UPLOAD, 1L);
    set(easy, CURLOPT_READFUNCTION, &Said::on_read);
    set(easy, CURLOPT_READDATA, &said_);
    set(easy, CURLOPT_OPENSOCKETFUNCTION, &MailSockets::on_open);
    set(easy, CURLOPT_OPENSOCKETDATA, &sockets);
    set(easy, CURLOPT_CLOSESOCKETFUNCTION, &MailSockets::on_close);
    set(easy, CURLOPT_CLOSESOCKETDATA, &sockets);
    set(easy, CURLOPT_XFERINFOFUNCTION, &CurlMail::on_progress);
    set(easy, CURLOPT_XFERINFODATA, &said_);
    set(easy, CURLOPT_NOPROGRESS, 0L);
    set(easy, CURLOPT_HEADERFUNCTION, &CurlMail::on_reply);
    set(easy, CURLOPT_HEADERDATA, this);
    set(easy, CURLOPT_ERRORBUFFER, error_.data());
  }
  CurlMail(const CurlMail&) = delete;
  CurlMail& operator=(const CurlMail&) = delete;
  ~CurlMail() { (void)curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, static_cast<char*>(nullptr)); }

  [[nodiscard]] const std::string& server() const noexcept { return server_; }
  /// Whether the server may have the whole mail.
  [[nodiscard]] bool may_have_arrived() const noexcept { return said_.all_said; }

  /// What the server said, or throws that it did not.
  [[nodiscard]] http::MailReply finish(CURLcode result) {
    if (result == CURLE_OK) return {.status = 250};
    // Not to be used again: an answer that is late would be taken for that to the next mail.
    sockets_.break_off();
    const auto refused = refused_stage(result);
    if (!refused) throw_not_answered(server_, result, said_.all_said);
    return {.status = refused_status_, .text = std::move(refusal_), .to = *refused};
  }

 private:
  /// What it refused, so that libcurl ended it. None: something else did, whatever was refused before.
  [[nodiscard]] std::optional<http::MailStage> refused_stage(CURLcode result) const noexcept {
    using enum http::MailStage;
    if (refused_status_ == 0 || result == CURLE_OPERATION_TIMEDOUT || result == CURLE_ABORTED_BY_CALLBACK)
      return std::nullopt;
    if (said_.all_said) return refused_all_ ? std::optional(mail) : std::nullopt;
    const std::string_view why = error_.data();
    switch (result) {
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_REMOTE_ACCESS_DENIED: return connection;
    case CURLE_LOGIN_DENIED: return sign_in;
    case CURLE_SEND_ERROR: // which command it was, the text alone says
      if (why.starts_with("MAIL failed")) return sender;
      if (why.starts_with("RCPT failed")) return recipient;
      if (why.starts_with("DATA failed")) return data;
      break;
    default: break;
    }
    return std::nullopt;
  }

  /// Ends waits of libcurl's own.
  static int on_progress(void* of, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
    return Clock::now() > static_cast<const Said*>(of)->deadline ? 1 : 0;
  }

  static std::size_t on_reply(const char* text, std::size_t size, std::size_t count, void* to) noexcept {
    auto& heard = *static_cast<CurlMail*>(to);
    std::string_view line(text, size * count);
    if (line.size() > heard.left_) return 0;
    heard.left_ -= line.size();
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    const int status = number_in(line);
    if (status < 400) return size * count;
    try {
      heard.refused_status_ = status;
      heard.refused_all_ = heard.said_.all_said;
      heard.refusal_ = line.substr(std::min<std::size_t>(line.size(), 4));
    } catch (...) {
      return 0;
    }
    return size * count;
  }

  CURL* easy_;
  MailSockets& sockets_;
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::string server_;
  Said said_;
  List recipients_;
  int refused_status_ = 0;   ///< the last that refused something, 221 to our QUIT aside
  bool refused_all_ = false; ///< whether that was the whole mail
  std::string refusal_;      ///< what it said there, in its last line
  std::size_t left_;
};

} // namespace mfa::detail::curl
