#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/authorization.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/decision/not_found.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/generic_otp.hpp>
#include <mfa/factor/sms.hpp>
#include <mfa/factor/totp.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/options.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/challenge.hpp>
#include <mfa/verbs/delete_factor.hpp>
#include <mfa/verbs/enroll.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/workos/body.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/errors.hpp>
#include <mfa/workos/resources.hpp>

/// `/auth/factors`: enrol, get, delete, challenge.
namespace mfa::workos::detail {

using verbs::Verb;
using verbs::VerbRun;

/// The request for a TOTP factor of this user, who may be none. What it has not is the host's to say.
[[nodiscard]] inline Totp read_totp(Members& members, const std::string& user_id, const ApiOptions& options) {
  Totp totp;
  totp.issuer = members.text("totp_issuer");
  totp.user = members.text("totp_user");
  if (totp.issuer.empty()) totp.issuer = options.totp_issuer;
  if (totp.user.empty() && !user_id.empty())
    totp.user = options.totp_user ? options.totp_user(user_id) : user_id;
  members.require("totp_issuer", totp.issuer);
  members.require("totp_user", totp.user);
  if (!user_id.empty()) totp.user_id = user_id;
  return totp;
}

/// As WorkOS takes it: a number with its country code may lack the plus sign.
[[nodiscard]] inline std::string with_plus(std::string phone_number) {
  constexpr std::size_t shortest = 11; // with a country code
  const bool only_digits = phone_number.find_first_not_of("0123456789") == std::string::npos;
  if (only_digits && phone_number.size() >= shortest && !phone_number.starts_with('0'))
    phone_number.insert(0, 1, '+');
  return phone_number;
}

Verb<Reply> enroll_totp(const VerbRun auto& run, const Call& call, const std::string& user_id) {
  Members members(call.body);
  const Totp request = read_totp(members, user_id, call.options);
  if (!members.fine()) co_return members.refusal();
  const auto enrolled = co_await verbs::enroll_factor<factor::TotpKind>(run, request, by_operator);
  co_return reply_with(201, enrolled_json(enrolled.factor, enrolled.shown));
}

Verb<Reply> enroll_sms(const VerbRun auto& run, const Call& call, const std::string& user_id) {
  Members members(call.body);
  Sms request;
  request.phone_number = with_plus(members.required_text("phone_number"));
  if (!members.fine()) co_return members.refusal();
  if (auto refused = unavailable(Channel::sms, call)) co_return *std::move(refused);
  if (!user_id.empty()) request.user_id = user_id;
  const auto enrolled = co_await verbs::enroll_factor<factor::SmsKind>(run, request, by_operator);
  co_return reply_with(201, factor_json(enrolled.factor, enrolled.shown.phone_number));
}

Verb<Reply> enroll_generic_otp(const VerbRun auto& run, const std::string& user_id) {
  GenericOtp request;
  if (!user_id.empty()) request.user_id = user_id;
  const auto enrolled = co_await verbs::enroll_factor<factor::GenericOtpKind>(run, request, by_operator);
  co_return reply_with(201, factor_json(enrolled.factor, {}));
}

/// `POST /auth/factors/enroll`.
Verb<Reply> enroll_factor(const VerbRun auto& run, const Call& call) {
  Members members(call.body);
  const std::string type = members.required_text("type");
  const std::string user_id = members.text("user_id");
  if (!type.empty() && type != "totp" && type != "sms" && type != "generic_otp")
    members.refuse("invalid_type", "type", "must be generic_otp, sms or totp");
  if (!members.fine()) co_return members.refusal();
  if (type == "totp") co_return co_await enroll_totp(run, call, user_id);
  if (type == "sms") co_return co_await enroll_sms(run, call, user_id);
  co_return co_await enroll_generic_otp(run, user_id);
}

/// A factor of a kind that WorkOS knows. Throws `errc::entity_not_found`.
Verb<storage::FactorRecord> find_known_factor(const VerbRun auto& run, std::string_view id) {
  const Whose whose = any_user;
  storage::FactorRecord record = co_await run.find_factor(id, whose);
  if (!is_known(record.type)) decision::throw_not_found("factor");
  co_return record;
}

/// `GET /auth/factors/{id}`.
Verb<Reply> get_factor(const VerbRun auto& run, const Call& call) {
  const storage::FactorRecord record = co_await find_known_factor(run, call.route.id);
  const factor::Context context = co_await run.now();
  const FactorDetails details(record, context);
  co_return reply_with(200, factor_json(details, phone_number_of(record, details, call.options, run.keys())));
}

/// `DELETE /auth/factors/{id}`.
Verb<Reply> delete_factor(const VerbRun auto& run, const Call& call) {
  (void)co_await find_known_factor(run, call.route.id);
  const Whose whose = any_user;
  const Authorization authorization = by_operator;
  const DeleteOptions options;
  (void)co_await verbs::delete_factor(run, call.route.id, whose, authorization, options);
  co_return Reply{.status = 204};
}

/// Asks a factor, as its state has it: WorkOS's API has one verb for the confirmation of an enrolment and
/// for signing in.
Verb<Json> ask(const VerbRun auto& run, const std::string& factor_id, FactorType type, FactorState state,
               const std::string& sms_template) {
  ChallengeOptions options;
  options.sms_template = sms_template;
  const Whose whose = any_user;
  const Authorization authorization = by_operator;
  std::optional<verbs::Created> created;
  if (state == FactorState::verified || run.options.unverified_factors_sign_in)
    created.emplace(co_await verbs::challenge_factor(run, factor_id, whose, options));
  else
    created.emplace(co_await verbs::challenge_enrollment(run, factor_id, whose, options, authorization));
  const auto* const to_user = created->delivery.template get_if<factor::ToUser>();
  const std::string_view code = to_user != nullptr ? to_user->text.view() : std::string_view();
  co_return challenge_json(created->challenge, type, code);
}

/// `POST /auth/factors/{id}/challenge`.
Verb<Reply> challenge_factor(const VerbRun auto& run, const Call& call) {
  Members members(call.body);
  const std::string sms_template = members.text("sms_template");
  if (!members.fine()) co_return members.refusal();
  const storage::FactorRecord record = co_await find_known_factor(run, call.route.id);
  if (record.type == FactorType::webauthn)
    co_return refusal(422, "factor_type_not_supported",
                      "A security key or passkey is asked by a browser, for which this API has no way.");
  if (auto refused = unavailable(record.type, {}, run.options, call)) co_return *std::move(refused);
  co_return reply_with(201, co_await ask(run, record.id, record.type, record.state, sms_template));
}

} // namespace mfa::workos::detail
