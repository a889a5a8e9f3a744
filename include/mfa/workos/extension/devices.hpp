#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/authorization.hpp>
#include <mfa/decision/not_found.hpp>
#include <mfa/trusted_device.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/devices.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/extension/arguments.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/iso8601.hpp>
#include <mfa/workos/resources.hpp>

/// `/mfa/users/{user_id}/devices`: browsers that are remembered. A token is never in a target, which logs
/// have.
namespace mfa::workos::detail {

using verbs::Verb;
using verbs::VerbRun;

[[nodiscard]] inline Json device_json(const TrustedDevice& device) {
  return {{"object", "trusted_device"},
          {"id", device.id},
          {"label", device.label},
          {"remembered_at", iso8601(device.remembered_at)},
          {"expires_at", iso8601(device.expires_at)}};
}

/// `POST`.
Verb<Reply> mfa_remember_device(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const std::string label = arguments.text("label");
  const std::chrono::seconds lifetime =
      arguments.seconds("lifetime", usual_device_lifetime, longest_device_lifetime);
  const Authorization authorization = arguments.authorization();
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const UserId user_id = call.route.id;
  const RememberedDevice remembered =
      co_await verbs::remember_device(run, user_id, label, authorization, lifetime);
  Json body = device_json(remembered.device);
  body["token"] = remembered.token.view();
  co_return reply_with(201, std::move(body));
}

/// `GET`.
Verb<Reply> mfa_list_devices(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const UserId user_id = call.route.id;
  const std::vector<TrustedDevice> devices = co_await verbs::list_devices(run, user_id);
  Json data = Json::array();
  for (const TrustedDevice& device : devices) data.push_back(device_json(device));
  Json body{{"object", "list"}, {"data", std::move(data)}};
  co_return reply_with(200, std::move(body));
}

/// `POST .../check`.
Verb<Reply> mfa_check_device(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const std::string token = arguments.required_text("token");
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const UserId user_id = call.route.id;
  const std::optional<TrustedDevice> device = co_await verbs::check_device(run, token, user_id);
  Json body{{"trusted", device.has_value()}};
  if (device) body["device"] = device_json(*device);
  co_return reply_with(200, std::move(body));
}

/// `POST .../revoke`: all, or all but one.
Verb<Reply> mfa_revoke_devices(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const std::string keep = arguments.text("keep_device");
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const UserId user_id = call.route.id;
  const std::optional<std::string_view> each;
  const std::size_t revoked = co_await verbs::revoke_devices(run, user_id, each, keep);
  Json body{{"revoked", revoked}};
  co_return reply_with(200, std::move(body));
}

/// `DELETE .../{device_id}`.
Verb<Reply> mfa_revoke_device(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const UserId user_id = call.route.id;
  const bool revoked = co_await verbs::revoke_device(run, user_id, call.route.second_id);
  if (!revoked) decision::throw_not_found("device");
  co_return Reply{.status = 204};
}

} // namespace mfa::workos::detail
