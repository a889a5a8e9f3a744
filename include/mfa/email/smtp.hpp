#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/email/address.hpp>
#include <mfa/email/concept.hpp>
#include <mfa/encoding/base64.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/http/mail.hpp>
#include <mfa/http/refusal.hpp>
#include <mfa/http/request.hpp>
#include <mfa/http/settings.hpp>
#include <mfa/http/transport.hpp>
#include <mfa/types.hpp>

namespace mfa::email {

struct SmtpSettings {
  /// smtps://host[:465], or smtp://host[:587], where STARTTLS is required.
  std::string server;
  std::string user = {}; ///< empty: the server asks for none
  crypto::SecretString password = {};
  std::string from;           ///< an address of ASCII, whose domain lets this server send for it (SPF, DKIM)
  std::string from_name = {}; ///< UTF-8: "Foo Corp"
  /// What the server is told by EHLO, as some want it: this machine's full host name, or its address in
  /// brackets, "[192.0.2.1]". Empty: the domain of `from`.
  std::string hello_name = {};
};

namespace detail {

/// Whether it can stand in an envelope and in angle brackets, where nothing of it ends them. Whether there is
/// such an address is for its server to say.
[[nodiscard]] inline bool is_safe_address(std::string_view address) noexcept {
  const auto at = address.rfind('@');
  return address.size() <= 254 && at != std::string_view::npos && at > 0 && at + 1 < address.size() &&
         mfa::detail::is_utf8(address) && !mfa::detail::has_control_characters(address) &&
         address.find_first_of(" <>\"\\,;:()[]") == std::string_view::npos && address.find('@') == at;
}

/// Whether servers take it after EHLO (RFC 5321 section 4.1.1.1): a host name with a dot, or an address in
/// brackets.
[[nodiscard]] inline bool is_hello_name(std::string_view name) noexcept {
  constexpr std::string_view in_labels = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
  constexpr auto npos = std::string_view::npos;
  if (name.starts_with('[')) {
    if (!name.ends_with(']')) return false;
    std::string_view address = name.substr(1, name.size() - 2);
    const bool six = address.starts_with("IPv6:");
    if (six) address.remove_prefix(5);
    return !address.empty() && address.size() <= 45 &&
           address.find_first_not_of(six ? "0123456789abcdefABCDEF:." : "0123456789.") == npos;
  }
  const auto last_dot = name.rfind('.');
  if (name.size() > longest_domain || last_dot == npos ||
      name.find_first_not_of("0123456789", last_dot + 1) == npos)
    return false;
  for (auto dot = name.find('.');; dot = name.find('.')) {
    const std::string_view label = name.substr(0, dot);
    if (label.empty() || label.size() > longest_label || label.starts_with('-') || label.ends_with('-') ||
        label.find_first_not_of(in_labels) != npos)
      return false;
    if (dot == npos) return true;
    name.remove_prefix(dot + 1);
  }
}

[[nodiscard]] constexpr bool is_ascii(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// Appends a text to a header: as it is where that is allowed, otherwise as encoded words (RFC 2047) of at
/// most 75 characters, one to a line. Control characters, line ends among them, become spaces.
inline void append_header_text(crypto::SecretString& header, std::string_view text) {
  constexpr std::size_t longest_plain = 60;
  constexpr std::size_t longest_word = 39; // bytes, which are 52 characters of base64
  crypto::SecretString clean;
  for (const char c : text) clean += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
  if (is_ascii(text) && text.size() <= longest_plain && text.find("=?") == std::string_view::npos) {
    header += clean.view();
    return;
  }
  for (std::string_view rest = clean.view(); !rest.empty();) {
    std::size_t size = std::min(rest.size(), longest_word);
    while (size < rest.size() && size > 0 && (static_cast<unsigned char>(rest[size]) & 0xC0) == 0x80) --size;
    if (size == 0) size = std::min(rest.size(), longest_word); // no UTF-8
    const auto word = mfa::detail::base64<crypto::SecretString>(rest.substr(0, size));
    ((header += "=?utf-8?B?") += word.view()) += "?=";
    rest.remove_prefix(size);
    if (!rest.empty()) header += "\r\n ";
  }
}

/// Appends a text as quoted-printable (RFC 2045 section 6.7), with CR LF at each line's end.
inline void append_quoted_printable(crypto::SecretString& to, std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::size_t longest_line = 76;
  std::size_t length = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' || c == '\r') {
      if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
      to += "\r\n";
      length = 0;
      continue;
    }
    const bool last = i + 1 == text.size() || text[i + 1] == '\n' || text[i + 1] == '\r';
    const bool plain = (c > ' ' && c <= '~' && c != '=' && !(c == '.' && length == 0)) || (c == ' ' && !last);
    if (length + (plain ? 1 : 3) >= longest_line) {
      to += "=\r\n";
      length = 0;
    }
    if (plain) {
      to += c;
      ++length;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    to += '=';
    to += digits[byte >> 4];
    to += digits[byte & 15];
    length += 3;
  }
  to += "\r\n";
}

/// "Fri, 27 Nov 2026 05:00:00 +0000"
[[nodiscard]] inline std::string mail_date(Time time) {
  using namespace std::chrono;
  constexpr std::array days_of_week = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(floor<seconds>(time - day));
  std::array<char, 64> text{};
  (void)std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d +0000",
                      days_of_week.at(weekday(day).c_encoding()), static_cast<unsigned>(date.day()),
                      months.at(static_cast<unsigned>(date.month()) - 1), static_cast<int>(date.year()),
                      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                      static_cast<int>(clock.seconds().count()));
  return text.data();
}

} // namespace detail

/// A mail server that is spoken to by SMTP under TLS, as a description for `http::Transport`. A message has
/// its text, its HTML or both, in UTF-8; its `Message-ID` is made of its id, so that mailboxes show one that
/// arrives twice once, where they look at that.
class SmtpSubmission {
 public:
  using Settings = SmtpSettings;
  using Message = EmailMessage;

  explicit SmtpSubmission(Settings settings) : settings_(std::move(settings)) {
    const auto refuse = [](std::string_view why) {
      throw Error(errc::invalid_argument, std::string("SmtpSettings::").append(why));
    };
    const std::string_view server = settings_.server;
    const bool has_scheme = server.starts_with("smtps://") || server.starts_with("smtp://");
    if (!has_scheme || http::host_of(server).empty())
      refuse("server is no smtps:// or smtp:// URL; write smtps://mail.example.com, say");
    if (server.find_first_of("@/?#", server.find("://") + 3) != std::string_view::npos ||
        !http::detail::is_visible_ascii(server))
      refuse("server has more than a host and a port; give the user and password by their own settings");
    http::check_authority("SmtpSettings::server", server);
    if (server.starts_with("smtp://") && server.ends_with(":465"))
      refuse("server has port 465, where a server waits for TLS before it says anything (RFC 8314 section "
             "3.3); write smtps:// before the host");
    if (server.starts_with("smtps://") && server.ends_with(":587"))
      refuse("server has port 587, where TLS begins by STARTTLS (RFC 6409); write smtp:// before the host, "
             "which requires it");
    if (settings_.user.empty() != settings_.password.empty())
      refuse("user and password must be given together; set both or neither");
    if (mfa::detail::trimmed(settings_.user).size() != settings_.user.size())
      refuse("user has blanks or a line end around it; remove them");
    if (mfa::detail::has_control_characters(settings_.user) ||
        mfa::detail::has_control_characters(settings_.password))
      refuse("user or password has a line end or another control character; remove it");
    if (!detail::is_safe_address(settings_.from) || !detail::is_ascii(settings_.from))
      refuse("from is no address of ASCII; write no-reply@example.com, say, and xn-- for other letters");
    if (!mfa::detail::is_utf8(settings_.from_name) ||
        mfa::detail::has_control_characters(settings_.from_name))
      refuse("from_name is not UTF-8 or has a control character; remove it");
    if (settings_.hello_name.empty()) {
      const std::string domain = settings_.from.substr(settings_.from.rfind('@') + 1);
      if (detail::is_hello_name(domain)) settings_.hello_name = domain;
    } else if (!detail::is_hello_name(settings_.hello_name)) {
      refuse("hello_name is neither a full host name nor an address in brackets; write web1.example.com, "
             "[192.0.2.1] or [IPv6:2001:db8::1]");
    }
  }

  [[nodiscard]] http::Mail request(const EmailMessage& message, Time now) const {
    if (!detail::is_safe_address(message.to))
      throw DeliveryError(DeliveryFailure::invalid_recipient,
                          "the recipient of an e-mail is no address that can be written to; check it");
    http::Mail mail;
    mail.server = settings_.server;
    mail.hello_name = settings_.hello_name;
    mail.user = settings_.user;
    mail.password = settings_.password;
    mail.sender = settings_.from;
    mail.recipient = message.to;
    mail.data = render(message, now);
    return mail;
  }

  static void outcome(const http::MailReply& reply) {
    if (reply.status >= 200 && reply.status < 300) return;
    std::string why = "SMTP status " + std::to_string(reply.status);
    const std::string_view enhanced = enhanced_status(reply.text);
    if (!enhanced.empty()) why.append(" ").append(enhanced);
    if (is_about_hello_name(reply, enhanced))
      throw DeliveryError(DeliveryFailure::credentials_refused,
                          "the mail server did not take the message (" + why +
                              "): it refuses the name that it was told by EHLO; set SmtpSettings::hello_name "
                              "to this machine's "
                              "full host name, or to one that the server takes");
    http::throw_refusal("the mail server", failure_of(reply, enhanced), why, http::Response{});
  }

 private:
  /// "5.1.1" of "5.1.1 No such user" (RFC 3463); empty if there is none.
  static std::string_view enhanced_status(std::string_view text) noexcept {
    const std::string_view word = text.substr(0, text.find(' '));
    const bool formed = word.size() >= 5 && word.size() <= 9 && (word[0] == '4' || word[0] == '5') &&
                        word[1] == '.' && word.find_first_not_of("0123456789.") == std::string_view::npos;
    return formed ? word : std::string_view();
  }

  /// Postfix says it to the recipient, in these words or with this code, which it has for addresses as well.
  static bool is_about_hello_name(const http::MailReply& reply, std::string_view enhanced) noexcept {
    const auto says = [&](std::string_view words) { return reply.text.find(words) != std::string::npos; };
    if (reply.status < 500 || reply.status > 599) return false;
    return says("Helo command rejected") ||
           (reply.status == 504 && enhanced == "5.5.2" && !says("address rejected"));
  }

  static DeliveryFailure failure_of(const http::MailReply& reply, std::string_view enhanced) noexcept {
    using enum http::MailStage;
    const int status = reply.status;
    if (status < 400 || status > 599)
      return reply.to == mail ? DeliveryFailure::unclear : DeliveryFailure::unavailable;
    if (status == 530 || status == 534 || status == 535 || status == 538 || enhanced == "5.7.8")
      return DeliveryFailure::credentials_refused;
    // The account's quota of the day, in the words of Gmail and of Amazon SES.
    if (enhanced == "5.4.5" || reply.text.starts_with("Throttling failure: Daily"))
      return DeliveryFailure::balance_empty;
    if (status < 500) {
      if (enhanced.starts_with("4.7.") || enhanced == "4.2.1" || reply.text.starts_with("Throttling"))
        return DeliveryFailure::throttled;
      // The state of one mailbox or its domain says nothing of the server.
      const bool of_server =
          status == 421 || enhanced.starts_with("4.3.") || enhanced == "4.1.7" || enhanced == "4.1.8";
      return reply.to == recipient && !of_server ? DeliveryFailure::throttled : DeliveryFailure::unavailable;
    }
    if (reply.to == connection) return DeliveryFailure::unavailable;
    if (reply.to == sign_in) return DeliveryFailure::credentials_refused;
    if (reply.to == sender)
      return enhanced.starts_with("5.7.") ? DeliveryFailure::not_permitted : DeliveryFailure::message_refused;
    if (enhanced == "5.1.7" || enhanced == "5.1.8") return DeliveryFailure::message_refused; // the sender
    if (enhanced.starts_with("5.1.") || enhanced == "5.2.1" || enhanced == "5.2.2")
      return DeliveryFailure::invalid_recipient;
    if (reply.to == mail) return DeliveryFailure::message_refused;
    if (enhanced.starts_with("5.7.")) return DeliveryFailure::not_permitted;
    const bool about_recipient = reply.to == recipient && (status == 550 || status == 551 || status == 553);
    const bool says_no_more =
        enhanced.empty() || enhanced == "5.0.0" || enhanced == "5.5.0"; // as Outlook's do
    return says_no_more && about_recipient ? DeliveryFailure::invalid_recipient
                                           : DeliveryFailure::message_refused;
  }

  [[nodiscard]] crypto::SecretString render(const EmailMessage& message, Time now) const {
    std::string id;
    for (const char c : message.id.substr(0, 100)) {
      const bool plain =
          (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
      id += plain ? c : '_';
    }
    crypto::SecretString data("From: ");
    if (!settings_.from_name.empty()) {
      // Quoted if it is plain, as commas and the like mean something here.
      crypto::SecretString name;
      detail::append_header_text(name, settings_.from_name);
      const bool encoded = name.starts_with("=?utf-8?");
      if (!encoded) data += '"';
      for (const char c : name.view()) {
        if (!encoded && (c == '"' || c == '\\')) data += '\\';
        data += c;
      }
      data += encoded ? "\r\n " : "\" ";
    }
    ((data += '<') += settings_.from) += ">\r\n";
    // An address that is not ASCII stands in the envelope alone, as servers must agree to it in a header.
    if (detail::is_ascii(message.to))
      ((data += "To: <") += message.to) += ">\r\n";
    else
      data += "To: undisclosed-recipients:;\r\n";
    data += "Subject: ";
    detail::append_header_text(data, message.subject);
    ((data += "\r\nDate: ") += detail::mail_date(now)) += "\r\n";
    if (!id.empty())
      ((((data += "Message-ID: <") += id) += '@') += settings_.from.substr(settings_.from.rfind('@') + 1)) +=
          ">\r\n";
    data += "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n";
    if (message.html.empty() || message.text.empty()) {
      append_part(data, message.html.empty() ? "plain" : "html",
                  message.html.empty() ? message.text : message.html);
      return data;
    }
    // Quoted-printable never has "=_".
    const std::string boundary = "=_mfa_" + id;
    ((data += "Content-Type: multipart/alternative; boundary=\"") += boundary) += "\"\r\n\r\n";
    ((data += "--") += boundary) += "\r\n";
    append_part(data, "plain", message.text);
    ((data += "--") += boundary) += "\r\n";
    append_part(data, "html", message.html);
    ((data += "--") += boundary) += "--\r\n";
    return data;
  }

  static void append_part(crypto::SecretString& data, std::string_view type,
                          const crypto::SecretString& text) {
    (data += "Content-Type: text/") += type;
    data += "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
    detail::append_quoted_printable(data, text);
  }

  Settings settings_;
};

using Smtp = http::Transport<SmtpSubmission>;

} // namespace mfa::email
