// Every operation beyond WorkOS's contract reads its request strictly, and says what is wrong with it.
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/workos/recent_events.hpp>
#include <mfa/workos/route.hpp>

#include "support/catch.hpp"
#include "support/http_api_client.hpp"
#include "support/http_api_host.hpp"

using mfa::test::code_of;
using mfa::test::Codes;
using mfa::test::host_without_transports;
using mfa::test::http_api_host;
using mfa::test::HttpApiClient;
using mfa::test::Json;
using mfa::test::no_challenge;
using mfa::test::no_factor;
using mfa::test::request_with_key;
using mfa::test::send;
using mfa::test::whole_host;
using mfa::test::wrong;
using namespace std::chrono_literals;

TEST_CASE("What a request says is read strictly") {
  const auto host = http_api_host(false, {.totp_issuer = "Foo Corp"});
  HttpApiClient client{*host};
  const std::string path = "/mfa/users/u_1/factors";
  CHECK(wrong(client("POST", path, Json::object())) == Codes{"type_required"});
  CHECK(wrong(client("POST", path, {{"type", "carrier pigeon"}})) == Codes{"invalid_type"});
  CHECK(wrong(client("POST", path, {{"type", "totp"}, {"phone_number", "+1"}})) == Codes{"unknown_member"});
  CHECK(wrong(client("POST", path, {{"type", "totp"}, {"digits", 9}, {"hash", 1}})) ==
        Codes{"hash_must_be_a_string", "invalid_digits"});
  CHECK(wrong(client("POST", path, {{"type", "totp"}, {"digits", 6.5}})) == Codes{"invalid_digits"});
  CHECK(wrong(client("POST", path, {{"type", "totp"}, {"qr_code", {{"scale", 0}, {"x", 1}}}})) ==
        Codes{"invalid_scale", "unknown_member"});
  CHECK(wrong(client("POST", path, {{"type", "totp"}, {"qr_code", 4}})) ==
        Codes{"qr_code_must_be_an_object"});
  CHECK(wrong(client("POST", path, {{"type", "sms"}})) == Codes{"phone_number_required"});
  CHECK(wrong(client("POST", path, {{"type", "totp"}, {"by_operator", "true"}})) ==
        Codes{"by_operator_must_be_a_boolean"});
  CHECK(wrong(client("POST", path, {{"type", "totp"}, {"by_operator", true}, {"authorization", "x"}})) ==
        Codes{"invalid_authorization"});
  CHECK(wrong(client("POST", path, {{"type", "totp"}, {"ip_address", 7}})) ==
        Codes{"ip_address_must_be_a_string"});
  CHECK(code_of(client("POST", path, {{"type", "totp"}, {"secret", "abc"}})) == "invalid_secret");
  CHECK(code_of(client("POST", path, {{"type", "webauthn"}})) == "no_relying_party");

  // Of what a check hangs on, null is no way to leave it out.
  for (const Json& lost : {Json(), Json("")}) {
    CHECK(wrong(client("PATCH", no_factor, {{"friendly_name", "x"}, {"user_id", lost}})) ==
          Codes{"user_id_must_not_be_empty"});
    CHECK(wrong(client("POST", path, {{"type", "totp"}, {"authorization", lost}})) ==
          Codes{"authorization_must_not_be_empty"});
  }
  struct Lost {
    const char* target;
    Json body; ///< which has what the operation needs besides
    Json lost; ///< the member that is null, maybe within others
    const char* code;
  };
  const std::string challenge_path = std::string(no_factor) + "/challenge";
  const Json webauthn{{"type", "webauthn"}};
  const Json lines{
      {"lines",
       Json::array({{{"user_id", "u_1"},
                     {"uri", "otpauth://totp/Foo:a?secret=NAGCCFS3EYRB422HNAKAKY3XDUORMSRF&issuer=Foo"}}})},
      {"by_operator", true}};
  constexpr const char* reset = "/mfa/users/u_1/reset";
  constexpr const char* requirement = "/mfa/users/u_1/requirement";
  constexpr const char* devices = "/mfa/users/u_1/devices";
  constexpr const char* ask_user = "/mfa/users/u_1/challenge";
  constexpr const char* ask_passkey = "/mfa/passkeys/challenge";
  const std::string verify_path = std::string(no_challenge) + "/verify";
  const std::string resend_path = std::string(no_challenge) + "/resend";
  const Json code{{"code", "123456"}};
  for (const Lost& row : std::vector<Lost>{
           {path.c_str(),
            {{"type", "generic_otp"}},
            {{"by_operator", nullptr}},
            "by_operator_must_be_a_boolean"},
           {reset, {}, {{"by_operator", nullptr}}, "by_operator_must_be_a_boolean"},
           {"/mfa/imports", lines, {{"by_operator", nullptr}}, "by_operator_must_be_a_boolean"},
           {"/mfa/imports", lines, {{"dry_run", nullptr}}, "dry_run_must_be_a_boolean"},
           {"/mfa/imports", lines, {{"verified", nullptr}}, "verified_must_be_a_boolean"},
           {"/mfa/imports",
            lines,
            {{"accept_short_secrets", nullptr}},
            "accept_short_secrets_must_be_a_boolean"},
           {"/mfa/imports", {{"by_operator", true}}, {{"lines", nullptr}}, "invalid_lines"},
           {challenge_path.c_str(), {}, {{"required", nullptr}}, "required_must_be_an_object"},
           {challenge_path.c_str(), {}, {{"required", {{"factors", nullptr}}}}, "invalid_factors"},
           {challenge_path.c_str(),
            {},
            {{"required", {{"phishing_resistant", nullptr}}}},
            "phishing_resistant_must_be_a_boolean"},
           {ask_user, {}, {{"required", nullptr}}, "required_must_be_an_object"},
           {ask_passkey, {}, {{"required", nullptr}}, "required_must_be_an_object"},
           {challenge_path.c_str(), {}, {{"purpose", nullptr}}, "purpose_must_be_a_string"},
           {challenge_path.c_str(), {}, {{"purpose", ""}}, "invalid_purpose"},
           {ask_passkey, {}, {{"purpose", nullptr}}, "purpose_must_be_a_string"},
           {challenge_path.c_str(), {}, {{"channels", nullptr}}, "invalid_channels"},
           {challenge_path.c_str(),
            {},
            {{"initialize_user_verification", nullptr}},
            "initialize_user_verification_must_be_a_boolean"},
           {challenge_path.c_str(), {}, {{"sms_values", nullptr}}, "sms_values_must_be_texts"},
           {resend_path.c_str(), {}, {{"channel", nullptr}}, "channel_must_be_a_string"},
           {resend_path.c_str(), {}, {{"channel", ""}}, "invalid_channel"},
           {resend_path.c_str(), {}, {{"binding", nullptr}}, "binding_must_not_be_empty"},
           {verify_path.c_str(), code, {{"purpose", nullptr}}, "purpose_must_be_a_string"},
           {verify_path.c_str(), code, {{"purpose", ""}}, "invalid_purpose"},
           {path.c_str(), webauthn, {{"device_bound", nullptr}}, "device_bound_must_be_a_boolean"},
           {path.c_str(), webauthn, {{"user_verification", nullptr}}, "user_verification_must_be_a_string"},
           {path.c_str(), webauthn, {{"user_verification", ""}}, "invalid_user_verification"},
           {path.c_str(), webauthn, {{"attachment", nullptr}}, "attachment_must_be_a_string"},
           {path.c_str(), webauthn, {{"resident_key", ""}}, "invalid_resident_key"},
           {path.c_str(), webauthn, {{"extensions", nullptr}}, "extensions_must_be_an_object"},
           {path.c_str(),
            webauthn,
            {{"extensions", {{"credential_protection", nullptr}}}},
            "credential_protection_must_be_a_string"},
           {path.c_str(),
            webauthn,
            {{"extensions", {{"enforce_credential_protection", nullptr}}}},
            "enforce_credential_protection_must_be_a_boolean"},
           {path.c_str(), {{"type", "totp"}}, {{"digits", nullptr}}, "invalid_digits"},
           {path.c_str(), {{"type", "totp"}}, {{"hash", nullptr}}, "hash_must_be_a_string"},
           {path.c_str(), {}, {{"type", ""}}, "invalid_type"},
           {requirement, {}, {{"policy", nullptr}}, "policy_must_be_an_object"},
           {requirement, {}, {{"policy", {{"assurance", nullptr}}}}, "assurance_must_be_an_object"},
           {requirement, {}, {{"policy", {{"assurance", {{"factors", nullptr}}}}}}, "invalid_factors"},
           {requirement,
            {},
            {{"policy", {{"assurance", {{"phishing_resistant", nullptr}}}}}},
            "phishing_resistant_must_be_a_boolean"},
           {requirement, {}, {{"policy", {{"kinds", nullptr}}}}, "invalid_kinds"},
           {requirement, {}, {{"policy", {{"factors", nullptr}}}}, "invalid_factors"},
           {requirement, {}, {{"policy", {{"recovery_codes", nullptr}}}}, "recovery_codes_must_be_a_boolean"},
           {requirement, {}, {{"policy", {{"grace", nullptr}}}}, "invalid_grace"},
           {requirement, {}, {{"policy", {{"offered", nullptr}}}}, "invalid_offered"},
           {devices, {{"by_operator", true}}, {{"lifetime", nullptr}}, "invalid_lifetime"},
           {"/mfa/messages/x/report", {}, {{"report", nullptr}}, "report_must_be_a_string"}}) {
    CAPTURE(row.target, row.lost);
    Json body = row.body.is_null() ? Json::object() : row.body;
    body.update(row.lost);
    CHECK(wrong(client("POST", row.target, body)) == Codes{row.code});
  }
  // On these no check hangs: null is taken, though docs/openapi.json has only texts.
  const Json lenient{{"type", "generic_otp"}, {"friendly_name", nullptr}, {"destination", nullptr}};
  CHECK(host->handle(request_with_key("POST", path, lenient.dump())).status == 201);
  CHECK(wrong(client("GET", std::string(no_factor) + "?user_id=")) == Codes{"user_id_must_not_be_empty"});
  CHECK(wrong(client("PATCH", no_factor, Json::object())) == Codes{"friendly_name_required"});
  CHECK(wrong(client("DELETE", std::string(no_factor) + "?refuse_last=1")) ==
        Codes{"refuse_last_must_be_a_boolean"});
  // What is said in the wrong place would leave a check out.
  CHECK(code_of(client("DELETE", no_factor, {{"user_id", "u_1"}})) == "misplaced_parameters");
  CHECK(code_of(client("PATCH", std::string(no_factor) + "?user_id=u_1", {{"friendly_name", "x"}})) ==
        "misplaced_parameters");
  CHECK(code_of(client("GET", std::string(no_factor) + "?user_id=u_1&user_id=u_2")) ==
        "misplaced_parameters");

  const auto silent = host_without_transports();
  HttpApiClient to_silent{*silent};
  for (const Json& body : {Json{{"type", "sms"}, {"phone_number", "+14155550123"}},
                           Json{{"type", "email"}, {"address", "alan@example.com"}}}) {
    const auto refused = to_silent("POST", path, body);
    CHECK(refused.status == 422);
    CHECK(code_of(refused).ends_with("_not_available"));
  }
}

namespace {

/// An operation for which nothing lacks but what the storage knows.
const std::map<std::string, Json> good_requests{
    {"POST /mfa/users/*/factors", {{"type", "generic_otp"}}},
    {"PATCH /mfa/factors/*", {{"friendly_name", "x"}}},
    {"POST /mfa/factors/*/confirm", {{"code", "123456"}}},
    {"POST /mfa/challenges/*/verify", {{"code", "123456"}}},
    {"POST /mfa/challenges/*/confirm", {{"code", "123456"}}},
    {"POST /mfa/users/*/devices", {{"label", "x"}, {"by_operator", true}}},
    {"POST /mfa/users/*/reset", {{"by_operator", true}}},
    {"POST /mfa/sms/limits/reset", {{"phone_number", "+14155550123"}}},
    {"POST /mfa/sms/budgets/reset", {{"which", "GB"}}},
    {"POST /mfa/imports",
     {{"lines",
       Json::array({{{"user_id", "u_1"},
                     {"uri", "otpauth://totp/Foo:a?secret=NAGCCFS3EYRB422HNAKAKY3XDUORMSRF&issuer=Foo"}}})},
      {"by_operator", true}}},
    {"POST /mfa/messages/*/report", {{"report", "not_sent"}}},
};

std::string target_of(std::string path) {
  const std::string_view id =
      path.starts_with("/mfa/users")        ? "u_1"
      : path.starts_with("/mfa/challenges") ? "auth_challenge_01FVYXZTZ52ZPVRPRXJWHP0C8T"
      : path.starts_with("/mfa/messages")   ? "auth_challenge_01FVYXZTZ52ZPVRPRXJWHP0C8T"
                                            : "auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ";
  for (std::size_t star = path.find('*'); star != std::string::npos; star = path.find('*'))
    path.replace(star, 1, id);
  return path;
}

} // namespace

TEST_CASE("Each operation wants a key, JSON, known members, and a storage that answers") {
  const bool awaited = GENERATE(false, true);
  bool broken = false;
  const auto host = whole_host(awaited, {.events = [&broken](std::string_view, std::size_t) {
                                 if (broken) throw std::runtime_error("secret of the host");
                                 return std::optional(mfa::workos::EventPage());
                               }});
  HttpApiClient client{*host};
  const auto device = client("POST", "/mfa/users/u_1/devices", {{"by_operator", true}});
  auto requests = good_requests;
  requests["POST /mfa/users/*/devices/check"] = {{"token", device.body["token"]}};
  for (const auto& known : mfa::workos::detail::known_routes) {
    if (!mfa::workos::is_extension(known.operation)) continue;
    const std::string method(known.method);
    const std::string target = target_of(std::string(known.path));
    CAPTURE(method, target, awaited);
    const bool has_body = method == "POST" || method == "PATCH";
    const auto with_body = [&](const std::string& body) {
      return send(*host, request_with_key(method, target, body));
    };
    CHECK(send(*host, {method, target, {}, ""}).status == 401);
    CHECK(with_body("{").status == 400);
    CHECK(with_body(std::string(65'537, ' ')).status == 413);
    if (has_body)
      CHECK(with_body(R"({"misspelt":1})").status == 422);
    else
      CHECK(send(*host, request_with_key(method, target + "?misspelt=1")).status == 422);

    const auto found = requests.find(method + " " + std::string(known.path));
    const std::string body = found == requests.end() ? "" : found->second.dump();
    if (known.operation == mfa::workos::Operation::mfa_challenge_passkey ||
        known.operation == mfa::workos::Operation::mfa_list_events) { // they read nothing there
      host->clock.advance(-24h * 366 * 200);
      broken = true;
      CHECK(with_body(body).status == 500);
      host->clock.advance(24h * 366 * 200);
      broken = false;
      continue;
    }
    host->fail(mfa::test::Failure::of_storage);
    const auto failed = with_body(body);
    CHECK(failed.status == 503);
    CHECK(failed.header("Retry-After") == "1");
    host->fail(mfa::test::Failure::unknown);
    CHECK(with_body(body).status == 500);
    host->fail(mfa::test::Failure::none);
  }
}
