#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/webauthn/authenticator_table.hpp>

namespace mfa::webauthn {

/// What passkey providers and other authenticators are called, by AAGUID. Fit for
/// `RelyingPartySettings::authenticator_name`. Usable from many threads at once.
class AuthenticatorNames {
 public:
  /// The names that this release knows.
  AuthenticatorNames() = default;

  /// Those and, before them, the names of a newer list, as
  /// https://raw.githubusercontent.com/passkeydeveloper/passkey-authenticator-aaguids/main/aaguid.json has
  /// them: an object of objects with a `name`, by AAGUID with or without dashes. Throws
  /// `errc::invalid_argument` for any other text, and for a list without entries, as it is announced to
  /// become when nobody keeps it any more.
  [[nodiscard]] static AuthenticatorNames with(std::string_view json) {
    AuthenticatorNames names;
    const auto list = nlohmann::json::parse(json, nullptr, false);
    if (!list.is_object() || list.empty()) refuse("is no JSON object with entries");
    for (const auto& [aaguid, entry] : list.items()) {
      const std::string key = plain(aaguid);
      const auto name = entry.is_object() ? entry.find("name") : entry.end();
      if (key.size() != 32 || !entry.is_object() || name == entry.end() || !name->is_string())
        refuse("has an entry that is no AAGUID with a name");
      const auto& text = name->get_ref<const std::string&>();
      constexpr std::size_t longest = 200;
      if (text.empty() || text.size() > longest || mfa::detail::has_control_characters(text))
        refuse("has a name that is empty, longer than 200 bytes or with control characters");
      names.newer_.insert_or_assign(key, text);
    }
    return names;
  }

  /// Empty if it is not known. With or without dashes, in either case.
  [[nodiscard]] std::string operator()(std::string_view aaguid) const {
    const std::string key = plain(aaguid);
    if (const auto found = newer_.find(key); found != newer_.end()) return found->second;
    const auto* const known = std::ranges::lower_bound(detail::authenticator_table, std::string_view(key), {},
                                                       [](const auto& row) { return row.first; });
    return known != detail::authenticator_table.end() && known->first == key ? std::string(known->second)
                                                                             : std::string();
  }

 private:
  [[noreturn]] static void refuse(const char* why) {
    throw Error(errc::invalid_argument, std::string("a list of authenticators ") + why +
                                            "; go on with the names that were known before");
  }

  /// In lower case without dashes; empty for what is not hexadecimal.
  static std::string plain(std::string_view aaguid) {
    std::string digits;
    for (const char c : aaguid) {
      if (c == '-') continue;
      const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
      if (!((lower >= '0' && lower <= '9') || (lower >= 'a' && lower <= 'f'))) return {};
      digits += lower;
    }
    return digits;
  }

  std::map<std::string, std::string, std::less<>> newer_;
};

} // namespace mfa::webauthn
