#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <mfa/workos/api_options.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/pending_authentication.hpp>
#include <mfa/workos/route.hpp>

namespace mfa::workos::detail {

/// What a client asked for, once it is known to be one, and what the host said.
struct Call {
  Route route;
  nlohmann::json body;
  const ApiOptions& options;
  bool sends_sms;        ///< whether the verifier has a transport for text messages
  bool sends_email;      ///< and for e-mails
  bool of_query = false; ///< whether `body` is what the query said: beyond WorkOS's contract
};

[[nodiscard]] inline Reply reply_with(int status, nlohmann::ordered_json body) {
  return {.status = status, .body = std::move(body)};
}

} // namespace mfa::workos::detail
