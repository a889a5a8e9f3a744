#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/encoding/text.hpp>

/// Which operation a request is for, by its method and target.
namespace mfa::workos {

enum class Operation : std::uint8_t {
  enroll_factor,
  get_factor,
  delete_factor,
  challenge_factor,
  verify_challenge,
  enroll_user_factor,
  list_user_factors,
  authenticate,

  // Beyond WorkOS's contract (docs/http-api.md):
  mfa_enroll_factor,
  mfa_list_factors,
  mfa_get_factor,
  mfa_rename_factor,
  mfa_delete_factor,
  mfa_confirm_factor,
  mfa_challenge_factor,
  mfa_regenerate_recovery_codes,
  mfa_unlock_factor,
  mfa_reset_send_limits,
  mfa_get_challenge,
  mfa_verify_challenge,
  mfa_confirm_challenge,
  mfa_resend_challenge,
  mfa_challenge_user,
  mfa_challenge_passkey,
  mfa_remember_device,
  mfa_list_devices,
  mfa_check_device,
  mfa_revoke_devices,
  mfa_revoke_device,
  mfa_reset_user,
  mfa_password_changed,
  mfa_requirement,
  mfa_accepted_credentials,
  mfa_reset_sms_limits,
  mfa_reset_sms_budgets,
  mfa_import_factors,
  mfa_report_delivery,
  mfa_list_events,
};

/// Whether it is beyond WorkOS's contract.
[[nodiscard]] constexpr bool is_extension(Operation operation) noexcept {
  return operation >= Operation::mfa_enroll_factor;
}

/// A name and a value of a query, decoded.
using Query = std::vector<std::pair<std::string, std::string>>;

struct Route {
  Operation operation{};
  std::string id = {};        ///< of the factor, challenge or user that the path names, decoded
  std::string second_id = {}; ///< of what of his it names
  Query query = {};
};

/// What a target leads to: a route, or why there is none.
struct Routed {
  std::optional<Route> route = {};
  std::string allow = {}; ///< the path is one of ours, but has these methods alone
  bool malformed = false; ///< it is no target
};

namespace detail {

inline constexpr std::size_t longest_target = 8192; ///< bytes

[[nodiscard]] constexpr int hexadecimal_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Text with %XX, once and no further; nothing if one is none, or if what comes out is no UTF-8.
[[nodiscard]] inline std::optional<std::string> percent_decoded(std::string_view text, bool is_query) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && is_query) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      const int high = i + 2 < text.size() ? hexadecimal_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hexadecimal_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (!mfa::detail::is_utf8(decoded)) return std::nullopt;
  return decoded;
}

/// The first part up to `end`, which is taken off `text` with it.
[[nodiscard]] inline std::string_view take_up_to(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  const std::string_view part = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return part;
}

[[nodiscard]] inline std::optional<Query> read_query(std::string_view text) {
  Query query;
  while (!text.empty()) {
    std::string_view pair = take_up_to(text, '&');
    if (pair.empty()) continue;
    const std::string_view encoded_name = take_up_to(pair, '=');
    auto name = percent_decoded(encoded_name, true);
    auto value = percent_decoded(pair, true);
    if (!name || !value) return std::nullopt;
    query.emplace_back(*std::move(name), *std::move(value));
  }
  return query;
}

struct KnownRoute {
  std::string_view method;
  std::string_view path; ///< `*` stands for an id
  Operation operation;
};

inline constexpr auto known_routes = std::to_array<KnownRoute>({
    {"POST", "/auth/factors/enroll", Operation::enroll_factor},
    {"GET", "/auth/factors/*", Operation::get_factor},
    {"DELETE", "/auth/factors/*", Operation::delete_factor},
    {"POST", "/auth/factors/*/challenge", Operation::challenge_factor},
    {"POST", "/auth/challenges/*/verify", Operation::verify_challenge},
    {"POST", "/user_management/users/*/auth_factors", Operation::enroll_user_factor},
    {"GET", "/user_management/users/*/auth_factors", Operation::list_user_factors},
    {"POST", "/user_management/authenticate", Operation::authenticate},

    {"POST", "/mfa/users/*/factors", Operation::mfa_enroll_factor},
    {"GET", "/mfa/users/*/factors", Operation::mfa_list_factors},
    {"GET", "/mfa/factors/*", Operation::mfa_get_factor},
    {"PATCH", "/mfa/factors/*", Operation::mfa_rename_factor},
    {"DELETE", "/mfa/factors/*", Operation::mfa_delete_factor},
    {"POST", "/mfa/factors/*/confirm", Operation::mfa_confirm_factor},
    {"POST", "/mfa/factors/*/challenge", Operation::mfa_challenge_factor},
    {"POST", "/mfa/factors/*/recovery_codes", Operation::mfa_regenerate_recovery_codes},
    {"POST", "/mfa/factors/*/unlock", Operation::mfa_unlock_factor},
    {"POST", "/mfa/factors/*/send_limits/reset", Operation::mfa_reset_send_limits},
    {"GET", "/mfa/challenges/*", Operation::mfa_get_challenge},
    {"POST", "/mfa/challenges/*/verify", Operation::mfa_verify_challenge},
    {"POST", "/mfa/challenges/*/confirm", Operation::mfa_confirm_challenge},
    {"POST", "/mfa/challenges/*/resend", Operation::mfa_resend_challenge},
    {"POST", "/mfa/users/*/challenge", Operation::mfa_challenge_user},
    {"POST", "/mfa/passkeys/challenge", Operation::mfa_challenge_passkey},
    {"POST", "/mfa/users/*/devices", Operation::mfa_remember_device},
    {"GET", "/mfa/users/*/devices", Operation::mfa_list_devices},
    {"POST", "/mfa/users/*/devices/check", Operation::mfa_check_device},
    {"POST", "/mfa/users/*/devices/revoke", Operation::mfa_revoke_devices},
    {"DELETE", "/mfa/users/*/devices/*", Operation::mfa_revoke_device},
    {"POST", "/mfa/users/*/reset", Operation::mfa_reset_user},
    {"POST", "/mfa/users/*/password_changed", Operation::mfa_password_changed},
    {"POST", "/mfa/users/*/requirement", Operation::mfa_requirement},
    {"GET", "/mfa/users/*/accepted_credentials", Operation::mfa_accepted_credentials},
    {"POST", "/mfa/sms/limits/reset", Operation::mfa_reset_sms_limits},
    {"POST", "/mfa/sms/budgets/reset", Operation::mfa_reset_sms_budgets},
    {"POST", "/mfa/imports", Operation::mfa_import_factors},
    {"POST", "/mfa/messages/*/report", Operation::mfa_report_delivery},
    {"GET", "/mfa/events", Operation::mfa_list_events},
});
static_assert(
    [] {
      std::size_t number = 0;
      for (const KnownRoute& known : known_routes)
        if (static_cast<std::size_t>(known.operation) != number++) return false;
      return number == static_cast<std::size_t>(Operation::mfa_list_events) + 1;
    }(),
    "each operation has its route, in the order of the operations");

/// The ids that a path names, still encoded.
struct PathIds {
  std::array<std::string_view, 2> encoded = {};
};

/// Whether a path that is still encoded is that of a route, with the ids that are in it. Parts are compared
/// as they are: no dots are followed, no slashes dropped, and an encoded slash is a part of an id.
[[nodiscard]] constexpr bool matches(std::string_view pattern, std::string_view path, PathIds& ids) {
  std::size_t count = 0;
  while (true) {
    const std::size_t star = pattern.find('*');
    const std::string_view before = pattern.substr(0, star);
    if (!path.starts_with(before)) return false;
    path.remove_prefix(before.size());
    if (star == std::string_view::npos) return path.empty();
    pattern.remove_prefix(star + 1);
    const std::string_view id = path.substr(0, path.find('/'));
    if (id.empty()) return false;
    ids.encoded[count++] = id;
    path.remove_prefix(id.size());
  }
}

} // namespace detail

[[nodiscard]] inline Routed route(std::string_view method, std::string_view target) {
  Routed routed;
  routed.malformed = !target.starts_with('/') || target.size() > detail::longest_target;
  for (const char c : target) routed.malformed = routed.malformed || c <= ' ' || c > '~' || c == '#';
  if (routed.malformed) return routed;
  const std::string_view path = detail::take_up_to(target, '?');
  for (const detail::KnownRoute& known : detail::known_routes) {
    detail::PathIds ids;
    if (!detail::matches(known.path, path, ids)) continue;
    if (known.method != method) {
      routed.allow.append(routed.allow.empty() ? "" : ", ").append(known.method);
      continue;
    }
    auto id = detail::percent_decoded(ids.encoded[0], false);
    auto second_id = detail::percent_decoded(ids.encoded[1], false);
    auto query = detail::read_query(target);
    if (id && second_id && query)
      routed.route = Route{known.operation, *std::move(id), *std::move(second_id), *std::move(query)};
    else
      routed.malformed = true;
    routed.allow.clear();
    break;
  }
  return routed;
}

} // namespace mfa::workos
