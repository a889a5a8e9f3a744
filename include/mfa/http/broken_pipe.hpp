#pragma once

#if !defined(_WIN32) && !defined(__APPLE__)
#include <cerrno>
#include <csignal>
#include <ctime>
#endif

#include <curl/curl.h>

#include <mfa/compiler.hpp>

namespace mfa::detail::curl {

/// Whether the libcurl that is loaded may write to a connection that its server has ended in a way that
/// SIGPIPE comes of: by OpenSSL, before 7.87. CURLOPT_NOSIGNAL leaves that to us.
[[nodiscard]] inline bool may_break_pipes() noexcept {
  static const bool may = curl_version_info(CURLVERSION_NOW)->version_num < 0x075700;
  return may;
}

/// While it lives, no SIGPIPE of what its thread writes reaches the host. One that was pending before stays.
class NoBrokenPipe {
#if defined(_WIN32) || defined(__APPLE__) // where there is none, or libcurl turns it off for its sockets
 public:
  explicit NoBrokenPipe(bool = may_break_pipes()) noexcept {}
  NoBrokenPipe(const NoBrokenPipe&) = delete;
  NoBrokenPipe& operator=(const NoBrokenPipe&) = delete;
  ~NoBrokenPipe() {} // not trivial: so that no compiler takes it for unused
#else
 public:
  explicit NoBrokenPipe(bool needed = may_break_pipes()) noexcept {
    sigset_t pending;
    if (!needed || ::sigpending(&pending) != 0 || ::sigismember(&pending, SIGPIPE) == 1) return;
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    blocks_ = ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_) == 0;
  }
  NoBrokenPipe(const NoBrokenPipe&) = delete;
  NoBrokenPipe& operator=(const NoBrokenPipe&) = delete;
  ~NoBrokenPipe() {
    if (!blocks_) return;
    const timespec at_once{};
    while (::sigtimedwait(&pipe_, nullptr, &at_once) == -1 && errno == EINTR) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool blocks_ = false;
#endif
};

} // namespace mfa::detail::curl
