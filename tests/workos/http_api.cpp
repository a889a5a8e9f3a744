// What the API has beyond WorkOS's does what it says, over a verifier that blocks and over one that is
// awaited, and every answer is as docs/openapi.json describes it.
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/http_api_host.hpp"
#include "support/software_authenticator.hpp"
#include "support/temporary_directory.hpp"
#include "support/webauthn_host.hpp"

using mfa::test::Answered;
using mfa::test::answered;
using mfa::test::http_api_host;
using mfa::test::HttpApiHost;
using mfa::test::Json;
using mfa::test::request_with_key;
using mfa::test::SoftwareAuthenticator;
using namespace std::chrono_literals;

namespace {

/// Every request of these tests with its answer, and on how many kinds of hosts.
std::vector<Json> answers;

void keep(const mfa::workos::Request& request, const Answered& answer) {
  Json headers = Json::object();
  for (const auto& [name, value] : answer.headers) headers[name] = value;
  const bool has_body = nlohmann::json::accept(request.body);
  answers.push_back({{"method", request.method},
                     {"target", request.target},
                     {"request", has_body ? Json::parse(request.body) : Json()},
                     {"status", answer.status},
                     {"headers", std::move(headers)},
                     {"body", answer.body}});
}

Answered send(HttpApiHost& host, const mfa::workos::Request& request) {
  const Answered answer = answered(host.handle(request));
  keep(request, answer);
  return answer;
}

/// A service that calls the API.
struct Client {
  HttpApiHost& host;

  Answered operator()(std::string method, std::string target, const Json& body = nullptr) {
    return send(host,
                request_with_key(std::move(method), std::move(target), body.is_null() ? "" : body.dump()));
  }

  /// A TOTP factor that its user has confirmed, and its secret.
  std::pair<std::string, std::string> confirmed_totp(const std::string& user_id) {
    const auto enrolled = (*this)("POST", "/mfa/users/" + user_id + "/factors",
                                  {{"type", "totp"}, {"issuer", "Foo Corp"}, {"by_operator", true}});
    REQUIRE(enrolled.status == 201);
    std::string id = enrolled.body["id"];
    std::string secret = enrolled.body["totp"]["secret"];
    REQUIRE((*this)("POST", "/mfa/factors/" + id + "/confirm", {{"code", host.code(secret)}}).status == 200);
    host.clock.advance(30s);
    return {std::move(id), std::move(secret)};
  }
};

std::string code_of(const Answered& answer) { return answer.body.value("code", "none"); }

/// The codes of what was wrong with members.
std::vector<std::string> wrong(const Answered& answer) {
  std::vector<std::string> codes;
  CHECK(answer.status == 422);
  for (const Json& error : answer.body["errors"]) codes.push_back(error["code"]);
  return codes;
}

using Codes = std::vector<std::string>;

/// A host that is a relying party, with a name for authenticator apps.
std::unique_ptr<HttpApiHost> whole_host(bool awaited, mfa::workos::ApiOptions api_options = {},
                                        mfa::Options options = {}) {
  api_options.totp_issuer = "Foo Corp";
  options.webauthn = mfa::webauthn::relying_party(mfa::test::example_settings());
  return http_api_host(awaited, std::move(api_options), std::move(options));
}

std::string other_code(std::string code) {
  code.back() = code.back() == '9' ? '0' : static_cast<char>(code.back() + 1);
  return code;
}

Json browser(const std::string& json) { return Json::parse(json); }

constexpr const char* no_challenge = "/mfa/challenges/auth_challenge_01FVYXZTZ52ZPVRPRXJWHP0C8T";
constexpr const char* no_factor = "/mfa/factors/auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ";

} // namespace

TEST_CASE("A factor of each kind is enrolled, listed, named and deleted") {
  const bool awaited = GENERATE(false, true);
  const auto host = http_api_host(awaited, {.totp_issuer = "Foo Corp"});
  Client client{*host};
  const std::string path = "/mfa/users/u%2F1/factors";

  const auto totp = client("POST", path, {{"type", "totp"}, {"friendly_name", "Phone"}, {"user", "alan"}});
  REQUIRE(totp.status == 201);
  CHECK(totp.body["user_id"] == "u/1");
  CHECK(totp.body["state"] == "unverified");
  CHECK(totp.body["friendly_name"] == "Phone");
  CHECK(totp.body["totp"]["issuer"] == "Foo Corp");
  CHECK(std::string(totp.body["totp"]["uri"]).starts_with("otpauth://totp/Foo%20Corp:alan?"));
  const std::string id = totp.body["id"];

  const Json by_operator{{"by_operator", true}};
  const auto enroll = [&](Json body) {
    body.update(by_operator);
    host->clock.advance(1s); // ids begin with the time
    return client("POST", path, body);
  };
  const auto hotp = enroll({{"type", "hotp"}, {"digits", 8}, {"hash", "sha256"}, {"counter", 7}});
  CHECK(hotp.status == 201);
  CHECK(std::string(hotp.body["hotp"]["uri"]).find("counter=7") != std::string::npos);
  CHECK(hotp.body["hotp"]["user"] == "u/1");
  const auto sms = enroll({{"type", "sms"}, {"phone_number", "+1 415 555 0123"}});
  CHECK(sms.body["sms"]["phone_number"] == "+14155550123");
  const auto email = enroll({{"type", "email"}, {"address", "alan@example.com"}});
  CHECK(email.body["email"]["address"] == "alan@example.com");
  CHECK(enroll({{"type", "generic_otp"}, {"destination", "a***"}}).body["generic_otp"]["destination"] ==
        "a***");
  const auto codes = enroll({{"type", "recovery_codes"}, {"count", 3}});
  CHECK(codes.body["state"] == "verified");
  CHECK(codes.body["recovery_codes"]["codes"].size() == 3);

  const auto list = client("GET", path);
  REQUIRE(list.status == 200);
  REQUIRE(list.body["data"].size() == 6);
  CHECK(list.body["data"][0]["id"] == id);
  CHECK(list.body["data"][2]["sms"]["phone_number"] == "+*******0123");
  CHECK(list.body["data"][3]["email"]["address"] == "a***@example.com");
  CHECK(list.body["data"][5]["recovery_codes"] == Json{{"remaining", 3}, {"count", 3}});
  CHECK(list.body.dump().find(std::string(totp.body["totp"]["secret"])) == std::string::npos);
  CHECK(list.body["remaining"]["unverified"] == 5);
  CHECK(list.body["remaining"]["recovery_codes"] == 3);
  CHECK(client("GET", "/mfa/users/nobody/factors").body["data"] == Json::array());

  CHECK(client("GET", "/mfa/factors/" + id).body["state"] == "unverified");
  CHECK(client("GET", "/mfa/factors/" + id + "?user_id=u%2F1").status == 200);
  CHECK(client("GET", "/mfa/factors/" + id + "?user_id=another").status == 404);
  const auto renamed = client("PATCH", "/mfa/factors/" + id, {{"friendly_name", "Old phone"}});
  CHECK(renamed.body["friendly_name"] == "Old phone");
  CHECK_FALSE(client("PATCH", "/mfa/factors/" + id, {{"friendly_name", ""}}).body.contains("friendly_name"));
  CHECK(client("PATCH", "/mfa/factors/" + id, {{"friendly_name", "x"}, {"user_id", "another"}}).status ==
        404);

  const auto unknown = client("GET", no_factor);
  CHECK(unknown.status == 404);
  CHECK(code_of(unknown) == "entity_not_found");
  CHECK(client("DELETE", "/mfa/factors/" + id + "?user_id=another").status == 404);
  const auto deleted = client("DELETE", "/mfa/factors/" + id);
  CHECK(deleted.status == 200);
  CHECK(deleted.body["remaining"]["unverified"] == 4);
  CHECK(client("GET", "/mfa/factors/" + id).status == 404);
}

TEST_CASE("What a request says is read strictly") {
  const auto host = http_api_host(false, {.totp_issuer = "Foo Corp"});
  Client client{*host};
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

  mfa::storage::Memory storage;
  const mfa::Verifier verifier{storage};
  const mfa::workos::Api without_transports(verifier, {mfa::test::api_key});
  for (const char* const body : {R"({"type":"sms","phone_number":"+14155550123"})",
                                 R"({"type":"email","address":"alan@example.com"})"}) {
    const auto request = request_with_key("POST", path, body);
    const auto refused = answered(without_transports.handle(request));
    keep(request, refused);
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
  Client client{*host};
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

TEST_CASE("A change of a user's factors wants his own proof, or the word of the client by its name") {
  const bool awaited = GENERATE(false, true);
  const auto host = http_api_host(awaited, {.totp_issuer = "Foo Corp"});
  Client client{*host};
  const auto [id, secret] = client.confirmed_totp("u_1");
  const std::string path = "/mfa/users/u_1/factors";
  const auto refused = client("POST", path, {{"type", "totp"}});
  CHECK(refused.status == 403);
  CHECK(code_of(refused) == "authorization_required");
  CHECK(client("POST", path, {{"type", "totp"}, {"authorization", "auth_challenge_made_up"}}).status == 403);
  CHECK(client("DELETE", "/mfa/factors/" + id).status == 403);
  CHECK(client("DELETE", "/mfa/factors/" + id + "?by_operator=false").status == 403);
  const auto last = client("DELETE", "/mfa/factors/" + id + "?by_operator=true&refuse_last=true");
  CHECK(last.status == 409);
  CHECK(code_of(last) == "last_factor");
  CHECK(client("POST", path, {{"type", "totp"}, {"secret", secret}, {"by_operator", true}}).status == 409);
  const auto deleted =
      client("DELETE", "/mfa/factors/" + id + "?by_operator=true&user_id=u_1&ip_address=192.0.2.1");
  CHECK(deleted.status == 200);
  CHECK(deleted.body["remaining"]["factors"] == 0);
}

TEST_CASE("An enrolment is confirmed by a code that comes unasked, in time, and signs nobody in") {
  const bool awaited = GENERATE(false, true);
  const auto host = http_api_host(awaited, {.totp_issuer = "Foo Corp"});
  Client client{*host};
  const auto enroll = [&](const Json& body) { return client("POST", "/mfa/users/u_1/factors", body).body; };
  const Json first = enroll({{"type", "totp"}});
  const Json second = enroll({{"type", "totp"}});
  const Json phone = enroll({{"type", "sms"}, {"phone_number", "+14155550123"}});
  const auto confirm = [&](const Json& factor, const Json& body) {
    return client("POST", "/mfa/factors/" + std::string(factor["id"]) + "/confirm", body);
  };
  const std::string secret = first["totp"]["secret"];
  const auto wrong_one = confirm(first, {{"code", host->code(secret, 40)}, {"user_id", "u_1"}});
  CHECK(wrong_one.status == 200);
  CHECK(wrong_one.body["confirmed"] == false);
  CHECK(wrong_one.body["status"] == "wrong_code");
  CHECK_FALSE(wrong_one.body.contains("user_id"));
  CHECK(confirm(first, {{"code", host->code(secret)}, {"user_id", "another"}}).status == 404);
  const auto skewed =
      confirm(first, {{"code", host->code(secret, 10)}, {"hint_clock_skew_after_password", true}});
  CHECK(skewed.body["clock_skew"] == 300);
  const auto right = confirm(first, {{"code", host->code(secret)}, {"binding", "session 1"}});
  CHECK(right.body["confirmed"] == true);
  CHECK(right.body["status"] == "valid");
  CHECK(right.body["user_id"] == "u_1");
  CHECK(right.body["challenge"]["purpose"] == "confirm_enrollment");
  CHECK_FALSE(right.body.contains("valid"));
  CHECK(confirm(first, {{"code", host->code(secret, 1)}}).status == 422); // it is verified

  // Enrolled as the first by whoever has the password; another came before.
  const auto late = confirm(second, {{"code", host->code(std::string(second["totp"]["secret"]))}});
  CHECK(late.status == 403);
  CHECK(code_of(confirm(phone, {{"code", "123456"}})) == "invalid_request_parameters"); // it sends a code
  CHECK(confirm(Json{{"id", "auth_challenge_01FVYXZTZ52ZPVRPRXJWHP0C8T"}}, {{"code", "1"}}).status == 404);
  host->clock.advance(11min);
  const auto over = confirm(second, {{"code", host->code(std::string(second["totp"]["secret"]))}});
  CHECK(over.status == 409);
  CHECK(code_of(over) == "enrollment_expired");

  CHECK(wrong(confirm(first, {{"code", "1"}, {"response", Json::object()}})) == Codes{"invalid_response"});
  CHECK(wrong(confirm(first, {{"response", "x"}})) == Codes{"invalid_response"});
  CHECK(wrong(confirm(first, Json::object())) == Codes{"code_required"});
  CHECK(wrong(confirm(first, {{"code", 123456}})) == Codes{"code_must_be_a_string"});
  CHECK(wrong(confirm(first, {{"code", "1"}, {"binding", nullptr}})) == Codes{"binding_must_not_be_empty"});
}

TEST_CASE("A user shows a factor, for what it was asked and where it was asked") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited, {}, {.failures_before_lockout = 6});
  Client client{*host};
  const auto [id, secret] = client.confirmed_totp("u_1");
  const std::string challenge_path = "/mfa/factors/" + id + "/challenge";
  const auto challenge =
      client("POST", challenge_path, {{"user_id", "u_1"}, {"purpose", "step_up"}, {"binding", "session 1"}});
  REQUIRE(challenge.status == 201);
  CHECK(challenge.body["purpose"] == "step_up");
  CHECK(challenge.body["state"] == "pending");
  const std::string path = "/mfa/challenges/" + std::string(challenge.body["id"]);
  CHECK(client("GET", path + "?user_id=u_1").body == challenge.body);
  CHECK(code_of(client("POST", path + "/confirm", {{"code", "1"}, {"binding", "session 1"}})) ==
        "wrong_purpose");
  CHECK(client("GET", path + "?user_id=another").status == 404);
  CHECK(client("GET", no_challenge).status == 404);

  const Json right{{"code", host->code(secret)}, {"purpose", "step_up"}, {"binding", "session 1"}};
  const auto but = [&right](const Json& more) {
    Json body = right;
    body.update(more);
    return body;
  };
  const auto wrong_one = client("POST", path + "/verify", but({{"code", host->code(secret, 40)}}));
  CHECK(wrong_one.status == 200);
  CHECK(wrong_one.body["valid"] == false);
  CHECK(wrong_one.body["status"] == "wrong_code");
  CHECK(wrong_one.body["attempts_left"] == 4);
  CHECK(client("POST", path + "/verify", but({{"binding", "session 2"}})).status == 404);
  CHECK(client("POST", path + "/verify", but({{"user_id", "another"}})).status == 404);
  const auto for_signing_in = client("POST", path + "/verify", but({{"purpose", "sign_in"}}));
  CHECK(for_signing_in.status == 409);
  CHECK(code_of(for_signing_in) == "wrong_purpose");
  CHECK(wrong(client("POST", path + "/verify", but({{"purpose", "confirm_enrollment"}}))) ==
        Codes{"invalid_purpose"});
  const auto shown = client("POST", path + "/verify", right);
  CHECK(shown.body["valid"] == true);
  CHECK(shown.body["purpose"] == "step_up");
  CHECK(shown.body["user_id"] == "u_1");
  CHECK(shown.body["amr"] == Json{"otp"});
  CHECK(shown.body["assurance"] == Json{{"factors", 1}, {"phishing_resistant", false}});
  CHECK(client("POST", path + "/verify", right).body["status"] == "already_verified");

  // What he has just shown lets him change what he has.
  const Json enroll{{"type", "recovery_codes"}, {"authorization", challenge.body["id"]}};
  CHECK(client("POST", "/mfa/users/another/factors", enroll).status == 403);
  const auto codes = client("POST", "/mfa/users/u_1/factors", enroll);
  REQUIRE(codes.status == 201);

  const auto action =
      client("POST", challenge_path, {{"purpose", "action"}, {"action", "pay 100 EUR to Foo Corp"}});
  host->clock.advance(30s);
  const std::string pay = "/mfa/challenges/" + std::string(action.body["id"]) + "/verify";
  const Json paid{{"code", host->code(secret)}, {"purpose", "action"}, {"action", "pay 900 EUR to Foo Corp"}};
  CHECK(client("POST", pay, paid).status == 409);
  CHECK(wrong(client("POST", challenge_path, {{"purpose", "action"}, {"action", nullptr}})) ==
        Codes{"action_must_not_be_empty"});
  CHECK(client("POST", challenge_path, {{"purpose", "action"}}).status == 422);

  const auto weak = client("POST", challenge_path, {{"required", {{"phishing_resistant", true}}}});
  CHECK(weak.status == 403);
  CHECK(code_of(weak) == "insufficient_assurance");
  CHECK(wrong(client("POST", challenge_path, {{"required", {{"factors", 3}}}})) == Codes{"invalid_factors"});
  CHECK(wrong(client("POST", challenge_path, {{"required", {{"factor", 2}}}})) == Codes{"unknown_member"});
  CHECK(wrong(client("POST", challenge_path, {{"by_operator", true}})) == Codes{"unknown_member"});
  CHECK(client("POST", challenge_path, {{"user_id", "another"}}).status == 404);
  const auto unconfirmed =
      client("POST", "/mfa/users/u_1/factors", {{"type", "totp"}, {"by_operator", true}});
  const auto refused =
      client("POST", "/mfa/factors/" + std::string(unconfirmed.body["id"]) + "/challenge", Json::object());
  CHECK(refused.status == 409);
  CHECK(code_of(refused) == "factor_not_verified");

  // Locked, and let in again.
  const std::string unlock = "/mfa/factors/" + id + "/unlock";
  for (int i = 0; i < 7; ++i) {
    host->clock.advance(2h);
    const auto another = client("POST", challenge_path);
    if (another.status != 201) {
      CHECK(another.status == 403);
      CHECK(code_of(another) == "factor_locked_out");
      break;
    }
    CHECK(client("POST", "/mfa/challenges/" + std::string(another.body["id"]) + "/verify",
                 {{"code", other_code(host->code(secret))}})
              .body["valid"] == false);
  }
  CHECK(client("GET", "/mfa/factors/" + id).body["locked"] == true);
  CHECK(client("POST", unlock).status == 403);
  CHECK(client("POST", unlock, {{"by_operator", true}, {"user_id", "another"}}).status == 404);
  const auto unlocked = client("POST", unlock, {{"by_operator", true}});
  CHECK(unlocked.status == 204);
  CHECK(unlocked.body.is_null());
  CHECK(client("GET", "/mfa/factors/" + id).body["locked"] == false);
}

TEST_CASE("A token that is out of step is found again by two codes in a row") {
  const auto host = whole_host(false);
  Client client{*host};
  const std::string secret = "NAGCCFS3EYRB422HNAKAKY3XDUORMSRF";
  const auto token = client("POST", "/mfa/users/u_1/factors", {{"type", "hotp"}, {"secret", secret}});
  const std::string path = "/mfa/factors/" + std::string(token.body["id"]) + "/confirm";
  const auto code = [&](std::uint64_t counter) {
    return mfa::otp::hotp(mfa::otp::base32_decode(secret), counter);
  };
  CHECK(client("POST", path, {{"code", code(60)}}).body["confirmed"] == false);
  CHECK(client("POST", path, {{"code", code(60) + " " + code(61)}}).body["confirmed"] == true);
}

TEST_CASE("A phone is enrolled, asked, asked again by a call, and freed of its limits") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited);
  Client client{*host};
  const auto code = [&host] { return std::string(host->messages.sms.last().code); };
  const auto phone =
      client("POST", "/mfa/users/u_1/factors", {{"type", "sms"}, {"phone_number", "+14155550123"}});
  const std::string id = phone.body["id"];
  const std::string challenge_path = "/mfa/factors/" + id + "/challenge";
  const auto asked = client("POST", challenge_path,
                            {{"purpose", "confirm_enrollment"},
                             {"sms_template", "Foo: {{code}} {{app}}"},
                             {"sms_values", {{"app", "Bar"}}}});
  REQUIRE(asked.status == 201);
  CHECK(asked.body["channel"] == "sms");
  CHECK(asked.body["resend_after"] == 30);
  CHECK(host->messages.sms.last().body == "Foo: " + code() + " Bar");
  const std::string path = "/mfa/challenges/" + std::string(asked.body["id"]);
  const auto too_soon = client("POST", path + "/resend");
  CHECK(too_soon.status == 429);
  CHECK(too_soon.header("Retry-After") == "30");
  CHECK(client("POST", challenge_path, {{"purpose", "confirm_enrollment"}}).status == 429);
  host->clock.advance(30s);
  const auto called = client("POST", path + "/resend", {{"channel", "voice"}, {"user_id", "u_1"}});
  CHECK(called.status == 200);
  CHECK(called.body["id"] == asked.body["id"]);
  CHECK(called.body["channel"] == "voice");
  REQUIRE(host->messages.calls.size() == 1);
  CHECK(client("POST", path + "/resend", {{"user_id", "another"}}).status == 404);
  CHECK(client("POST", path + "/resend", {{"channel", "push"}}).status == 422);
  CHECK(client("POST", path + "/verify", {{"code", code()}}).status == 409); // it confirms an enrolment
  CHECK(client("POST", path + "/confirm", {{"code", code()}, {"user_id", "another"}}).status == 404);
  std::string spoken;
  for (const char c : host->messages.calls[0].spoken.view())
    if (c >= '0' && c <= '9' && spoken.size() < 6) spoken += c;
  CHECK(client("POST", "/mfa/factors/" + std::string(asked.body["id"]) + "/confirm", {{"code", spoken}})
            .status == 404);
  CHECK(client("POST", "/mfa/challenges/" + id + "/confirm", {{"code", spoken}}).status == 404);
  const auto confirmed = client("POST", path + "/confirm", {{"code", spoken}});
  CHECK(confirmed.body["confirmed"] == true);
  const auto over = client("POST", path + "/resend");
  CHECK(over.status == 409);
  CHECK(code_of(over) == "challenge_over");

  const std::string limits = "/mfa/factors/" + id + "/send_limits/reset";
  CHECK(client("POST", limits).body == Json{{"reset", true}});
  CHECK(client("POST", limits).body == Json{{"reset", false}});
  CHECK(client("POST", limits, {{"user_id", "another"}}).status == 404);
  const auto sign_in = client("POST", challenge_path, {{"channels", {"voice", "sms"}}});
  CHECK(sign_in.body["channel"] == "voice");
  CHECK(wrong(client("POST", challenge_path, {{"channels", {"pigeon"}}})) == Codes{"invalid_channels"});
  CHECK(wrong(client("POST", challenge_path, {{"sms_values", {{"app", 1}}}})) ==
        Codes{"sms_values_must_be_texts"});
  CHECK(client("POST", "/mfa/sms/limits/reset", {{"phone_number", "+14155550123"}}).body ==
        Json{{"reset", true}});
  CHECK(code_of(client("POST", "/mfa/sms/limits/reset", {{"phone_number", "x"}})) == "invalid_phone_number");
  CHECK(client("POST", "/mfa/sms/budgets/reset", {{"which", "GB"}}).status == 200);
  CHECK(client("POST", "/mfa/sms/budgets/reset", {{"which", "Atlantis"}}).status == 422);

  // A message that the provider did not take is no reason to send another by itself.
  host->messages.sms.fail_next();
  const auto not_sent = client("POST", challenge_path);
  CHECK(not_sent.status == 422);
  CHECK(code_of(not_sent) == "sms_not_sent");

  // One that did not arrive, says the provider later.
  host->clock.advance(1h);
  const auto lost = client("POST", challenge_path);
  const std::string message(host->messages.sms.last().id);
  CHECK(client("POST", "/mfa/messages/" + message + "/report", {{"report", "undelivered"}}).body ==
        Json{{"known", true}});
  CHECK(client("POST", "/mfa/challenges/" + std::string(lost.body["id"]) + "/verify", {{"code", code()}})
            .status == 404);
  CHECK(client("POST", "/mfa/messages/unknown/report", {{"report", "delivered"}}).body ==
        Json{{"known", false}});
  CHECK(wrong(client("POST", "/mfa/messages/x/report", {{"report", "eaten"}})) == Codes{"invalid_report"});
}

TEST_CASE("No code is sent again for a factor that was locked meanwhile") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited, {}, {.failures_before_lockout = 2});
  Client client{*host};
  const auto phone =
      client("POST", "/mfa/users/u_1/factors", {{"type", "sms"}, {"phone_number", "+14155550123"}});
  const std::string factor = "/mfa/factors/" + std::string(phone.body["id"]);
  const auto asked = client("POST", factor + "/challenge", {{"purpose", "confirm_enrollment"}});
  REQUIRE(asked.status == 201);
  const std::string path = "/mfa/challenges/" + std::string(asked.body["id"]);
  const std::string wrong_code = other_code(std::string(host->messages.sms.last().code));
  for (int i = 0; i < 2; ++i)
    CHECK(client("POST", path + "/confirm", {{"code", wrong_code}}).body["confirmed"] == false);
  CHECK(client("GET", factor).body["locked"] == true);
  host->clock.advance(30s);
  const auto refused = client("POST", path + "/resend");
  CHECK(refused.status == 403);
  CHECK(code_of(refused) == "factor_locked_out");
  CHECK(client("POST", factor + "/unlock", {{"by_operator", true}}).status == 204);
  CHECK(client("POST", path + "/resend").status == 200);
}

TEST_CASE("Codes reach a mailbox, or are the host's to deliver") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited);
  Client client{*host};
  const auto email =
      client("POST", "/mfa/users/u_1/factors", {{"type", "email"}, {"address", "alan@example.com"}});
  const auto asked = client("POST", "/mfa/factors/" + std::string(email.body["id"]) + "/challenge",
                            {{"purpose", "confirm_enrollment"},
                             {"email_template", {{"subject", "Foo"}, {"text", "Hello {{name}}: {{code}}"}}},
                             {"email_values", {{"name", "Alan"}}}});
  REQUIRE(asked.status == 201);
  const std::string text(host->messages.email.last().text);
  CHECK(text.starts_with("Hello Alan: "));
  CHECK(client("POST", "/mfa/challenges/" + std::string(asked.body["id"]) + "/confirm",
               {{"code", text.substr(12)}})
            .body["confirmed"] == true);

  const auto generic = client("POST", "/mfa/users/u_2/factors", {{"type", "generic_otp"}});
  const auto drawn = client("POST", "/mfa/factors/" + std::string(generic.body["id"]) + "/challenge",
                            {{"purpose", "confirm_enrollment"}});
  CHECK(client("POST", "/mfa/challenges/" + std::string(drawn.body["id"]) + "/confirm",
               {{"code", drawn.body["code"]}})
            .body["confirmed"] == true);
}

TEST_CASE("A security key is registered and signs in, for its user, and for whoever comes") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited);
  Client client{*host};
  SoftwareAuthenticator authenticator;
  authenticator.flags |= SoftwareAuthenticator::user_verified;
  const auto enrolled =
      client("POST", "/mfa/users/u_1/factors",
             {{"type", "webauthn"},
              {"user", "alan@example.org"},
              {"display_name", "Alan"},
              {"resident_key", "required"},
              {"user_verification", "required"},
              {"attachment", "cross-platform"},
              {"hints", {"security-key"}},
              {"extensions",
               {{"credential_properties", true}, {"prf", true}, {"prf_inputs", {{"first", "AAAA"}}}}}});
  REQUIRE(enrolled.status == 201);
  const Json& options = enrolled.body["webauthn"]["creation_options"];
  CHECK(options["rp"]["id"] == "example.org");
  CHECK(options["user"]["name"] == "alan@example.org");
  CHECK(options["authenticatorSelection"]["residentKey"] == "required");
  CHECK(options["extensions"]["prf"]["eval"]["first"] == "AAAA");
  const std::string id = enrolled.body["id"];
  const std::string handle = enrolled.body["webauthn"]["user_handle"];
  const auto asked = client("POST", "/mfa/factors/" + id + "/challenge", {{"purpose", "confirm_enrollment"}});
  CHECK(asked.body["webauthn_options"] == options);
  const std::string confirm = "/mfa/challenges/" + std::string(asked.body["id"]) + "/confirm";
  SoftwareAuthenticator phisher;
  phisher.origin = "https://example.org.evil.example";
  const auto phished =
      client("POST", confirm, {{"response", browser(phisher.create(options.dump()).json())}});
  CHECK(phished.body["status"] == "wrong_origin");
  Json created = browser(authenticator.create(options.dump()).json());
  created["clientExtensionResults"] = {{"credProps", {{"rk", true}}}};
  const auto confirmed = client("POST", confirm, {{"response", created}});
  CHECK(confirmed.body["confirmed"] == true);
  CHECK(confirmed.body["webauthn"]["resident_key"] == true);
  const Json factor = client("GET", "/mfa/factors/" + id).body;
  CHECK(factor["state"] == "verified");
  CHECK(factor["webauthn"]["credential_id"] == created["id"]);

  const auto sign_in = [&](const Answered& challenge) {
    REQUIRE(challenge.status == 201);
    ++authenticator.sign_count;
    const std::string response = authenticator.get(challenge.body["webauthn_options"].dump()).json();
    return client("POST", "/mfa/challenges/" + std::string(challenge.body["id"]) + "/verify",
                  {{"response", browser(response)}});
  };
  const auto by_factor = sign_in(client(
      "POST", "/mfa/factors/" + id + "/challenge",
      {{"webauthn_hints", {"security-key"}}, {"webauthn_extensions", {{"prf", {{"first", "AAAA"}}}}}}));
  CHECK(by_factor.body["valid"] == true);
  CHECK(by_factor.body["assurance"] == Json{{"factors", 2}, {"phishing_resistant", true}});
  CHECK(
      sign_in(client("POST", "/mfa/users/u_1/challenge", {{"required", {{"factors", 2}}}})).body["user_id"] ==
      "u_1");
  authenticator.user_handle = mfa::detail::base64url_decode(handle);
  const auto passkey = client("POST", "/mfa/passkeys/challenge", {{"conditional", true}});
  CHECK(passkey.body["authentication_factor_id"] == "");
  CHECK(client("GET", "/mfa/challenges/" + std::string(passkey.body["id"])).status == 200);
  const auto by_passkey = sign_in(passkey);
  CHECK(by_passkey.body["valid"] == true);
  CHECK(by_passkey.body["user_id"] == "u_1");

  const auto accepted = client("GET", "/mfa/users/u_1/accepted_credentials");
  CHECK(accepted.body["data"] == Json::array({{{"rpId", "example.org"},
                                               {"userId", handle},
                                               {"allAcceptedCredentialIds", Json::array({created["id"]})}}}));
  CHECK(client("GET", "/mfa/users/u_2/accepted_credentials").body["data"] == Json::array());

  CHECK(client("POST", "/mfa/users/nobody/challenge").status == 404);
  // It is one factor whose enrolment is confirmed.
  for (const char* const path : {"/mfa/users/u_1/challenge", "/mfa/passkeys/challenge"}) {
    const auto refused = client("POST", path, {{"purpose", "confirm_enrollment"}});
    CHECK(wrong(refused) == Codes{"invalid_purpose"});
    CHECK(refused.body["errors"][0]["field"] == "purpose");
    CHECK(client("POST", path, {{"purpose", "step_up"}}).status == 201);
  }
  // One that was registered by a touch alone.
  SoftwareAuthenticator touched;
  touched.credential_id = "another credential, of 32 bytes..";
  const auto weak = client("POST", "/mfa/users/u_2/factors", {{"type", "webauthn"}});
  const auto ask_weak = client("POST", "/mfa/factors/" + std::string(weak.body["id"]) + "/challenge",
                               {{"purpose", "confirm_enrollment"}});
  CHECK(client("POST", "/mfa/challenges/" + std::string(ask_weak.body["id"]) + "/confirm",
               {{"response", browser(touched.create(ask_weak.body["webauthn_options"].dump()).json())}})
            .body["confirmed"] == true);
  const auto too_weak = client("POST", "/mfa/users/u_2/challenge", {{"required", {{"factors", 2}}}});
  CHECK(too_weak.status == 403);
  CHECK(code_of(too_weak) == "insufficient_assurance");

  // A further key: whoever holds the session could make the answer by himself.
  const auto further =
      client("POST", "/mfa/users/u_2/factors", {{"type", "webauthn"}, {"by_operator", true}});
  const std::string further_path = "/mfa/factors/" + std::string(further.body["id"]) + "/challenge";
  CHECK(client("POST", further_path, {{"purpose", "confirm_enrollment"}}).status == 403);
  CHECK(client("POST", further_path, {{"purpose", "confirm_enrollment"}, {"by_operator", true}}).status ==
        201);

  CHECK(wrong(client("POST", "/mfa/users/u_1/factors",
                     {{"type", "webauthn"},
                      {"hints", {"telepathy"}},
                      {"extensions", {{"prf_inputs", {{"first", "="}}}}}})) ==
        Codes{"invalid_hints", "invalid_first"});
  CHECK(wrong(client("POST", "/mfa/passkeys/challenge",
                     {{"webauthn_extensions", {{"prf_by_credential", {1}}}}})) ==
        Codes{"invalid_prf_by_credential"});
  const auto without = http_api_host(awaited);
  Client to_no_party{*without};
  CHECK(code_of(to_no_party("POST", "/mfa/passkeys/challenge")) == "no_relying_party");
  CHECK(code_of(to_no_party("GET", "/mfa/users/u_1/accepted_credentials")) == "no_relying_party");
}

TEST_CASE("The confirmation of a user's first factor counts no more when he has another") {
  const auto host = whole_host(false);
  Client client{*host};
  const auto phone =
      client("POST", "/mfa/users/u_1/factors", {{"type", "sms"}, {"phone_number", "+14155550123"}});
  const auto asked = client("POST", "/mfa/factors/" + std::string(phone.body["id"]) + "/challenge",
                            {{"purpose", "confirm_enrollment"}});
  (void)client.confirmed_totp("u_1");
  CHECK(client("POST", "/mfa/challenges/" + std::string(asked.body["id"]) + "/confirm",
               {{"code", host->messages.sms.last().code.view()}})
            .status == 403);
}

TEST_CASE("Recovery codes are drawn, used up and drawn anew") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited);
  Client client{*host};
  const auto [totp, secret] = client.confirmed_totp("u_1");
  const auto set = client("POST", "/mfa/users/u_1/factors",
                          {{"type", "recovery_codes"}, {"count", 2}, {"by_operator", true}});
  const std::string id = set.body["id"];
  const auto sign_in = [&](const Json& code) {
    const auto asked = client("POST", "/mfa/factors/" + id + "/challenge", {{"user_id", "u_1"}});
    return client("POST", "/mfa/challenges/" + std::string(asked.body["id"]) + "/verify", {{"code", code}});
  };
  const Json code = set.body["recovery_codes"]["codes"][0];
  CHECK(sign_in(code).body["valid"] == true);
  CHECK(sign_in(code).body["valid"] == false);
  CHECK(client("GET", "/mfa/factors/" + id).body["recovery_codes"] == Json{{"remaining", 1}, {"count", 2}});
  const std::string regenerate = "/mfa/factors/" + id + "/recovery_codes";
  CHECK(client("POST", regenerate).status == 403);
  CHECK(client("POST", regenerate, {{"by_operator", true}, {"user_id", "another"}}).status == 404);
  CHECK(client("POST", "/mfa/factors/" + totp + "/recovery_codes", {{"by_operator", true}}).status == 422);
  const auto fresh = client("POST", regenerate, {{"by_operator", true}});
  CHECK(fresh.status == 201);
  CHECK(fresh.body["recovery_codes"]["codes"].size() == 2);
  CHECK(sign_in(set.body["recovery_codes"]["codes"][1]).body["valid"] == false);
  CHECK(sign_in(fresh.body["recovery_codes"]["codes"][1]).body["valid"] == true);
}

TEST_CASE("A browser is remembered, recognised and forgotten") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited);
  Client client{*host};
  const auto [id, secret] = client.confirmed_totp("u_1");
  const auto asked = client("POST", "/mfa/factors/" + id + "/challenge");
  CHECK(client("POST", "/mfa/challenges/" + std::string(asked.body["id"]) + "/verify",
               {{"code", host->code(secret)}})
            .body["valid"] == true);
  const std::string path = "/mfa/users/u_1/devices";
  CHECK(client("POST", path, {{"label", "Firefox"}}).status == 403);
  const auto device =
      client("POST", path, {{"label", "Firefox"}, {"lifetime", 86'400}, {"authorization", asked.body["id"]}});
  REQUIRE(device.status == 201);
  CHECK(device.body["expires_at"] == "2026-01-02T00:00:30.000Z");
  const auto checked = client("POST", path + "/check", {{"token", device.body["token"]}});
  CHECK(checked.body["trusted"] == true);
  CHECK(checked.body["device"]["id"] == device.body["id"]);
  CHECK(client("POST", "/mfa/users/u_2/devices/check", {{"token", device.body["token"]}}).body ==
        Json{{"trusted", false}});
  CHECK(wrong(client("POST", path + "/check", {{"token", ""}})) == Codes{"token_required"});
  const auto list = client("GET", path);
  REQUIRE(list.body["data"].size() == 1);
  CHECK_FALSE(list.body["data"][0].contains("token"));

  const std::string this_one = path + "/" + std::string(device.body["id"]);
  CHECK(client("DELETE", "/mfa/users/u_2/devices/" + std::string(device.body["id"])).status == 404);
  CHECK(client("DELETE", this_one).status == 204);
  CHECK(client("DELETE", this_one).status == 404);
  const auto second = client("POST", path, {{"label", "Phone"}, {"by_operator", true}});
  (void)client("POST", path, {{"label", "Tablet"}, {"by_operator", true}});
  CHECK(client("POST", path + "/revoke", {{"keep_device", second.body["token"]}}).body ==
        Json{{"revoked", 1}});
  CHECK(client("POST", path + "/revoke").body == Json{{"revoked", 1}});
  (void)client("POST", path, {{"label", "Tablet"}, {"by_operator", true}});
  CHECK(client("POST", "/mfa/users/u_1/password_changed").body == Json{{"revoked", 1}});
  CHECK(wrong(client("POST", path, {{"lifetime", 31'622'401}})) == Codes{"invalid_lifetime"});
  CHECK(client("POST", path, {{"lifetime", 0}, {"by_operator", true}}).status == 422);
}

TEST_CASE("A user is reset, and a policy says what he must have") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited, {.factor_policy = {.factors = 1, .recovery_codes = true}});
  Client client{*host};
  const std::string requirement = "/mfa/users/u_1/requirement";
  const auto overdue = client("POST", requirement);
  CHECK(overdue.body == Json{{"standing", "overdue"},
                             {"lets_pass", false},
                             {"factors_lacking", 1},
                             {"recovery_codes_lacking", true},
                             {"offer", {"webauthn", "totp"}}});
  const auto due = client("POST", requirement,
                          {{"policy",
                            {{"kinds", {"webauthn"}},
                             {"assurance", {{"phishing_resistant", true}}},
                             {"grace", 86'400},
                             {"deadline", "2026-01-01T12:00:00Z"},
                             {"offered", {"webauthn"}}}},
                           {"since", "2026-01-01T00:00:00.000Z"}});
  CHECK(due.body["standing"] == "due");
  CHECK(due.body["until"] == "2026-01-02T00:00:00.000Z");
  CHECK(due.body["offer"] == Json{"webauthn"});
  CHECK(client("POST", requirement, {{"exempt_until", "2027-01-01T00:00:00Z"}}).body["standing"] == "exempt");
  CHECK(wrong(client("POST", requirement, {{"since", "yesterday"}, {"policy", {{"kinds", "totp"}}}})) ==
        Codes{"invalid_kinds", "invalid_since"});
  CHECK(client("POST", requirement, {{"policy", {{"kinds", {"totp"}}, {"assurance", {{"factors", 2}}}}}})
            .status == 422); // which nobody meets

  const auto [id, secret] = client.confirmed_totp("u_1");
  const auto unconfirmed =
      client("POST", "/mfa/users/u_1/factors", {{"type", "totp"}, {"by_operator", true}});
  (void)client("POST", "/mfa/users/u_1/devices", {{"by_operator", true}});
  const std::string reset = "/mfa/users/u_1/reset";
  CHECK(client("POST", reset).status == 403);
  CHECK(client("POST", reset,
               {{"by_operator", true}, {"keep_factor", "auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ"}})
            .status == 404);
  CHECK(client("POST", reset, {{"by_operator", true}, {"keep_factor", unconfirmed.body["id"]}}).status ==
        409);
  CHECK(wrong(client("POST", reset, {{"by_operator", true}, {"keep_factor", nullptr}})) ==
        Codes{"keep_factor_must_not_be_empty"});
  CHECK(client("POST", reset, {{"by_operator", true}, {"keep_factor", id}}).body ==
        Json{{"factors", 1}, {"devices", 1}});
  CHECK(client("POST", reset, {{"by_operator", true}}).body == Json{{"factors", 1}, {"devices", 0}});
  CHECK(client("GET", "/mfa/users/u_1/factors").body["data"] == Json::array());
}

TEST_CASE("Factors of another system are brought along, each line with what became of it") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited);
  Client client{*host};
  const std::string secret = "NAGCCFS3EYRB422HNAKAKY3XDUORMSRF";
  Json body{{"lines",
             {{{"user_id", "u_1"},
               {"uri", "otpauth://totp/Foo:alan?secret=" + secret + "&issuer=Foo"},
               {"friendly_name", "Old phone"}},
              {{"user_id", "u_2"}, {"uri", "https://example.com/"}}}},
            {"verified", true},
            {"dry_run", true}};
  const auto tried = client("POST", "/mfa/imports", body);
  REQUIRE(tried.status == 200);
  CHECK(tried.body["imported"] == 1);
  CHECK_FALSE(tried.body["results"][0].contains("factor_id"));
  body["dry_run"] = false;
  body["authorization"] = "auth_challenge_01FVYXZTZ52ZPVRPRXJWHP0C8T"; // no user's word is enough
  CHECK(wrong(client("POST", "/mfa/imports", body)) == Codes{"unknown_member"});
  body.erase("authorization");
  for (const bool said : {false, true}) {
    if (said) body["by_operator"] = false;
    const auto refused = client("POST", "/mfa/imports", body);
    CHECK(refused.status == 403);
    CHECK(code_of(refused) == "authorization_required");
    CHECK(client("GET", "/mfa/users/u_1/factors").body["data"] == Json::array());
  }
  body["by_operator"] = true;
  const auto done = client("POST", "/mfa/imports", body);
  CHECK(done.body["imported"] == 1);
  CHECK(done.body["refused"] == 1);
  REQUIRE(done.body["results"].size() == 2);
  CHECK(done.body["results"][1]["outcome"] == "refused");
  CHECK(done.body.dump().find(secret) == std::string::npos);
  const auto asked =
      client("POST", "/mfa/factors/" + std::string(done.body["results"][0]["factor_id"]) + "/challenge");
  CHECK(client("POST", "/mfa/challenges/" + std::string(asked.body["id"]) + "/verify",
               {{"code", host->code(secret)}})
            .body["valid"] == true);
  CHECK(client("POST", "/mfa/imports", body).body["already_there"] == 1);
  CHECK(wrong(client("POST", "/mfa/imports", Json::object())) == Codes{"lines_required"});
  CHECK(wrong(client("POST", "/mfa/imports", {{"lines", Json::array({{{"uri", "x"}, {"seed", "x"}}})}})) ==
        Codes{"user_id_required", "unknown_member"});
  CHECK(wrong(client("POST", "/mfa/imports", {{"lines", Json(std::vector<Json>(101, Json::object()))}})) ==
        Codes{"invalid_lines"});
}

TEST_CASE("The last events are told, and who read too seldom is told so") {
  const bool awaited = GENERATE(false, true);
  mfa::workos::RecentEvents events(4);
  const auto host = whole_host(
      awaited,
      {.events = [&events](std::string_view after, std::size_t limit) { return events.after(after, limit); }},
      {.observer = [&events](const mfa::Event& event) { events.keep(event); }});
  Client client{*host};
  CHECK(client("GET", "/mfa/events").body ==
        Json{{"object", "list"}, {"data", Json::array()}, {"missed", false}});
  const auto enrolled =
      client("POST", "/mfa/users/u_1/factors",
             {{"type", "generic_otp"}, {"ip_address", "192.0.2.1"}, {"user_agent", "Mozilla/5.0"}});
  const auto first = client("GET", "/mfa/events");
  REQUIRE(first.body["data"].size() == 1);
  const Json& event = first.body["data"][0];
  CHECK(event["type"] == "factor_enrolled");
  CHECK(event["factor_id"] == enrolled.body["id"]);
  CHECK(event["ip_address"] == "192.0.2.1");
  CHECK(event["user_agent"] == "Mozilla/5.0");
  CHECK(event["request_id"] == enrolled.header("X-Request-ID"));
  const std::string next = first.body["next"];
  CHECK(client("GET", "/mfa/events?after=" + next).body["data"] == Json::array());
  for (int i = 0; i < 3; ++i)
    (void)client("PATCH", "/mfa/factors/" + std::string(enrolled.body["id"]), {{"friendly_name", "x"}});
  const auto page = client("GET", "/mfa/events?limit=2&after=" + next);
  CHECK(page.body["data"].size() == 2);
  CHECK(page.body["missed"] == false);
  const auto rest = client("GET", "/mfa/events?after=" + std::string(page.body["next"]));
  CHECK(rest.body["data"].size() == 1);
  for (int i = 0; i < 3; ++i)
    (void)client("PATCH", "/mfa/factors/" + std::string(enrolled.body["id"]), {{"friendly_name", "x"}});
  const auto late = client("GET", "/mfa/events?after=" + next);
  CHECK(late.body["missed"] == true);
  CHECK(late.body["data"].size() == 4);
  for (const char* const unknown : {"event_0000000000000000_1", "x"})
    CHECK(client("GET", "/mfa/events?after=" + std::string(unknown)).status == 404);
  CHECK(client("GET", "/mfa/events?after=" + next + "0").status == 404);
  CHECK(wrong(client("GET", "/mfa/events?limit=101")) == Codes{"invalid_limit"});
  CHECK(wrong(client("GET", "/mfa/events?limit=1x")) == Codes{"invalid_limit"});
  const auto without = whole_host(awaited);
  Client to_none{*without};
  CHECK(code_of(to_none("GET", "/mfa/events")) == "events_not_kept");

  // A cause that is the host's own is not told.
  mfa::Event failed{.type = mfa::EventType::sms_not_sent,
                    .cause = std::make_exception_ptr(std::runtime_error("no line to +14155550123"))};
  CHECK(mfa::workos::json(failed, "event_1")["cause"] == "unknown");
  failed.cause = std::make_exception_ptr(mfa::Error(mfa::errc::sms_rate_limited, "too many"));
  CHECK(mfa::workos::json(failed, "event_1")["cause"] == "sms_rate_limited");
}

// The last, by IN_ORDER in CMakeLists.txt: it looks at what the others were answered.
TEST_CASE("Every answer is as docs/openapi.json says, and each that it names was given") {
  const mfa::test::TemporaryDirectory directory;
  std::ofstream answers_file(directory.path() + "/answers");
  for (const Json& answer : answers) answers_file << answer.dump() << '\n';
  std::ofstream routes_file(directory.path() + "/routes");
  for (const auto& known : mfa::workos::detail::known_routes)
    if (mfa::workos::is_extension(known.operation)) routes_file << known.method << ' ' << known.path << '\n';
  answers_file.close();
  routes_file.close();
  REQUIRE(answers_file.good());
  REQUIRE(routes_file.good());
  const std::string source = MFA_SOURCE_DIRECTORY;
  const std::string command = "/usr/bin/python3 '" + source + "/tests/workos/openapi_answers.py' '" + source +
                              "/docs/openapi.json' '" + directory.path() + "/answers' '" + directory.path() +
                              "/routes' >'" + directory.path() + "/output' 2>&1";
  const int status = std::system(command.c_str());
  std::ifstream output(directory.path() + "/output");
  const std::string printed{std::istreambuf_iterator<char>(output), {}};
  INFO(printed);
  CHECK(status == 0);
}
