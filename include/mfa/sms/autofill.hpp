#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <mfa/compiler.hpp>
#include <mfa/error.hpp>

namespace mfa::sms {

/// The longest message, in bytes, that Android's SMS Retriever hands to an app.
inline constexpr std::size_t longest_retrieved_message = 140;

/// What tells phones who may fill in the code, as last lines of the message. Each is left out if it is empty.
struct Autofill {
  /// The host of the page that asks for the code: browsers offer the code there and nowhere else (WICG,
  /// "Origin-bound one-time codes"). "login.example.com" becomes the last line "@login.example.com #123456".
  std::string host = {};
  /// The host of a frame in that page, of another site, if it is the frame that asks.
  std::string embedded_host = {};
  /// The app's hash of 11 characters, for Android's SMS Retriever: see <mfa/sms/android_app_hash.hpp>. The
  /// message must then be one of at most 140 bytes.
  std::string android_app_hash = {};
};

/// Whether browsers know this host by these characters: labels of lower-case letters, digits and hyphens.
[[nodiscard]] constexpr bool is_autofill_host(std::string_view host) noexcept {
  constexpr std::size_t longest_host = 253;
  constexpr std::size_t longest_label = 63;
  if (host.empty() || host.size() > longest_host) return false;
  std::size_t label = 0;
  for (std::size_t i = 0; i <= host.size(); ++i) {
    if (i == host.size() || host[i] == '.') {
      if (label == 0 || label > longest_label || host[i - 1] == '-' || host[i - label] == '-') return false;
      label = 0;
    } else if ((host[i] >= 'a' && host[i] <= 'z') || (host[i] >= '0' && host[i] <= '9') || host[i] == '-') {
      ++label;
    } else {
      return false;
    }
  }
  return true;
}

/// Throws `errc::invalid_sms_template`.
inline void check_autofill(const Autofill& autofill) {
  const auto refuse = [](const std::string& what) { throw Error(errc::invalid_sms_template, what); };
  const auto check_host = [&](std::string_view name, std::string_view host) {
    if (!host.empty() && !is_autofill_host(host))
      refuse(
          "sms_autofill's " + std::string(name) +
          " is no host as browsers compare it; write \"example.com\" in lower-case letters, without scheme, "
          "port and path, and an international domain in its form of \"xn--\"");
  };
  check_host("host", autofill.host);
  check_host("embedded_host", autofill.embedded_host);
  if (!autofill.embedded_host.empty() && autofill.host.empty())
    refuse("sms_autofill has an embedded_host without a host; give the host of the page around it");
  constexpr std::size_t characters = 11;
  constexpr std::string_view base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string& hash = autofill.android_app_hash;
  if (!hash.empty() && (hash.size() != characters || hash.find_first_not_of(base64) != std::string::npos))
    refuse("sms_autofill's android_app_hash is not 11 characters of base64; compute it by "
           "sms::android_app_hash");
}

/// A template's text with the lines that `autofill` asks for. Throws `errc::invalid_sms_template`.
[[nodiscard]] inline std::string with_autofill(std::string_view text, const Autofill& autofill) {
  check_autofill(autofill);
  std::string lines(text);
  if (!autofill.android_app_hash.empty()) lines.append("\n").append(autofill.android_app_hash);
  if (autofill.host.empty()) return lines;
  if (const auto last = text.rfind('\n');
      last != std::string_view::npos && text.substr(last + 1).starts_with('@'))
    throw Error(errc::invalid_sms_template,
                "the SMS template ends with a line for browsers already; leave that line out, or "
                "sms_autofill's host");
  lines.append("\n\n@").append(autofill.host).append(" #{{code}}");
  if (!autofill.embedded_host.empty()) lines.append(" @").append(autofill.embedded_host);
  return lines;
}

} // namespace mfa::sms
