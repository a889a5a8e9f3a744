#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include <curl/curl.h>
#include <openssl/crypto.h>

#include <mfa/delivery/failure.hpp>
#include <mfa/error.hpp>
#include <mfa/http/curl_options.hpp>
#include <mfa/http/settings.hpp>

// What is the same of libcurl whatever it speaks.
namespace mfa::detail::curl {

using Clock = std::chrono::steady_clock;

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
  if (!options.proxy.empty()) {
    const std::string_view proxy = options.proxy;
    const auto scheme = proxy.find("://");
    constexpr std::array<std::string_view, 6> schemes = {"http",    "https",  "socks4",
                                                         "socks4a", "socks5", "socks5h"};
    if (scheme != std::string_view::npos &&
        std::find(schemes.begin(), schemes.end(), proxy.substr(0, scheme)) == schemes.end())
      refuse("proxy has a scheme that is none of a proxy; write http://proxy.internal:3128, say");
    if (!http::detail::is_visible_ascii(proxy)) refuse("proxy has a space or a line end; remove it");
  }
  if (options.ca_file.empty()) return;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(options.ca_file.c_str(), "rb"),
                                                             &std::fclose);
  if (!file) refuse("ca_file cannot be read; check its path, and who may read it");
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

inline void check(CURLcode code) {
  if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLE_OK)
    throw Error(errc::invalid_argument, std::string("libcurl does not take a setting: ") +
                                            curl_easy_strerror(code) +
                                            "; use one that was built with TLS, SMTP and threads");
}
inline void check(CURLMcode code) {
  if (code == CURLM_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLM_OK)
    throw Error(errc::invalid_argument,
                std::string("libcurl cannot go on: ") + curl_multi_strerror(code) + "; update it");
}
template <class Value> void set(CURL* easy, CURLoption option, Value value) {
  check(curl_easy_setopt(easy, option, value));
}

/// What is sent, and whether libcurl has taken all of it: from then on it may have arrived.
struct Said {
  explicit Said(std::string_view text) : rest(text) {}

  std::string_view rest;
  bool ends_by_itself = true; ///< its size was announced
  bool all_said = false;
  Clock::time_point deadline = Clock::time_point::max();

  static std::size_t on_read(char* to, std::size_t size, std::size_t count, void* from) noexcept {
    auto& said = *static_cast<Said*>(from);
    const std::size_t taken = said.rest.copy(to, size * count);
    said.rest.remove_prefix(taken);
    if (said.rest.empty() && (said.ends_by_itself || taken == 0)) said.all_said = true;
    return taken;
  }
};

/// Of the three digits with which the text begins; otherwise 0.
inline int number_in(std::string_view text) noexcept {
  if (text.size() < 3) return 0;
  int number = 0;
  for (const char c : text.substr(0, 3)) {
    if (c < '0' || c > '9') return 0;
    number = number * 10 + (c - '0');
  }
  return number;
}

/// What a conversation comes to whose end is no answer. `all_said`: the server may have the message, so that
/// nobody knows what it did with it, whatever libcurl stumbled over afterwards.
[[nodiscard]] constexpr DeliveryFailure failure_of(CURLcode code, bool all_said) noexcept {
  if (all_said) return DeliveryFailure::unclear;
  return code == CURLE_LOGIN_DENIED ? DeliveryFailure::credentials_refused : DeliveryFailure::unavailable;
}

/// Of a conversation whose end is no answer.
[[noreturn]] inline void throw_not_answered(const std::string& server, CURLcode code, bool all_said) {
  if (code == CURLE_ABORTED_BY_CALLBACK) code = CURLE_OPERATION_TIMEDOUT;
  const std::string why = std::string(" (").append(curl_easy_strerror(code)).append(")");
  const auto fail = [&](const std::string& text) { throw DeliveryError(failure_of(code, all_said), text); };
  if (all_said)
    fail(server + " got the message but did not answer" + why + "; whether it was taken is not known");
  switch (code) {
  case CURLE_OUT_OF_MEMORY: throw std::bad_alloc();
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_ISSUER_ERROR:
    fail("the certificate of " + server + " is not to be trusted" + why +
         "; nothing was sent. Check the name, the system's authorities or CurlOptions::ca_file.");
    break;
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_CERTPROBLEM:
    fail("CurlOptions::ca_file cannot be used for " + server + why + "; nothing was sent. Check the file.");
    break;
  case CURLE_USE_SSL_FAILED:
    fail(server + " offers no TLS" + why +
         "; nothing was sent. Use a server with STARTTLS, or its smtps:// port.");
    break;
  case CURLE_LOGIN_DENIED:
    fail(server + " has no way to sign in with a password" + why +
         "; nothing was sent. Check the server, its port and the user.");
    break;
  default: break;
  }
  throw DeliveryError(failure_of(code, all_said),
                      server + " could not be reached" + why + "; nothing was sent. Try again, or another.");
}

/// Of a conversation that ended by an exception of its own, as without memory, and may not be taken for one
/// in which nothing was sent. Returns if that is so.
inline void throw_if_unclear(const std::string& server, bool all_said) {
  if (!all_said) return;
  std::throw_with_nested(DeliveryError(
      DeliveryFailure::unclear, server + " got the message, and its answer cannot be waited for or read; "
                                         "whether it was taken is not known"));
}

} // namespace mfa::detail::curl
