// The API answers what each of WorkOS's SDKs sends as WorkOS would, over a verifier that blocks and over one
// that is awaited.
#include <cctype>
#include <chrono>
#include <exception>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <mfa/workos/sign_in_refusals.hpp>

#include "support/catch.hpp"
#include "support/workos_host.hpp"

using mfa::test::answered;
using mfa::test::Answered;
using mfa::test::api_key;
using mfa::test::ask;
using mfa::test::Json;
using mfa::test::workos_host;
using mfa::test::WorkosHost;
using namespace std::chrono_literals;

namespace {

/// How an SDK writes requests (its sources, as read in November 2026).
struct Sdk {
  std::string name;
  std::string headers; ///< of every request, but for the key and the length
  std::string headers_with_body;
  std::string idempotency_key; ///< header of each POST; empty: none
  std::string nothing;         ///< the body of a challenge without parameters
  std::string list_query;      ///< of a list without parameters
};

const std::vector<Sdk> sdks{
    {"node",
     "User-Agent: workos-node/11.0.0\r\nAccept: application/json, text/plain, */*\r\n"
     "Content-Type: application/json\r\n",
     "", "Idempotency-Key: retry-6f1f4dc5-5b0e-4fb5-9f0c-0a3a8c5f7a10\r\n", "{}", "?order=desc"},
    {"python",
     "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
     "User-Agent: WorkOS Python/3.11.2 Python SDK/10.2.0\r\nContent-Type: application/json\r\n",
     "", "Idempotency-Key: 9d2f3f0e-3c1a-4f33-8a77-0c5f8f3d2b11\r\n", "{}", "?order=desc"},
    {"ruby",
     "Accept: */*\r\nUser-Agent: WorkOS; ruby/3.1.2; x86_64-linux; v10.2.1\r\n"
     "Content-Type: application/json\r\n",
     "", "", "{}", ""},
    {"go", "User-Agent: workos-go/v10.1.1\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n", "",
     "Idempotency-Key: 1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed\r\n", "null", "?limit=10&order=desc"},
    {"php", "User-Agent: WorkOS PHP/9.0.0\r\nContent-Type: application/json\r\n", "", "", "{}", ""},
    {"php before 7.2", "User-Agent: WorkOS PHP/4.0.0\r\nContent-Type: application/json\r\n", "", "", "[]",
     ""},
    {"dotnet", "User-Agent: workos-dotnet/6.2.0\r\nAccept-Encoding: utf-8\r\n",
     "Content-Type: application/json; charset=utf-8\r\n",
     "Idempotency-Key: 0f8fad5b-d9cb-469f-a165-70867728950e\r\n", "{}", ""},
    {"kotlin", "user-agent: workos-kotlin/7.2.0\r\naccept: application/json\r\n",
     "content-type: application/json; charset=utf-8\r\n",
     "idempotency-key: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\r\n", "", ""},
};

std::string bytes_of(const Sdk& sdk, const std::string& method, const std::string& target,
                     const std::string& body = "") {
  std::string bytes = method + ' ' + target + " HTTP/1.1\r\nHost: api.example.com\r\n" +
                      "Authorization: Bearer " + std::string(api_key) + "\r\n" + sdk.headers;
  if (method == "POST") bytes += sdk.idempotency_key;
  if (!body.empty()) bytes += sdk.headers_with_body;
  if (method == "POST") bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return bytes + "\r\n" + body;
}

/// As a server reads it.
mfa::workos::Request read(std::string_view bytes) {
  const auto up_to = [&bytes](std::string_view end) {
    const auto at = bytes.find(end);
    if (at == std::string_view::npos) throw std::logic_error("no request");
    const std::string part(bytes.substr(0, at));
    bytes.remove_prefix(at + end.size());
    return part;
  };
  mfa::workos::Request request;
  request.method = up_to(" ");
  request.target = up_to(" ");
  (void)up_to("\r\n");
  while (!bytes.starts_with("\r\n")) {
    std::string name = up_to(": ");
    request.headers.emplace_back(std::move(name), up_to("\r\n"));
  }
  request.body = bytes.substr(2);
  return request;
}

/// Talks to a host as an SDK does.
struct Client {
  WorkosHost& host;
  const Sdk& sdk;

  Answered operator()(const std::string& method, const std::string& target, const std::string& body = "") {
    Answered answer = answered(host.handle(read(bytes_of(sdk, method, target, body))));
    CHECK_FALSE(answer.header("X-Request-ID").empty());
    CHECK(answer.header("Cache-Control") == "no-store");
    // node reads a body only by this type.
    CHECK((answer.header("Content-Type") == "application/json; charset=utf-8") == !answer.body.is_null());
    return answer;
  }
};

std::set<std::string> keys(const Json& json) {
  std::set<std::string> names;
  for (const auto& [name, value] : json.items()) names.insert(name);
  return names;
}

bool is_time(const Json& json) {
  static const std::regex form(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)");
  return json.is_string() && std::regex_match(json.get<std::string>(), form);
}

/// A ULID after what it is of.
bool is_id(const Json& json, const std::string& prefix) {
  return json.is_string() &&
         std::regex_match(json.get<std::string>(), std::regex(prefix + "[0-7][0-9A-HJKMNP-TV-Z]{25}"));
}

/// The members that every deserialiser needs, and no others.
void check_factor(const Json& factor, const std::string& type, const std::string& user_id,
                  bool enrolled = false) {
  CAPTURE(factor.dump());
  std::set<std::string> members{"object", "id", "created_at", "updated_at", "type"};
  if (type == "totp" || type == "sms") members.insert(type);
  if (!user_id.empty()) members.insert("user_id");
  CHECK(keys(factor) == members);
  CHECK(factor["object"] == "authentication_factor");
  CHECK(is_id(factor["id"], "auth_factor_"));
  CHECK(factor["type"] == type);
  CHECK(is_time(factor["created_at"]));
  CHECK(is_time(factor["updated_at"]));
  if (!user_id.empty()) CHECK(factor["user_id"] == user_id);
  if (type != "totp") return;
  const Json& totp = factor["totp"];
  if (!enrolled) {
    CHECK(keys(totp) == std::set<std::string>{"issuer", "user"});
    return;
  }
  CHECK(keys(totp) == std::set<std::string>{"issuer", "user", "secret", "qr_code", "uri"});
  CHECK(totp["qr_code"].get<std::string>().starts_with("data:image/png;base64,"));
  CHECK(totp["uri"].get<std::string>().starts_with("otpauth://totp/"));
}

void check_challenge(const Json& challenge, const std::string& factor_id, bool ends, bool with_code = false) {
  CAPTURE(challenge.dump());
  std::set<std::string> members{"object", "id", "created_at", "updated_at", "authentication_factor_id"};
  if (ends) members.insert("expires_at");
  if (with_code) members.insert("code");
  CHECK(keys(challenge) == members);
  CHECK(challenge["object"] == "authentication_challenge");
  CHECK(is_id(challenge["id"], "auth_challenge_"));
  CHECK(challenge["authentication_factor_id"] == factor_id);
  CHECK(is_time(challenge["created_at"]));
  CHECK(is_time(challenge["updated_at"]));
  if (ends) CHECK(is_time(challenge["expires_at"]));
}

const Sdk& any_sdk = sdks.front();

std::string text(const Json& json) { return json.get<std::string>(); }

std::string other_code(std::string code) {
  code.back() = code.back() == '9' ? '0' : static_cast<char>(code.back() + 1);
  return code;
}

std::string body_of(const std::string& code) { return Json{{"code", code}}.dump(); }

/// A factor that its user has confirmed, and its secret.
std::pair<std::string, std::string> confirmed_totp(WorkosHost& host, const std::string& user_id) {
  const auto enrolled =
      ask(host, "POST", "/auth/factors/enroll",
          {{"type", "totp"}, {"totp_issuer", "Foo"}, {"totp_user", "a"}, {"user_id", user_id}});
  REQUIRE(enrolled.status == 201);
  const std::string id = text(enrolled.body["id"]);
  const std::string secret = text(enrolled.body["totp"]["secret"]);
  const auto challenge = ask(host, "POST", "/auth/factors/" + id + "/challenge");
  const auto verified = ask(host, "POST", "/auth/challenges/" + text(challenge.body["id"]) + "/verify",
                            {{"code", host.code(secret)}});
  REQUIRE(verified.body["valid"] == true);
  host.clock.advance(30s);
  return {id, secret};
}

} // namespace

TEST_CASE("Each SDK enrols, asks and verifies a TOTP factor, twice, and deletes it") {
  const bool awaited = GENERATE(false, true);
  for (const Sdk& sdk : sdks) {
    CAPTURE(sdk.name, awaited);
    const auto host = workos_host(awaited);
    Client client{*host, sdk};
    const auto enrolled =
        client("POST", "/auth/factors/enroll",
               R"({"type":"totp","totp_issuer":"Foo Corp","totp_user":"alan.turing@example.com"})");
    CHECK(enrolled.status == 201);
    check_factor(enrolled.body, "totp", "", true);
    CHECK(enrolled.body["totp"]["issuer"] == "Foo Corp");
    CHECK(enrolled.body["totp"]["user"] == "alan.turing@example.com");
    const std::string id = text(enrolled.body["id"]);
    const std::string secret = text(enrolled.body["totp"]["secret"]);
    CHECK(secret.size() == 32);

    for (int i = 0; i < 2; ++i) { // the confirmation of the enrolment, and a sign-in
      CAPTURE(i);
      const auto challenge = client("POST", "/auth/factors/" + id + "/challenge", sdk.nothing);
      CHECK(challenge.status == 201);
      check_challenge(challenge.body, id, false);
      const std::string verify = "/auth/challenges/" + text(challenge.body["id"]) + "/verify";
      const auto wrong = client("POST", verify, body_of(host->code(secret, 40)));
      CHECK(wrong.status == 201);
      CHECK(keys(wrong.body) == std::set<std::string>{"challenge", "valid"});
      CHECK(wrong.body["valid"] == false);
      check_challenge(wrong.body["challenge"], id, false);
      CHECK(client("POST", verify, body_of("no code")).body["valid"] == false);
      const std::string code = host->code(secret);
      const auto right = client("POST", verify, body_of(code));
      CHECK(right.status == 201);
      CHECK(right.body["valid"] == true);
      check_challenge(right.body["challenge"], id, false);
      const auto again = client("POST", verify, body_of(code));
      CHECK(again.status == 422);
      CHECK(again.body == Json{{"code", "authentication_challenge_previously_verified"},
                               {"message", "The authentication challenge '" + text(challenge.body["id"]) +
                                               "' has already been verified."}});
      // RFC 6238 section 5.2, whatever the challenge.
      const auto next = client("POST", "/auth/factors/" + id + "/challenge", sdk.nothing);
      CHECK(client("POST", "/auth/challenges/" + text(next.body["id"]) + "/verify", body_of(code))
                .body["valid"] == false);
      host->clock.advance(30s);
    }

    const auto got = client("GET", "/auth/factors/" + id);
    CHECK(got.status == 200);
    check_factor(got.body, "totp", "");
    const auto deleted = client("DELETE", "/auth/factors/" + id);
    CHECK(deleted.status == 204);
    CHECK(deleted.body.is_null());
    for (const char* const method : {"GET", "DELETE"}) {
      const auto gone = client(method, "/auth/factors/" + id);
      CHECK(gone.status == 404);
      CHECK(gone.body == Json{{"message", "Authentication Factor not found: '" + id + "'."},
                              {"code", "entity_not_found"},
                              {"entity_id", id}});
    }
    const std::string asked =
        text(client("POST", "/auth/factors/enroll", R"({"type":"generic_otp"})").body["id"]);
    const std::string of_deleted =
        text(client("POST", "/auth/factors/" + asked + "/challenge", sdk.nothing).body["id"]);
    CHECK(client("DELETE", "/auth/factors/" + asked).status == 204);
    for (const std::string& factor : {id, asked})
      CHECK(client("POST", "/auth/factors/" + factor + "/challenge", sdk.nothing).status == 404);
    const auto unanswered = client("POST", "/auth/challenges/" + of_deleted + "/verify", body_of("123456"));
    CHECK(unanswered.status == 404);
    CHECK(unanswered.body == Json{{"message", "Authentication Challenge not found: '" + of_deleted + "'."},
                                  {"code", "entity_not_found"},
                                  {"entity_id", of_deleted}});
  }
}

TEST_CASE("Each SDK has a phone receive codes") {
  const bool awaited = GENERATE(false, true);
  for (const Sdk& sdk : sdks) {
    CAPTURE(sdk.name, awaited);
    const auto host = workos_host(awaited);
    Client client{*host, sdk};
    const auto enrolled = client("POST", "/auth/factors/enroll",
                                 R"({"type":"sms","phone_number":"+14155550123","user_id":"u_1"})");
    CHECK(enrolled.status == 201);
    check_factor(enrolled.body, "sms", "u_1");
    CHECK(enrolled.body["sms"] == Json{{"phone_number", "+14155550123"}});
    const std::string id = text(enrolled.body["id"]);
    CHECK(client("GET", "/auth/factors/" + id).body["sms"] == Json{{"phone_number", "+14155550123"}});

    const auto challenge = client("POST", "/auth/factors/" + id + "/challenge",
                                  R"({"sms_template":"Foo Corp: {{code}} it is"})");
    CHECK(challenge.status == 201);
    check_challenge(challenge.body, id, true);
    CHECK(challenge.body["expires_at"] == "2026-01-01T00:10:00.000Z");
    const std::string message(host->sms.last().body);
    CHECK(std::regex_match(message, std::regex("Foo Corp: [0-9]{6} it is")));
    const std::string code = message.substr(10, 6);
    const std::string verify = "/auth/challenges/" + text(challenge.body["id"]) + "/verify";
    CHECK(client("POST", verify, body_of(other_code(code))).body["valid"] == false);
    host->clock.advance(11min);
    const auto late = client("POST", verify, body_of(code));
    CHECK(late.status == 422);
    CHECK(late.body == Json{{"code", "authentication_challenge_expired"},
                            {"message", "The authentication challenge '" + text(challenge.body["id"]) +
                                            "' has expired."}});
  }
}

TEST_CASE("Each SDK has a code to deliver") {
  const bool awaited = GENERATE(false, true);
  for (const Sdk& sdk : sdks) {
    CAPTURE(sdk.name, awaited);
    const auto host = workos_host(awaited);
    Client client{*host, sdk};
    const auto enrolled = client("POST", "/auth/factors/enroll", R"({"type":"generic_otp"})");
    CHECK(enrolled.status == 201);
    check_factor(enrolled.body, "generic_otp", "");
    const std::string id = text(enrolled.body["id"]);
    const auto challenge = client("POST", "/auth/factors/" + id + "/challenge", sdk.nothing);
    check_challenge(challenge.body, id, true, true);
    const std::string code = text(challenge.body["code"]);
    CHECK(code.size() == 6);
    const auto right =
        client("POST", "/auth/challenges/" + text(challenge.body["id"]) + "/verify", body_of(code));
    CHECK(right.body["valid"] == true);
  }
}

TEST_CASE("Each SDK enrols, lists and signs in by user management") {
  const bool awaited = GENERATE(false, true);
  for (const Sdk& sdk : sdks) {
    CAPTURE(sdk.name, awaited);
    const auto host = workos_host(awaited, {.totp_issuer = "Foo Corp"});
    Client client{*host, sdk};
    const std::string path = "/user_management/users/user_01E4ZCR3C56J083X43JQXF3JK5/auth_factors";
    const auto enrolled = client("POST", path, R"({"type":"totp","totp_secret":"JBSWY3DPEHPK3PXP"})");
    CHECK(enrolled.status == 201);
    CHECK(keys(enrolled.body) == std::set<std::string>{"authentication_factor", "authentication_challenge"});
    const Json& factor = enrolled.body["authentication_factor"];
    check_factor(factor, "totp", "user_01E4ZCR3C56J083X43JQXF3JK5", true);
    CHECK(factor["totp"]["issuer"] == "Foo Corp");
    CHECK(factor["totp"]["user"] == "user_01E4ZCR3C56J083X43JQXF3JK5");
    CHECK(factor["totp"]["secret"] == "JBSWY3DPEHPK3PXP");
    const Json& challenge = enrolled.body["authentication_challenge"];
    check_challenge(challenge, text(factor["id"]), false);

    host->pending.users["token_1"] = {.user_id = "user_01E4ZCR3C56J083X43JQXF3JK5", .may_enroll = true};
    Json grant{{"grant_type", "urn:workos:oauth:grant-type:mfa-totp"},
               {"client_id", "client_1"},
               {"client_secret", api_key},
               {"code", host->code("JBSWY3DPEHPK3PXP", 40)},
               {"pending_authentication_token", "token_1"},
               {"authentication_challenge_id", challenge["id"]},
               {"ip_address", "192.0.2.1"},
               {"user_agent", "Mozilla/5.0"},
               {"device_id", nullptr}};
    const auto wrong = client("POST", "/user_management/authenticate", grant.dump());
    CHECK(wrong.status == 400);
    CHECK(wrong.body["code"] == "invalid_one_time_code");
    grant["code"] = host->code("JBSWY3DPEHPK3PXP");
    const auto right = client("POST", "/user_management/authenticate", grant.dump());
    CHECK(right.status == 200);
    CHECK(right.body["user"]["id"] == "user_01E4ZCR3C56J083X43JQXF3JK5");
    CHECK(right.body["access_token"] == "access");
    REQUIRE(host->pending.finished.size() == 1);
    CHECK(host->pending.finished[0].factor_id == text(factor["id"]));
    CHECK(host->pending.finished[0].ip_address == "192.0.2.1");
    CHECK(host->pending.finished[0].confirmed_enrollment);
    const auto again = client("POST", "/user_management/authenticate", grant.dump());
    CHECK(again.status == 400);
    CHECK(again.body["code"] == "invalid_pending_authentication_token");

    const auto list = client("GET", path + sdk.list_query);
    CHECK(list.status == 200);
    CHECK(keys(list.body) == std::set<std::string>{"object", "data", "list_metadata"});
    CHECK(list.body["object"] == "list");
    CHECK(list.body["list_metadata"] == Json{{"before", nullptr}, {"after", nullptr}});
    REQUIRE(list.body["data"].size() == 1);
    check_factor(list.body["data"][0], "totp", "user_01E4ZCR3C56J083X43JQXF3JK5");
  }
}

TEST_CASE("Requests that share an idempotency key are different requests") {
  const auto host = workos_host(false);
  const Sdk& kotlin = sdks.back();
  REQUIRE(kotlin.name == "kotlin");
  Client client{*host, kotlin};
  const auto enroll = [&client] {
    return client("POST", "/auth/factors/enroll", R"({"type":"generic_otp","user_id":"u_2"})").body["id"];
  };
  CHECK(enroll() != enroll());
  const auto [id, secret] = confirmed_totp(*host, "u_1");
  const auto first = client("POST", "/auth/factors/" + id + "/challenge");
  const auto second = client("POST", "/auth/factors/" + id + "/challenge");
  CHECK(first.status == 201);
  CHECK(second.status == 201);
  CHECK(first.body["id"] != second.body["id"]);
  const std::string verify = "/auth/challenges/" + text(second.body["id"]) + "/verify";
  for (int i = 0; i < 5; ++i) CHECK(client("POST", verify, body_of("000000")).body["valid"] == false);
  CHECK(client("POST", verify, body_of("000000")).status == 400);
}

TEST_CASE("What SDKs write in ways of their own, and old ones wrote, is read") {
  const auto host = workos_host(false, {.totp_issuer = "Foo"});
  const auto send = [&](const std::string& target, const std::string& body) {
    return answered(host->handle(mfa::test::request_with_key("POST", target, body)));
  };
  // Every member, null where there is nothing to say.
  const auto generic = send("/auth/factors/enroll", R"({"type":"generic_otp","phone_number":null,)"
                                                    R"("totp_issuer":null,"totp_user":null,"user_id":null})");
  CHECK(generic.status == 201);
  check_factor(generic.body, "generic_otp", "");
  CHECK(send("/auth/factors/" + text(generic.body["id"]) + "/challenge", R"({"sms_template":null})").status ==
        201);
  CHECK(send("/user_management/users/u_1/auth_factors",
             R"({"type":"totp","totp_issuer":null,"totp_user":null,"totp_secret":null})")
            .status == 201);
  // What a writer of JSON may escape: +, / and whatever is no ASCII.
  CHECK(send("/auth/factors/enroll", R"({"type":"sms","phone_number":"\u002B14155550123"})")
            .body["sms"]["phone_number"] == "+14155550123");
  const Json totp = send("/auth/factors/enroll",
                         R"({"type":"totp","totp_issuer":"A\/B","totp_user":"Andr\u00e9 \ud83d\ude00"})")
                        .body["totp"];
  CHECK(totp["issuer"] == "A/B");
  CHECK(totp["user"] == "Andr\u00e9 \U0001F600");
  // The paths of SDKs before July 2022.
  for (const char* const target : {"/auth/factors/challenge", "/auth/factors/verify"}) {
    const auto gone = send(target, R"({"authentication_factor_id":"x"})");
    CHECK(gone.status == 405);
    CHECK(gone.header("Allow") == "GET, DELETE");
  }
}

TEST_CASE("A list goes both ways, by ids whose factors may be gone") {
  const auto host = workos_host(false, {.totp_issuer = "Foo"}, {.unverified_factors_a_user = 50});
  std::vector<std::string> ids; // oldest first
  for (int i = 0; i < 7; ++i) {
    ids.push_back(
        text(ask(*host, "POST", "/user_management/users/a%2Fb%20%C3%A9/auth_factors", {{"type", "totp"}})
                 .body["authentication_factor"]["id"]));
    host->clock.advance(1s);
  }
  CHECK(ask(*host, "GET", "/auth/factors/" + ids[0]).body["user_id"] == "a/b \xC3\xA9");
  CHECK(ask(*host, "DELETE", "/auth/factors/" + ids[3]).status == 204);

  struct Row {
    std::string query;
    std::vector<int> shown;
    int before, after; ///< -1: none
  };
  const std::vector<Row> rows{
      {"", {6, 5, 4, 2, 1, 0}, -1, -1},
      {"?limit=2", {6, 5}, -1, 5},
      {"?limit=2&after=5", {4, 2}, 4, 2},
      {"?limit=2&after=3", {2, 1}, 2, 1},
      {"?limit=2&after=1", {0}, 0, -1},
      {"?limit=2&after=0", {}, -1, -1},
      {"?limit=2&before=2", {5, 4}, 5, 4},
      {"?limit=9&before=2", {6, 5, 4}, -1, 4},
      {"?limit=2&before=6", {}, -1, -1},
      {"?order=asc", {0, 1, 2, 4, 5, 6}, -1, -1},
      {"?order=asc&limit=2&after=2", {4, 5}, 4, 5},
      {"?order=asc&limit=2&before=4", {1, 2}, 1, 2},
      {"?order=normal&limit=1", {6}, -1, 6},
      {"?order=desc&limit=100&unknown=%00", {6, 5, 4, 2, 1, 0}, -1, -1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.query);
    std::string query = row.query;
    for (const char* const cursor : {"after=", "before="}) {
      const auto at = query.find(cursor);
      if (at == std::string::npos) continue;
      const std::size_t digit = at + std::string_view(cursor).size();
      query.replace(digit, 1, ids[static_cast<std::size_t>(query[digit] - '0')]);
    }
    const auto list = ask(*host, "GET", "/user_management/users/a%2Fb%20%C3%A9/auth_factors" + query);
    REQUIRE(list.status == 200);
    std::vector<std::string> shown;
    for (const Json& factor : list.body["data"]) shown.push_back(text(factor["id"]));
    std::vector<std::string> expected;
    for (const int i : row.shown) expected.push_back(ids[static_cast<std::size_t>(i)]);
    CHECK(shown == expected);
    const auto cursor = [&](int i) { return i < 0 ? Json() : Json(ids[static_cast<std::size_t>(i)]); };
    CHECK(list.body["list_metadata"] == Json{{"before", cursor(row.before)}, {"after", cursor(row.after)}});
  }
  CHECK(ask(*host, "GET", "/user_management/users/nobody/auth_factors").body["data"] == Json::array());

  for (int i = 0; i < 5; ++i) {
    (void)ask(*host, "POST", "/user_management/users/a%2Fb%20%C3%A9/auth_factors", {{"type", "totp"}});
    host->clock.advance(1s);
  }
  const auto by_default = ask(*host, "GET", "/user_management/users/a%2Fb%20%C3%A9/auth_factors");
  CHECK(by_default.body["data"].size() == 10);
  CHECK(by_default.body["list_metadata"] == Json{{"before", nullptr}, {"after", ids[1]}});
}

TEST_CASE("Kinds that the contract does not know are in no list, and not found") {
  mfa::test::BlockingWorkosHost host;
  const auto totp = host.verifier.enroll_factor(mfa::Totp{.issuer = "Foo", .user = "a", .user_id = "u_1"});
  const auto codes = host.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_1"}, mfa::by_operator);
  const auto hotp = host.verifier.enroll_factor(mfa::Hotp{.issuer = "Foo", .user = "a", .user_id = "u_1"},
                                                mfa::by_operator);
  const auto list = ask(host, "GET", "/user_management/users/u_1/auth_factors");
  REQUIRE(list.body["data"].size() == 1);
  CHECK(list.body["data"][0]["id"] == totp.factor.id());
  for (const std::string& id : {codes.factor.id(), hotp.factor.id()}) {
    CHECK(ask(host, "GET", "/auth/factors/" + id).status == 404);
    CHECK(ask(host, "DELETE", "/auth/factors/" + id).status == 404);
    CHECK(ask(host, "POST", "/auth/factors/" + id + "/challenge").status == 404);
  }
}

TEST_CASE("What is refused is said as WorkOS says it, and by no status with which SDKs try again") {
  const bool awaited = GENERATE(false, true);
  const auto host = workos_host(awaited);
  const auto code_of = [](const Answered& answer) { return text(answer.body["code"]); };
  const auto enroll = [&](const Json& body) { return ask(*host, "POST", "/auth/factors/enroll", body); };

  const auto phone = enroll({{"type", "sms"}, {"phone_number", "foo"}});
  CHECK(phone.status == 422);
  CHECK(code_of(phone) == "invalid_phone_number");
  CHECK(phone.body["message"].is_string());
  CHECK(code_of(enroll({{"type", "sms"}, {"phone_number", "+491711234567"}})) == "sms_country_not_allowed");
  CHECK(enroll({{"type", "sms"}, {"phone_number", "14155550199"}}).body["sms"]["phone_number"] ==
        "+14155550199");

  struct Row {
    Json body;
    std::vector<std::string> codes;
  };
  const std::vector<Row> rows{
      {Json::object(), {"type_required"}},
      {{{"type", "hotp"}}, {"invalid_type"}},
      {{{"type", 7}}, {"type_must_be_a_string"}},
      {{{"type", "sms"}}, {"phone_number_required"}},
      {{{"type", "totp"}}, {"totp_issuer_required", "totp_user_required"}},
      {{{"type", "totp"}, {"totp_issuer", false}, {"totp_user", "a"}}, {"totp_issuer_must_be_a_string"}},
      {{{"type", "totp"}, {"totp_issuer", "Foo"}, {"totp_user", nullptr}}, {"totp_user_required"}},
      {{{"type", "totp"}, {"totp_issuer", "F"}, {"totp_user", "a"}, {"user_id", 1}},
       {"user_id_must_be_a_string"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.body.dump());
    const auto refused = enroll(row.body);
    CHECK(refused.status == 422);
    CHECK(code_of(refused) == "invalid_request_parameters");
    std::vector<std::string> codes;
    for (const Json& error : refused.body["errors"]) {
      codes.push_back(text(error["code"]));
      CHECK(error["field"].is_string());
    }
    CHECK(codes == row.codes);
  }
  const auto long_issuer =
      enroll({{"type", "totp"}, {"totp_issuer", std::string(300, 'x')}, {"totp_user", "a"}});
  CHECK(long_issuer.status == 422);
  CHECK(code_of(long_issuer) == "invalid_request_parameters");

  // A second message too soon: no SDK sends it again by itself.
  const auto sms = enroll({{"type", "sms"}, {"phone_number", "+14155550123"}});
  const std::string challenge = "/auth/factors/" + text(sms.body["id"]) + "/challenge";
  CHECK(code_of(ask(*host, "POST", challenge, {{"sms_template", "no code"}})) == "invalid_sms_template");
  CHECK(ask(*host, "POST", challenge).status == 201);
  host->clock.advance(10s);
  const auto soon = ask(*host, "POST", challenge);
  CHECK(soon.status == 422);
  CHECK(code_of(soon) == "sms_rate_limited");
  CHECK(soon.header("Retry-After") == "20");
  host->clock.advance(20s);
  const auto sent_before = host->sms.messages().size();
  host->sms.fail_next();
  const auto not_sent = ask(*host, "POST", challenge);
  CHECK(not_sent.status == 422);
  CHECK(code_of(not_sent) == "sms_not_sent");
  CHECK(host->sms.messages().size() == sent_before);

  const auto [id, secret] = confirmed_totp(*host, "u_1");
  const auto asked = ask(*host, "POST", "/auth/factors/" + id + "/challenge");
  const std::string verify = "/auth/challenges/" + text(asked.body["id"]) + "/verify";
  CHECK(ask(*host, "POST", verify, Json::object()).body["errors"][0]["code"] == "code_required");
  CHECK(ask(*host, "POST", verify, {{"code", 123456}}).body["errors"][0]["code"] == "code_must_be_a_string");
  for (int i = 0; i < 5; ++i)
    CHECK(ask(*host, "POST", verify, {{"code", host->code(secret, 40)}}).body["valid"] == false);
  const auto many = ask(*host, "POST", verify, {{"code", host->code(secret)}});
  CHECK(many.status == 400);
  CHECK(code_of(many) == "one_time_code_too_many_attempts");
  const auto fresh = ask(*host, "POST", "/auth/factors/" + id + "/challenge");
  const auto delayed = ask(*host, "POST", "/auth/challenges/" + text(fresh.body["id"]) + "/verify",
                           {{"code", host->code(secret)}});
  CHECK(delayed.status == 400);
  CHECK(code_of(delayed) == "one_time_code_too_many_attempts");
  CHECK(delayed.header("Retry-After") == "30");

  const std::string generic = text(enroll({{"type", "generic_otp"}}).body["id"]);
  Answered refused;
  for (int i = 0; i < 6 && refused.status != 422; ++i)
    refused = ask(*host, "POST", "/auth/factors/" + generic + "/challenge");
  CHECK(refused.status == 422);
  CHECK(code_of(refused) == "code_rate_limited");
  CHECK_FALSE(refused.header("Retry-After").empty());
}

TEST_CASE("A challenge that is over is refused as WorkOS refuses it, at either path") {
  const bool awaited = GENERATE(false, true);
  const auto host = workos_host(awaited);
  host->pending.users["token_1"] = {.user_id = "u_1"};
  const auto sign_in = [&](const std::string& challenge, const std::string& code) {
    return ask(*host, "POST", "/user_management/authenticate",
               {{"grant_type", "urn:workos:oauth:grant-type:mfa-totp"},
                {"client_id", "client_1"},
                {"client_secret", api_key},
                {"code", code},
                {"pending_authentication_token", "token_1"},
                {"authentication_challenge_id", challenge}});
  };
  const auto verify = [&](const std::string& challenge, const std::string& code) {
    return ask(*host, "POST", "/auth/challenges/" + challenge + "/verify", {{"code", code}});
  };
  const auto challenge = [&](const std::string& factor) {
    return text(ask(*host, "POST", "/auth/factors/" + factor + "/challenge").body["id"]);
  };
  const auto is_refused = [](const Answered& answer, int status, const char* code) {
    CHECK(answer.status == status);
    CHECK(answer.body.value("code", "none") == code);
    CHECK(answer.body.contains("message"));
  };
  const auto [id, secret] = confirmed_totp(*host, "u_1");

  const std::string late = challenge(id); // though WorkOS's has no `expires_at`
  host->clock.advance(11min);
  is_refused(verify(late, host->code(secret)), 422, "authentication_challenge_expired");
  is_refused(sign_in(late, host->code(secret)), 400, "one_time_code_expired");
  const auto forgotten =
      ask(*host, "POST", "/auth/factors/enroll",
          {{"type", "totp"}, {"totp_issuer", "Foo"}, {"totp_user", "a"}, {"user_id", "u_1"}});
  host->clock.advance(11min);
  is_refused(ask(*host, "POST", "/auth/factors/" + text(forgotten.body["id"]) + "/challenge"), 422,
             "enrollment_expired");

  const auto phone = ask(*host, "POST", "/auth/factors/enroll",
                         {{"type", "sms"}, {"phone_number", "+14155550123"}, {"user_id", "u_2"}});
  const std::string first = challenge(text(phone.body["id"]));
  const std::string code_of_first(host->sms.last().body);
  host->clock.advance(30s);
  const std::string second = challenge(text(phone.body["id"]));
  is_refused(verify(first, code_of_first), 422, "authentication_challenge_expired");
  host->pending.users["token_1"] = {.user_id = "u_2", .may_enroll = true};
  is_refused(sign_in(first, code_of_first), 400, "one_time_code_expired");
  CHECK(sign_in(second, std::string(host->sms.last().body)).status == 200);

  host->pending.users["token_1"] = {.user_id = "u_1"};
  const std::string guessed = challenge(id);
  is_refused(sign_in(guessed, "no code"), 400, "invalid_one_time_code");
  for (int i = 0; i < 5; ++i)
    is_refused(sign_in(guessed, host->code(secret, 40)), 400, "invalid_one_time_code");
  is_refused(sign_in(guessed, host->code(secret)), 400, "one_time_code_too_many_attempts");
  const auto waits = sign_in(challenge(id), host->code(secret));
  is_refused(waits, 400, "one_time_code_too_many_attempts");
  CHECK(waits.header("Retry-After") == "30");

  // The host ended the sign-in while the code was checked.
  host->clock.advance(1h);
  host->pending.ended_meanwhile = true;
  is_refused(sign_in(challenge(id), host->code(secret)), 400, "invalid_pending_authentication_token");
}

TEST_CASE("A factor that is locked is refused by no status with which SDKs try again") {
  const bool awaited = GENERATE(false, true);
  const auto host = workos_host(awaited, {}, {.wrong_codes_a_user_a_day = 10, .failures_before_lockout = 3});
  const auto [id, secret] = confirmed_totp(*host, "u_1");
  const auto challenge = [&](const std::string& factor) {
    return ask(*host, "POST", "/auth/factors/" + factor + "/challenge");
  };
  const auto verify = [&](const Answered& asked, const std::string& code) {
    return ask(*host, "POST", "/auth/challenges/" + text(asked.body["id"]) + "/verify", {{"code", code}});
  };
  const auto asked = challenge(id);
  for (int i = 0; i < 3; ++i) CHECK(verify(asked, host->code(secret, 40)).body["valid"] == false);
  const auto locked = verify(asked, host->code(secret));
  CHECK(locked.status == 400);
  CHECK(locked.body["code"] == "one_time_code_too_many_attempts");
  const auto not_asked = challenge(id);
  CHECK(not_asked.status == 422);
  CHECK(not_asked.body["code"] == "one_time_code_too_many_attempts");
  CHECK(ask(*host, "GET", "/auth/factors/" + id).status == 200);

  // Too many wrong codes of the user's, whichever factor they were of.
  Answered delayed;
  for (int i = 0; i < 4 && delayed.status != 422; ++i) {
    const auto [other, other_secret] = confirmed_totp(*host, "u_1");
    for (int attempt = 0; attempt < 3 && delayed.status != 422; ++attempt) {
      delayed = challenge(other);
      if (delayed.status == 201) CHECK(verify(delayed, host->code(other_secret, 40)).body["valid"] == false);
    }
  }
  CHECK(delayed.status == 422);
  CHECK(delayed.body["code"] == "one_time_code_too_many_attempts");
  CHECK_FALSE(delayed.header("Retry-After").empty());
}

TEST_CASE("Whoever owes a second factor signs in with his own alone, and with one he enrols only if he may") {
  const bool awaited = GENERATE(false, true);
  const auto host = workos_host(awaited, {.totp_issuer = "Foo", .client_id = "client_1"});
  const auto [id, secret] = confirmed_totp(*host, "u_1");
  host->pending.users["of u_1"] = {.user_id = "u_1"};
  host->pending.users["of u_2"] = {.user_id = "u_2"};
  const auto sign_in = [&](const std::string& token, const std::string& challenge, const std::string& code,
                           const Json& more = Json::object()) {
    Json grant{{"grant_type", "urn:workos:oauth:grant-type:mfa-totp"},
               {"client_id", "client_1"},
               {"client_secret", api_key},
               {"code", code},
               {"pending_authentication_token", token},
               {"authentication_challenge_id", challenge}};
    grant.update(more);
    return ask(*host, "POST", "/user_management/authenticate", grant);
  };
  const auto new_challenge = [&](const std::string& factor_id) {
    return text(ask(*host, "POST", "/auth/factors/" + factor_id + "/challenge").body["id"]);
  };
  const std::string challenge = new_challenge(id);
  CHECK(sign_in("of nobody", challenge, host->code(secret)).body["code"] ==
        "invalid_pending_authentication_token");
  const auto of_another = sign_in("of u_2", challenge, host->code(secret));
  CHECK(of_another.status == 404);
  CHECK(of_another.body["message"] == "Authentication Challenge not found: '" + challenge + "'.");
  const auto bad_secret = sign_in("of u_1", challenge, host->code(secret), {{"client_secret", "wrong"}});
  CHECK(bad_secret.status == 400);
  CHECK(bad_secret.body ==
        Json{{"error", "invalid_client"}, {"error_description", "Invalid client secret."}});
  CHECK(sign_in("of u_1", challenge, host->code(secret), {{"client_id", "other"}}).body["error"] ==
        "invalid_client");
  for (const char* const grant : {"password", "urn:workos:oauth:grant-type:radar-email-challenge:code",
                                  "urn:workos:oauth:grant-type:radar-sms-challenge:code"}) {
    const auto not_taken = sign_in("of u_1", challenge, host->code(secret), {{"grant_type", grant}});
    CHECK(not_taken.status == 400);
    CHECK(not_taken.body == Json{{"error", "unsupported_grant_type"},
                                 {"error_description", "This service does not take this grant."}});
  }
  for (const char* const unknown : {"auth_challenge_01FVYXZTZ52ZPVRPRXJWHP0C8T", "unknown"})
    CHECK(sign_in("of u_1", unknown, host->code(secret)).status == 404);
  const auto lacking = sign_in("of u_1", challenge, host->code(secret), {{"code", nullptr}});
  CHECK(lacking.status == 422);
  CHECK(lacking.body["errors"][0]["code"] == "code_required");
  CHECK(sign_in("of u_1", challenge, host->code(secret), {{"client_secret", nullptr}}).status ==
        200); // by header
  host->pending.users["of u_1"] = {.user_id = "u_1"};
  CHECK(sign_in("of u_1", challenge, host->code(secret)).body["code"] == "one_time_code_previously_used");

  // A factor of a stranger's who has the password.
  const auto enrolled = ask(*host, "POST", "/user_management/users/u_1/auth_factors", {{"type", "totp"}});
  const std::string secret_of_stranger = text(enrolled.body["authentication_factor"]["totp"]["secret"]);
  const auto refused = sign_in("of u_1", text(enrolled.body["authentication_challenge"]["id"]),
                               host->code(secret_of_stranger));
  CHECK(refused.status == 403);
  CHECK(refused.body["code"] == "authentication_method_not_allowed");

  // The same while the user had none, whose token said so, until he had one.
  host->pending.users["of u_3"] = {.user_id = "u_3", .may_enroll = true};
  const auto strangers = ask(*host, "POST", "/user_management/users/u_3/auth_factors", {{"type", "totp"}});
  const auto own = confirmed_totp(*host, "u_3");
  const auto late = sign_in("of u_3", text(strangers.body["authentication_challenge"]["id"]),
                            host->code(text(strangers.body["authentication_factor"]["totp"]["secret"])));
  CHECK(late.status == 403);
  CHECK(late.body["code"] == "authentication_method_not_allowed");
  CHECK(sign_in("of u_3", new_challenge(own.first), host->code(own.second)).status == 200);

  host->pending.failure = std::make_exception_ptr(std::runtime_error("the session store is away"));
  const auto failed = sign_in("of u_1", new_challenge(id), host->code(secret));
  CHECK(failed.status == 500);
  CHECK(failed.body == Json{{"message", "Internal server error."}});
}

TEST_CASE("A request whose task is cancelled gets no answer, and its host hears what it cancelled it by") {
  const auto host = workos_host(true);
  host->pending.failure =
      std::make_exception_ptr(std::system_error(std::make_error_code(std::errc::operation_canceled)));
  CHECK_THROWS_AS(ask(*host, "POST", "/user_management/authenticate",
                      {{"grant_type", "urn:workos:oauth:grant-type:mfa-totp"},
                       {"client_id", "client_1"},
                       {"client_secret", api_key},
                       {"pending_authentication_token", "of u_1"},
                       {"authentication_challenge_id", "auth_challenge_01FVYZWQ84K4PEJ15DV3F0S0TG"},
                       {"code", "123456"}}),
                  std::system_error);
}

TEST_CASE("A host's password step answers as WorkOS's does") {
  mfa::test::BlockingWorkosHost host;
  const auto [id, secret] = confirmed_totp(host, "u_1");
  (void)host.verifier.enroll_factor(mfa::Totp{.issuer = "Foo", .user = "a", .user_id = "u_1"},
                                    mfa::by_operator);
  (void)host.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_1"}, mfa::by_operator);
  const Json user{{"object", "user"}, {"id", "u_1"}};
  const Json challenge = mfa::workos::mfa_challenge_body("token_1", user, host.verifier.list_factors("u_1"));
  CHECK(keys(challenge) == std::set<std::string>{"code", "message", "pending_authentication_token",
                                                 "authentication_factors", "user"});
  CHECK(challenge["code"] == "mfa_challenge");
  CHECK(challenge["pending_authentication_token"] == "token_1");
  CHECK(challenge["authentication_factors"] == Json::array({{{"id", id}, {"type", "totp"}}}));
  CHECK(challenge["user"]["id"] == "u_1"); // without which Go's SDK falls back to a generic error
  const Json enrollment = mfa::workos::mfa_enrollment_body("token_1", user);
  CHECK(enrollment["code"] == "mfa_enrollment");
  CHECK(enrollment["user"] == user);
}
