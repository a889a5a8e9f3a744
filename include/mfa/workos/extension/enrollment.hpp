#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <mfa/authorization.hpp>
#include <mfa/confirmation.hpp>
#include <mfa/crypto/hash.hpp>
#include <mfa/decision/not_found.hpp>
#include <mfa/factor/authenticator.hpp>
#include <mfa/factor/email.hpp>
#include <mfa/factor/generic_otp.hpp>
#include <mfa/factor/hotp.hpp>
#include <mfa/factor/recovery_codes.hpp>
#include <mfa/factor/sms.hpp>
#include <mfa/factor/totp.hpp>
#include <mfa/factor/webauthn.hpp>
#include <mfa/options.hpp>
#include <mfa/qr/matrix.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/enroll.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/recovery_codes.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/verbs/verify.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/errors.hpp>
#include <mfa/workos/extension/arguments.hpp>
#include <mfa/workos/extension/webauthn.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/json.hpp>
#include <mfa/workos/resources.hpp>

/// What makes a factor: enrolling, confirming, new recovery codes.
namespace mfa::workos::detail {

using verbs::Verb;
using verbs::VerbRun;

inline constexpr auto factor_types = [] {
  std::array<Choice<FactorType>, factor_type_names.size()> types{};
  for (std::size_t i = 0; i < types.size(); ++i)
    types[i] = {factor_type_names[i], static_cast<FactorType>(i + 1)};
  return types;
}();

inline constexpr auto hashes = std::to_array<Choice<crypto::Hash>>(
    {{"sha1", crypto::Hash::sha1}, {"sha256", crypto::Hash::sha256}, {"sha512", crypto::Hash::sha512}});

inline constexpr auto error_corrections =
    std::to_array<Choice<qr::ErrorCorrection>>({{"low", qr::ErrorCorrection::low},
                                                {"medium", qr::ErrorCorrection::medium},
                                                {"quartile", qr::ErrorCorrection::quartile},
                                                {"high", qr::ErrorCorrection::high}});

// --- what the user is shown this once, among the members of his factor's kind

inline void show(const AuthenticatorEnrollment& shown, Json& json) {
  json.update(
      {{"secret", shown.secret.view()}, {"qr_code", shown.qr_code.view()}, {"uri", shown.uri.view()}});
}
inline void show(const SmsEnrollment& shown, Json& json) { json["phone_number"] = shown.phone_number; }
inline void show(const EmailEnrollment& shown, Json& json) { json["address"] = shown.address; }
inline void show(const GenericOtpDetails&, Json&) {}
inline void show(const RecoveryCodesEnrollment& shown, Json& json) {
  json["codes"] = Json::array();
  for (const crypto::SecretString& code : shown.codes) json["codes"].push_back(code.view());
}
inline void show(const WebAuthnEnrollment& shown, Json& json) {
  json["creation_options"] = Json::parse(shown.creation_options);
}

template <class Kind> [[nodiscard]] Reply enrolled_reply(const verbs::Enrolled<Kind>& enrolled) {
  Json body = workos::json(enrolled.factor);
  show(enrolled.shown, body[to_string(Kind::type)]);
  return reply_with(201, std::move(body));
}

// --- what is to be enrolled

/// The name of a user in an authenticator or a browser, which is the host's to say where a client does not.
[[nodiscard]] inline std::string name_of_user(Arguments& arguments, const Call& call) {
  std::string user = arguments.text("user");
  if (user.empty()) user = call.options.totp_user ? call.options.totp_user(call.route.id) : call.route.id;
  return user;
}

template <class Request> void read_authenticator(Arguments& arguments, const Call& call, Request& request) {
  request.issuer = arguments.text("issuer");
  if (request.issuer.empty()) request.issuer = call.options.totp_issuer;
  if (request.issuer.empty()) arguments.require("issuer");
  request.user = name_of_user(arguments, call);
  request.secret = arguments.text("secret");
  request.accept_short_secret = arguments.flag("accept_short_secret");
  request.hash = arguments.choice("hash", hashes).value_or(request.hash);
  request.digits = static_cast<unsigned>(arguments.number("digits", request.digits, 6, 8));
  arguments.object("qr_code", [&request](Arguments& within) {
    request.qr_code.scale = static_cast<unsigned>(within.number("scale", request.qr_code.scale, 1, 64));
    request.qr_code.error_correction =
        within.choice("error_correction", error_corrections).value_or(request.qr_code.error_correction);
  });
}

inline void read_request(Arguments& arguments, const Call& call, Totp& request) {
  read_authenticator(arguments, call, request);
  request.period = arguments.seconds("period", request.period, std::chrono::hours(24 * 366));
}
inline void read_request(Arguments& arguments, const Call& call, Hotp& request) {
  constexpr std::uint64_t most = 1'000'000'000'000'000;
  read_authenticator(arguments, call, request);
  request.counter = arguments.number("counter", request.counter, 0, most);
}
inline void read_request(Arguments& arguments, const Call&, Sms& request) {
  request.phone_number = arguments.required_text("phone_number");
}
inline void read_request(Arguments& arguments, const Call&, Email& request) {
  request.address = arguments.required_text("address");
}
inline void read_request(Arguments& arguments, const Call&, GenericOtp& request) {
  request.destination = arguments.text("destination");
  request.address = arguments.text("address");
}
inline void read_request(Arguments& arguments, const Call&, RecoveryCodes& request) {
  request.count = static_cast<unsigned>(arguments.number("count", request.count, 1, 50));
}
inline void read_request(Arguments& arguments, const Call& call, WebAuthn& request) {
  request.user = name_of_user(arguments, call);
  read_webauthn(arguments, request);
}

template <class Kind>
Verb<Reply> enroll_kind(const VerbRun auto& run, Arguments& arguments, const Call& call) {
  typename Kind::Request request;
  request.user_id = UserId(call.route.id);
  request.friendly_name = arguments.text("friendly_name");
  read_request(arguments, call, request);
  const Authorization authorization = arguments.authorization();
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const auto enrolled = co_await verbs::enroll_factor<Kind>(run, request, authorization);
  co_return enrolled_reply(enrolled);
}

/// `POST /mfa/users/{user_id}/factors`.
Verb<Reply> mfa_enroll_factor(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const std::optional<FactorType> type = arguments.choice("type", factor_types);
  if (!type) {
    arguments.require("type");
    co_return arguments.refusal_of_known();
  }
  if (auto refused = unavailable(*type, call)) co_return *std::move(refused);
  switch (*type) {
  case FactorType::totp: co_return co_await enroll_kind<factor::TotpKind>(run, arguments, call);
  case FactorType::sms: co_return co_await enroll_kind<factor::SmsKind>(run, arguments, call);
  case FactorType::generic_otp: co_return co_await enroll_kind<factor::GenericOtpKind>(run, arguments, call);
  case FactorType::hotp: co_return co_await enroll_kind<factor::HotpKind>(run, arguments, call);
  case FactorType::recovery_codes:
    co_return co_await enroll_kind<factor::RecoveryCodesKind>(run, arguments, call);
  case FactorType::webauthn: co_return co_await enroll_kind<factor::WebAuthnKind>(run, arguments, call);
  case FactorType::email: break;
  }
  co_return co_await enroll_kind<factor::EmailKind>(run, arguments, call);
}

/// `POST /mfa/factors/{factor_id}/recovery_codes`: new ones in the place of all old ones.
Verb<Reply> mfa_regenerate_recovery_codes(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const Whose whose = arguments.whose();
  const Authorization authorization = arguments.authorization();
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const auto drawn = co_await verbs::regenerate_recovery_codes(run, call.route.id, whose, authorization);
  co_return enrolled_reply(drawn);
}

} // namespace mfa::workos::detail
