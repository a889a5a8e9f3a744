#pragma once

#include <string>
#include <utility>
#include <vector>

#include <mfa/workos/http.hpp>

#include "api_answers.hpp"
#include "http_api_host.hpp"

/// A service that calls the HTTP API beyond WorkOS's contract.
namespace mfa::test {

/// What the host answers. If MFA_API_ANSWERS names a file, the answers are kept there, and the routes of the
/// code before them, for tests/workos/openapi_answers.py.
Answered send(HttpApiHost& host, const workos::Request& request);

struct HttpApiClient {
  HttpApiHost& host;

  Answered operator()(std::string method, std::string target, const Json& body = nullptr) const;

  /// A TOTP factor that its user has confirmed, and its secret.
  [[nodiscard]] std::pair<std::string, std::string> confirmed_totp(const std::string& user_id) const;
};

/// Its `code`, or "none".
std::string code_of(const Answered& answer);

using Codes = std::vector<std::string>;

/// The codes of what was wrong with members, of a 422.
Codes wrong(const Answered& answer);

/// A code that is another.
std::string other_code(std::string code);

inline constexpr const char* no_challenge = "/mfa/challenges/auth_challenge_01FVYXZTZ52ZPVRPRXJWHP0C8T";
inline constexpr const char* no_factor = "/mfa/factors/auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ";

} // namespace mfa::test
