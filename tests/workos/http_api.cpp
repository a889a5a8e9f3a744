// What the API has beyond WorkOS's does what it says, over a verifier that blocks and over one that is
// awaited, and every answer is as docs/openapi.json describes it.
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/http_api_host.hpp"
#include "support/temporary_directory.hpp"

using mfa::test::Answered;
using mfa::test::answered;
using mfa::test::http_api_host;
using mfa::test::HttpApiHost;
using mfa::test::Json;
using mfa::test::request_with_key;
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
  const auto host = http_api_host(awaited, {.totp_issuer = "Foo Corp"});
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

    const auto found = good_requests.find(method + " " + std::string(known.path));
    const std::string body = found == good_requests.end() ? "" : found->second.dump();
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

// The last: it looks at what the others were answered.
TEST_CASE("Every answer is as docs/openapi.json says, and each that it names was given") {
  const mfa::test::TemporaryDirectory directory;
  std::ofstream answers_file(directory.path() + "/answers");
  for (const Json& answer : answers) answers_file << answer.dump() << '\n';
  std::ofstream routes_file(directory.path() + "/routes");
  for (const auto& known : mfa::workos::detail::known_routes)
    if (mfa::workos::is_extension(known.operation)) routes_file << known.method << ' ' << known.path << '\n';
  answers_file.close();
  routes_file.close();
  const std::string source = MFA_SOURCE_DIRECTORY;
  const std::string command = "/usr/bin/python3 '" + source + "/tests/workos/openapi_answers.py' '" + source +
                              "/docs/openapi.json' '" + directory.path() + "/answers' '" + directory.path() +
                              "/routes'";
  CHECK(std::system(command.c_str()) == 0);
}
