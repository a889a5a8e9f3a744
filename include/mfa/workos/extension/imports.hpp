#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/error.hpp>
#include <mfa/import_types.hpp>
#include <mfa/verbs/import.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/extension/arguments.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/resources.hpp>

/// `POST /mfa/imports`: factors of another system, as otpauth URIs.
namespace mfa::workos::detail {

using verbs::Verb;
using verbs::VerbRun;

/// Without the user's id, which the line had.
[[nodiscard]] inline Json result_json(const ImportResult& result) {
  Json json{{"line", result.line}, {"account", result.account}, {"outcome", to_string(result.outcome)}};
  if (!result.factor_id.empty()) json["factor_id"] = result.factor_id;
  if (!result.reason.empty()) json["reason"] = result.reason;
  return json;
}

/// `POST /mfa/imports`. The factors of a line become those of any user, verified if so asked: only by the
/// word of the client, by its name, except where nothing is changed.
Verb<Reply> mfa_import_factors(const VerbRun auto& run, const Call& call) {
  constexpr std::size_t most_lines = 100;
  Arguments arguments(call.body, call.of_query);
  std::vector<ImportLine> lines;
  arguments.list("lines", most_lines, [&lines](Arguments& within) {
    ImportLine line;
    line.user_id = within.required_text("user_id");
    line.uri = crypto::SecretString(within.required_text("uri"));
    line.friendly_name = within.text("friendly_name");
    lines.push_back(std::move(line));
  });
  if (lines.empty()) arguments.require("lines");
  ImportOptions options;
  options.dry_run = arguments.flag("dry_run");
  options.verified = arguments.flag("verified");
  options.issuer = arguments.text("issuer");
  options.user_id_as_user = arguments.flag("user_id_as_user");
  options.accept_short_secrets = arguments.flag("accept_short_secrets");
  const bool is_operator = arguments.flag("by_operator");
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  if (!options.dry_run && !is_operator)
    throw Error(
        errc::authorization_required,
        "an import adds factors to any user; vouch for it by by_operator, or have it checked by dry_run");
  Json results = Json::array();
  options.report = [&results](const ImportResult& result) {
    results.push_back(result_json(result));
    return true;
  };
  const ImportSummary summary = co_await verbs::import_factors(run, lines, options);
  Json body{{"lines", summary.lines},
            {"imported", summary.imported},
            {"already_there", summary.already_there},
            {"refused", summary.refused},
            {"incomplete_exports", summary.incomplete_exports},
            {"results", std::move(results)}};
  co_return reply_with(200, std::move(body));
}

} // namespace mfa::workos::detail
