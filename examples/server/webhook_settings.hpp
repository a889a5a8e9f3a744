#pragma once

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/guarded_file.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/event.hpp>

#include "authorities.hpp"
#include "settings.hpp"
#include "webhooks.hpp"

namespace server {

/// What payloads to so many URLs are signed with: a line for each, in their order, or one for all. Who may
/// read and write the file is checked as of a key file. Throws what is wrong.
[[nodiscard]] inline std::vector<mfa::crypto::SecretString> read_webhook_secrets(const Settings& settings,
                                                                                 std::size_t urls) {
  if (!settings.is_set("webhook-secret-file"))
    throw std::invalid_argument(
        "--webhook-secret-file is not set, and receivers could not tell who posts; make "
        "one by (umask 077; openssl rand -hex 32 >FILE)");
  const std::string path = settings.text("webhook-secret-file");
  const auto bytes = mfa::detail::read_guarded_file("file of webhook secrets", path, {});
  std::vector<mfa::crypto::SecretString> secrets;
  for (std::string_view rest = mfa::crypto::text_of(bytes); !rest.empty();) {
    const auto end = rest.find('\n');
    const std::string_view line = Settings::trimmed(rest.substr(0, end));
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
    if (!line.empty() && !line.starts_with('#')) secrets.emplace_back(line);
  }
  if (secrets.size() == 1)
    while (secrets.size() < urls) secrets.push_back(secrets.front());
  if (secrets.size() != urls)
    throw std::invalid_argument("the file of webhook secrets '" + path + "' has " +
                                std::to_string(secrets.size()) +
                                " lines; write one for each URL, in their order, or one for all");
  return secrets;
}

/// Throws what is wrong. Without endpoints there are no webhooks.
[[nodiscard]] inline webhooks::Settings webhook_settings(const Settings& settings) {
  webhooks::Settings hooks;
  const auto urls = settings.list("webhook");
  if (urls.empty()) return hooks;
  auto secrets = read_webhook_secrets(settings, urls.size());
  for (std::size_t i = 0; i < urls.size(); ++i) hooks.endpoints.push_back({urls[i], std::move(secrets[i])});
  hooks.outbox = settings.text("webhook-outbox");
  if (hooks.outbox.empty())
    throw std::invalid_argument(
        "--webhook-outbox is not set; name a file of this process alone in which events "
        "wait, as /var/lib/mfa-server/webhooks.db");
  for (const std::string& name : settings.list("webhook-events")) {
    bool known = false;
    for (int type = 0; !known && to_string(static_cast<mfa::EventType>(type)) != "unknown"; ++type)
      known = name == to_string(static_cast<mfa::EventType>(type));
    if (!known)
      throw std::invalid_argument(settings.said("webhook-events") + ": there is no event '" + name +
                                  "'; docs/events-and-errors.md lists them");
    hooks.events.insert(name);
  }
  hooks.limits.give_up_after =
      std::chrono::hours(24) * static_cast<int>(settings.number("webhook-days", 1, 30));
  hooks.private_addresses = settings.yes("webhook-private-addresses");
  hooks.ca_file = settings.text("webhook-ca-file");
  if (!hooks.ca_file.empty()) check_authorities(settings.said("webhook-ca-file"), hooks.ca_file);
  (void)webhooks::checked_urls(hooks);
  return hooks;
}

} // namespace server
