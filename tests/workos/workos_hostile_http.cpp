// Whatever bytes come, the API answers with the right 4xx, says nothing that a client made up, and lets in
// nobody without a key.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/workos/api_keys.hpp>

#include "support/catch.hpp"
#include "support/text.hpp"
#include "support/workos_host.hpp"

using mfa::test::answered;
using mfa::test::Answered;
using mfa::test::api_key;
using mfa::test::ask;
using mfa::test::BlockingWorkosHost;
using mfa::test::Json;
using mfa::test::repeated;
using mfa::test::request_with_key;
using mfa::workos::Request;

namespace {

Answered send(BlockingWorkosHost& host, std::string method, std::string target, std::string body = {}) {
  return answered(host.handle(request_with_key(std::move(method), std::move(target), std::move(body))));
}

/// A storage that answers nothing.
struct Failing {
  static constexpr bool ephemeral = true;
  std::optional<mfa::storage::FactorRecord> find_factor(std::string_view) { fail(); }
  std::optional<mfa::storage::ChallengeRecord> find_challenge(std::string_view) { fail(); }
  std::optional<mfa::storage::CounterRecord> find_counter(std::string_view) { fail(); }
  std::vector<mfa::storage::FactorRecord> list_factors(std::string_view) { fail(); }
  bool commit(const mfa::storage::Batch&) { fail(); }
  [[noreturn]] void fail() const {
    if (known) throw mfa::Error(mfa::errc::storage_failure, "the disk of user u_1 is full");
    throw std::runtime_error("secret of the host");
  }
  bool known = true;
};

/// A storage in memory that answers so many requests and then no more, but may carry out the commit that it
/// does not answer; and a transport that may take nothing.
struct FailingLater {
  static constexpr bool ephemeral = true;
  mfa::storage::Memory memory;
  std::optional<unsigned> answers;
  bool loses_answers = false;

  auto find_factor(std::string_view id) { return answering().find_factor(id); }
  auto find_challenge(std::string_view id) { return answering().find_challenge(id); }
  auto find_counter(std::string_view id) { return answering().find_counter(id); }
  auto list_factors(std::string_view user_id) { return answering().list_factors(user_id); }
  bool commit(const mfa::storage::Batch& batch) {
    if (loses_answers && answers == 0U) (void)memory.commit(batch);
    return answering().commit(batch);
  }

 private:
  mfa::storage::Memory& answering() {
    if (answers && (*answers)-- == 0) {
      answers = 0;
      throw mfa::Error(mfa::errc::storage_failure, "the disk is full");
    }
    return memory;
  }
};

struct CountingSms {
  unsigned asked = 0;
  bool takes = true;
  void send(const mfa::SmsMessage&) {
    ++asked;
    if (!takes) throw std::runtime_error("no line");
  }
};

} // namespace

TEST_CASE("Nobody is let in without a key, whatever he asks for") {
  BlockingWorkosHost host;
  const std::string key(api_key);
  const std::vector<mfa::workos::Headers> strangers{
      {},
      {{"Authorization", ""}},
      {{"Authorization", "Bearer"}},
      {{"Authorization", "Bearer "}},
      {{"Authorization", key}},
      {{"Authorization", "Basic " + key}},
      {{"Authorization", "Bearer " + key.substr(1)}},
      {{"Authorization", "Bearer " + key + "x"}},
      {{"Authorization", "Bearer " + key + std::string(1, '\0')}},
      {{"Authorization", "Bearer " + key + ", Bearer " + key}},
      {{"Authorization", "Bearer wrong"}, {"authorization", "Bearer " + key}},
      {{"Authorization", "Bearer " + key}, {"Authorization", "Bearer " + key}},
      {{"X-Authorization", "Bearer " + key}},
      {{"Authorization", "Bearer " + repeated("k", 1'000'000)}},
  };
  for (const auto& headers : strangers)
    for (const char* const target : {"/auth/factors/enroll", "/nothing", "no target", "/auth/factors/%"}) {
      CAPTURE(target, headers.empty() ? "" : headers.front().second.substr(0, 80));
      const auto answer = answered(host.handle({"POST", target, headers, "{"}));
      CHECK(answer.status == 401);
      CHECK(answer.body == Json{{"message", "Unauthorized"}});
      CHECK(answer.header("WWW-Authenticate") == "Bearer");
    }
  for (const std::string& let_in :
       std::vector<std::string>{"Bearer " + key, "bearer " + key, "BEARER   " + key + " ",
                                "Bearer " + std::string(mfa::test::second_api_key)})
    CHECK(host.handle({"GET", "/nothing", {{"AUTHORIZATION", let_in}}, ""}).status == 404);
}

TEST_CASE("A key in the body counts only for signing in, and not past a wrong one in the header") {
  BlockingWorkosHost host;
  const std::string right(api_key);
  const auto answer = [&host](const std::string& bearer, const std::string& client_secret) {
    mfa::workos::Headers headers;
    if (!bearer.empty()) headers.emplace_back("Authorization", "Bearer " + bearer);
    const Json grant{{"grant_type", "password"}, {"client_secret", client_secret}};
    return answered(host.handle({"POST", "/user_management/authenticate", headers, grant.dump()}));
  };
  for (const std::string& client_secret : {right, std::string("wrong"), std::string()})
    CHECK(answer("wrong", client_secret).status == 401);
  for (const std::string& bearer : {right, std::string()}) {
    CHECK(answer(bearer, right).body["error"] == "unsupported_grant_type"); // it is let in
    CHECK(answer(bearer, "wrong").body["error"] == "invalid_client");
  }
  CHECK(answer(right, "").body["error"] == "unsupported_grant_type");
  CHECK(answer("", "").body["error"] == "invalid_client");
}

TEST_CASE("Keys are changed while the API is in use") {
  BlockingWorkosHost host;
  const std::string next = "sk_live_0123456789abcdef";
  const auto status = [&](std::string_view key) {
    return host.handle({"GET", "/nothing", {{"Authorization", "Bearer " + std::string(key)}}, ""}).status;
  };
  host.replace_keys({api_key, next});
  CHECK(status(api_key) == 404);
  CHECK(status(next) == 404);
  CHECK(status(mfa::test::second_api_key) == 401);
  host.replace_keys({next});
  CHECK(status(api_key) == 401);
  CHECK(status(next) == 404);
  CHECK_THROWS_AS(host.replace_keys({}), mfa::Error);
  CHECK_THROWS_AS(host.replace_keys({"short"}), mfa::Error);
  CHECK_THROWS_AS(host.replace_keys({next + "\n"}), mfa::Error);
  CHECK(status(next) == 404);
}

TEST_CASE("A key that stays is taken at every moment at which others are replaced") {
  const mfa::crypto::SecretString stays("sk_live_0123456789abcdef");
  const auto among = [&](int others) {
    std::vector<mfa::crypto::SecretString> keys;
    for (int i = 0; i < others; ++i) keys.emplace_back("sk_live_" + std::to_string(1'000'000'000 + i));
    keys.push_back(stays);
    return keys;
  };
  const std::vector<std::vector<mfa::crypto::SecretString>> rings{among(0), among(1), among(7), among(40)};
  mfa::workos::ApiKeys keys(rings.front());
  std::atomic<bool> over{false};
  std::atomic<int> asked{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i)
    callers.emplace_back([&] {
      for (; !over; ++asked)
        if (!keys.accept(stays.view())) ++refused;
    });
  for (std::size_t round = 0; round < 2000 || asked < 2000; ++round)
    keys.replace(rings[round % rings.size()]);
  over = true;
  for (std::thread& caller : callers) caller.join();
  CHECK(refused == 0);
}

TEST_CASE("A body that is no JSON object with each member once is refused") {
  BlockingWorkosHost host;
  const std::string good = R"({"type":"generic_otp"})";
  const std::vector<std::string> bodies{
      "{",
      "}",
      "{}{}",
      good + "x",
      good + ",",
      "type=generic_otp",
      "\"generic_otp\"",
      "1",
      "true",
      "[1]",
      "[[]]",
      R"({"type":"generic_otp",})",
      R"({type:"generic_otp"})",
      R"({'type':'generic_otp'})",
      R"({"type":"generic_otp"} // comment)",
      R"(/**/{"type":"generic_otp"})",
      R"({"type":"totp","type":"generic_otp"})",
      R"({"type":"generic_otp","\u0074ype":"sms"})",
      R"({"type":"generic_otp","x":{"a":1,"a":2}})",
      R"({"type":"generic_otp","x":[{"a":1,"a":2}]})",
      R"({"type":"generic_otp","x":NaN})",
      R"({"type":"generic_otp","x":1e999})",
      R"({"type":"generic_otp","x":01})",
      "{\"type\":\"generic_otp\",\"x\":\"\x80\"}",
      "{\"type\":\"generic_otp\",\"x\":\"\xC0\xAF\"}",
      "{\"type\":\"generic_otp\",\"x\":\"\n\"}",
      R"({"type":"generic_otp","x":"\ud800"})",
      good + std::string(1, '\0'),
      std::string(1, '\0') + good,
      repeated("[", 60'000),
      repeated(R"({"a":)", 10'000),
      R"({"type":"generic_otp","x":)" + repeated("[", 17) + repeated("]", 17) + "}",
      R"({"type":"generic_otp","x":)" + repeated(R"({"a":)", 17) + "1" + repeated("}", 17) + "}"};
  for (const std::string& body : bodies) {
    CAPTURE(body.substr(0, 100));
    for (const char* const target : {"/auth/factors/enroll", "/mfa/users/u_1/factors"}) {
      const auto refused = send(host, "POST", target, body);
      CHECK(refused.status == 400);
      CHECK(refused.body["code"] == "invalid_json");
    }
    for (const char* const method : {"GET", "PATCH", "DELETE"})
      CHECK(send(host, method, "/mfa/factors/auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ", body).status == 400);
  }
  for (const std::string& body : std::vector<std::string>{
           good, " \r\n\t" + good + "\n", "\xEF\xBB\xBF" + good,
           std::string(R"({"x":[[{}]],"type":"\u0067eneric_otp","y":{"a":{"a":1e300}}})"),
           R"({"type":"generic_otp","x":)" + repeated("[", 12) + repeated("]", 12) + "}"}) {
    CAPTURE(body);
    CHECK(send(host, "POST", "/auth/factors/enroll", body).status == 201);
  }
  const std::string padding(65'536 - good.size(), ' ');
  CHECK(send(host, "POST", "/auth/factors/enroll", good + padding).status == 201);
  CHECK(send(host, "POST", "/auth/factors/enroll", good + padding + ' ').status == 413);
  CHECK(send(host, "POST", "/auth/factors/enroll", std::string(100'000'000, '[')).status == 413);
}

TEST_CASE("A path is taken as it stands, and an id in it decoded once") {
  BlockingWorkosHost host;
  const std::string id(ask(host, "POST", "/auth/factors/enroll", {{"type", "generic_otp"}}).body["id"]);
  const auto status = [&](const std::string& target) { return send(host, "GET", target).status; };
  CHECK(status("/auth/factors/" + id) == 200);
  CHECK(status("/auth/factors/auth%5Ffactor%5f" + id.substr(12)) == 200);
  CHECK(status("/auth/factors/" + id + "?x=%2e&&=&y") == 200);
  CHECK(status("/mfa/factors/" + id) == 200);
  CHECK(status("/mfa/users/a%2Fb%20%C3%A9%25/factors") == 200);
  CHECK(status("/mfa/users/" + repeated("A", 8000) + "/factors") == 200); // nobody's
  for (const std::string& target : std::vector<std::string>{
           "/auth/factors/auth%255Ffactor_" + id.substr(12),
           "/auth/factors/" + id + "/",
           "//auth/factors/" + id,
           "/auth//factors/" + id,
           "/auth/./factors/" + id,
           "/auth/x/../factors/" + id,
           "/auth/factors/../factors/" + id,
           "/auth/factors/%2e%2e%2f" + id,
           "/auth%2Ffactors%2F" + id,
           "/AUTH/factors/" + id,
           "/auth/factors/" + id + ";x=1",
           "/auth/factors/" + id + "%00",
           "/auth/factors/%20" + id,
           "/auth/factors/",
           "/auth/factors",
           "/mfa/factors/" + id + "/",
           "/mfa/users//factors",
           "/mfa/users/u_1/factors/" + id,
           "/mfa/users/u_1/./factors",
           "/mfa/users/u_1/../u_2/factors",
           "/mfa/users/u_1/devices/x/",
           "/mfa/users/u_1/devices/x/y",
           "/mfa//events",
           "/mfa",
           "/mfa/challenges/auth_challenge_01FVYXZTZ52ZPVRPRXJWHP0C8T." + repeated("A", 2000),
           "/",
           "/*",
           "/auth/factors/" + repeated("A", 8000),
           "/auth/factors/auth_factor_" + repeated("9", 26),
           std::string("/auth/factors/auth_factor_zzzzzzzzzzzzzzzzzzzzzzzzzz")}) {
    CAPTURE(target.substr(0, 100));
    CHECK(status(target) == 404);
  }
  for (const std::string& target : std::vector<std::string>{
           std::string(), std::string("auth/factors/x"), std::string("*"),
           "http://api.workos.com/auth/factors/" + id, "/auth/factors/" + id + "#x", "/auth/factors/ " + id,
           "/auth/factors/" + id + "\r\nX-Evil: 1", "/auth/factors/" + id + std::string(1, '\0'),
           "/auth/factors/\xC3\xA9" + id, std::string("/auth/factors/%"), std::string("/auth/factors/%4"),
           std::string("/auth/factors/%zz"), std::string("/auth/factors/%C0%AF"),
           std::string("/mfa/users/%80/factors"), std::string("/mfa/factors/x?user_id=%"),
           "/auth/factors/" + id + "?x=%", "/auth/factors/" + repeated("A", 9000)}) {
    CAPTURE(target.substr(0, 100));
    CHECK(status(target) == 400);
  }
  struct Row {
    const char* method;
    std::string target;
    std::string allow;
  };
  for (const Row& row :
       {Row{"PUT", "/auth/factors/" + id, "GET, DELETE"},
        Row{"GET", "/auth/factors/" + id + "/challenge", "POST"},
        Row{"get", "/auth/factors/" + id, "GET, DELETE"}, Row{"", "/user_management/authenticate", "POST"},
        Row{"DELETE", "/user_management/users/u/auth_factors", "POST, GET"},
        Row{"PUT", "/mfa/factors/" + id, "GET, PATCH, DELETE"},
        Row{"GET", "/mfa/users/u/devices/check", "POST, DELETE"}, Row{"HEAD", "/mfa/events", "GET"},
        Row{"OPTIONS", "/mfa/imports", "POST"}}) {
    CAPTURE(row.method, row.target);
    const auto refused = send(host, row.method, row.target);
    CHECK(refused.status == 405);
    CHECK(refused.header("Allow") == row.allow);
  }
}

TEST_CASE("Nothing that a client made up comes back in a message or header") {
  BlockingWorkosHost host;
  const std::string evil = "<script>\r\nSet-Cookie: a=b";
  const std::string encoded = "%3Cscript%3E%0D%0ASet-Cookie%3A%20a%3Db";
  std::vector<mfa::workos::Response> answers;
  const auto keep = [&](std::string method, const std::string& target, const std::string& body = {}) {
    Request request = request_with_key(std::move(method), target, body);
    request.headers.emplace_back("X-Request-ID", evil);
    answers.push_back(host.handle(request));
    return answers.back().status;
  };
  CHECK(keep("GET", "/auth/factors/" + encoded) == 404);
  CHECK(keep("POST", "/auth/challenges/" + encoded + "/verify", R"({"code":"123456"})") == 404);
  CHECK(keep("GET", "/" + encoded) == 404);
  CHECK(keep(evil, "/auth/factors/x") == 405);
  CHECK(keep("POST", "/auth/factors/enroll", Json{{"type", evil}, {evil, evil}}.dump()) == 422);
  CHECK(keep("POST", "/auth/factors/enroll", Json{{"type", "sms"}, {"phone_number", evil}}.dump()) == 422);
  CHECK(keep("POST", "/user_management/users/" + encoded + "/auth_factors",
             R"({"type":"totp","totp_issuer":"F"})") == 422);
  CHECK(keep("GET", "/user_management/users/u/auth_factors?limit=" + encoded) == 422);
  CHECK(keep("GET", "/user_management/users/u/auth_factors?order=" + encoded) == 422);
  CHECK(keep("GET", "/user_management/users/u/auth_factors?after=" + encoded) == 422);
  const std::string factor = "/mfa/factors/auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ";
  CHECK(keep("GET", "/mfa/factors/" + encoded) == 404);
  CHECK(keep("GET", factor + "?" + encoded + "=1") == 422);
  CHECK(keep("GET", factor + "?user_id=" + encoded) == 404);
  CHECK(keep("DELETE", factor + "?refuse_last=" + encoded) == 422);
  CHECK(keep("DELETE", "/mfa/users/" + encoded + "/devices/" + encoded) == 404);
  CHECK(keep("GET", "/mfa/events?after=" + encoded) == 422);
  CHECK(keep("POST", "/mfa/messages/" + encoded + "/report", R"({"report":"delivered"})") == 200);
  CHECK(keep("POST", "/mfa/users/" + encoded + "/factors", R"({"type":"totp","issuer":"F"})") == 422);
  for (const Json& body :
       std::vector<Json>{{{evil, evil}},
                         {{"type", evil}},
                         {{"type", "totp"}, {"issuer", evil}},
                         {{"type", "totp"}, {"issuer", "F"}, {"hash", evil}, {"secret", evil}},
                         {{"type", "totp"}, {"issuer", "F"}, {"secret", evil}},
                         {{"type", "totp"}, {"issuer", "F"}, {"qr_code", {{evil, evil}}}},
                         {{"type", "sms"}, {"phone_number", evil}},
                         {{"type", "generic_otp"}, {"authorization", evil}, {"friendly_name", evil}},
                         {{"type", "webauthn"}, {"user", evil}, {"hints", {evil}}}})
    CHECK(keep("POST", "/mfa/users/u_1/factors", body.dump()) == 422);
  CHECK(keep("POST", factor + "/challenge", Json{{"sms_values", {{evil, evil}}}, {"purpose", evil}}.dump()) ==
        422);
  CHECK(keep("POST", factor + "/challenge", Json{{"channels", {evil}}, {"required", evil}}.dump()) == 422);
  CHECK(keep("POST", factor + "/confirm", Json{{"response", {{evil, evil}}}}.dump()) == 404);
  CHECK(keep("POST", "/mfa/users/u_1/requirement",
             Json{{"since", evil}, {"policy", {{"kinds", {evil}}}}}.dump()) == 422);
  CHECK(keep("POST", "/mfa/sms/budgets/reset", Json{{"which", evil}}.dump()) == 422);
  for (const std::string& uri : {evil, "otpauth://totp/" + encoded + "?secret=" + encoded})
    CHECK(keep("POST", "/mfa/imports",
               Json{{"lines",
                     Json::array({{{"user_id", evil}, {"uri", uri}}, {{"user_id", "u_1"}, {"uri", uri}}})},
                    {"by_operator", true}}
                   .dump()) == 200);
  for (const auto& answer : answers) {
    CHECK(answer.body.find("script") == std::string::npos);
    CHECK(answer.body.find("Cookie") == std::string::npos);
    for (const auto& [name, value] : answer.headers) {
      CHECK(value.find_first_of("\r\n<") == std::string::npos);
      if (name == "X-Request-ID") CHECK(value.starts_with("req_"));
    }
  }
  Request request = request_with_key("GET", "/nothing");
  request.headers.emplace_back("x-request-id", "01H-trace_7.b:1");
  CHECK(answered(host.handle(request)).header("X-Request-ID") == "01H-trace_7.b:1");
  request.headers.emplace_back("X-Request-Id", "another");
  CHECK(answered(host.handle(request)).header("X-Request-ID").starts_with("req_"));
}

TEST_CASE("A query of a list is read strictly") {
  BlockingWorkosHost host;
  const std::string path = "/user_management/users/u_1/auth_factors?";
  const std::string id = "auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ";
  for (const std::string& query : std::vector<std::string>{
           std::string("limit=0"), std::string("limit=101"), std::string("limit=-1"),
           std::string("limit=1e1"), std::string("limit=%2010"), std::string("limit=99999999999999999999"),
           std::string("limit=1&limit=2"), std::string("order=up"), std::string("after=x"),
           "after=" + id + "x", "before=" + id + "&after=" + id}) {
    CAPTURE(query);
    const auto refused = send(host, "GET", path + query);
    CHECK(refused.status == 422);
    CHECK(refused.body["errors"].size() == 1);
  }
  for (const std::string& query :
       std::vector<std::string>{std::string(), std::string("limit=100"), std::string("limit=&order="),
                                "after=" + id, "before=" + id})
    CHECK(send(host, "GET", path + query).status == 200);
}

TEST_CASE("A storage that fails is a 503 before anything was sent, and told to the host") {
  Failing storage;
  const mfa::Verifier verifier{storage};
  std::vector<std::string> told;
  const mfa::workos::Api api(verifier, {api_key},
                             {.failed = [&](std::string_view request_id, const std::exception_ptr& thrown) {
                               told.emplace_back(request_id);
                               std::rethrow_exception(thrown); // swallowed
                             }});
  const auto request = request_with_key("GET", "/auth/factors/auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ");
  const auto known = answered(api.handle(request));
  CHECK(known.status == 503);
  CHECK(known.body == Json{{"message", "The service cannot answer at the moment."}});
  CHECK(known.header("Retry-After") == "1");
  storage.known = false;
  const auto unknown = answered(api.handle(request));
  CHECK(unknown.status == 500);
  CHECK(unknown.body == Json{{"message", "Internal server error."}});
  CHECK(told == std::vector<std::string>{known.header("X-Request-ID"), unknown.header("X-Request-ID")});
}

TEST_CASE("Wherever the storage fails, nothing is answered with which a client sends a second message") {
  const bool takes = GENERATE(true, false);
  for (const bool resends : {false, true})
    for (const char* const root : {"/auth", "/mfa"}) {
      if (resends && std::string_view(root) == "/auth") continue; // which has no such path
      bool done = false;
      for (unsigned answers = 0; !done; ++answers) {
        CAPTURE(takes, resends, root, answers);
        REQUIRE(answers < 100);
        FailingLater storage;
        CountingSms sms;
        mfa::testing::ManualClock clock;
        const mfa::Verifier verifier{storage, clock, sms, mfa::Options{.sms_allowed_country_codes = {"1"}}};
        const mfa::workos::Api api(verifier, {api_key});
        const auto factor = verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123"}).factor;
        std::string target = std::string(root) + "/factors/" + factor.id() + "/challenge";
        std::string body = std::string_view(root) == "/mfa" ? R"({"purpose":"confirm_enrollment"})" : "";
        if (resends) {
          const auto asked = answered(api.handle(request_with_key("POST", target, body)));
          target = "/mfa/challenges/" + std::string(asked.body["id"]) + "/resend";
          body.clear();
          clock.advance(std::chrono::minutes(1));
        }
        sms.asked = 0;
        sms.takes = takes;
        storage.answers = answers;
        const int status = api.handle(request_with_key("POST", target, body)).status;
        done = *storage.answers > 0; // it had as many as it wanted
        CHECK(status == (sms.asked == 0 ? 503 : !takes ? 422 : resends ? 200 : 201));
        CHECK(sms.asked <= 1);
      }
    }
}

TEST_CASE("Wherever the storage fails, an enrolment with a secret can be sent again as it was") {
  const bool loses_answers = GENERATE(false, true);
  const Request request =
      request_with_key("POST", "/user_management/users/u_42/auth_factors",
                       R"({"type":"totp","totp_user":"alan@example.com","totp_secret":"JBSWY3DPEHPK3PXP"})");
  bool done = false;
  for (unsigned answers = 0; !done; ++answers) {
    CAPTURE(loses_answers, answers);
    REQUIRE(answers < 100);
    FailingLater storage;
    mfa::testing::ManualClock clock;
    const mfa::Verifier verifier{storage, clock};
    const mfa::workos::Api api(verifier, {api_key}, {.totp_issuer = "Foo Corp"});
    storage.loses_answers = loses_answers;
    storage.answers = answers;
    const int status = api.handle(request).status;
    done = *storage.answers > 0; // it had as many as it wanted
    CHECK((status == 201 || (status == 503 && !done)));

    storage.answers.reset();
    const auto again = answered(api.handle(request));
    CHECK(again.status == 201);
    const Json& factor = again.body["authentication_factor"];
    CHECK(factor["totp"]["secret"] == "JBSWY3DPEHPK3PXP");
    CHECK(factor["totp"]["uri"].get<std::string>().find("secret=JBSWY3DPEHPK3PXP") != std::string::npos);
    CHECK(factor["totp"]["qr_code"].get<std::string>().starts_with("data:image/png;base64,"));
    REQUIRE(verifier.list_factors("u_42").size() == 1);
    CHECK(factor["id"] == verifier.list_factors("u_42")[0].id());

    // What is asked is what was enrolled, once.
    const std::string code = mfa::otp::totp(mfa::otp::base32_decode("JBSWY3DPEHPK3PXP"), clock.now());
    const auto verified = answered(api.handle(request_with_key(
        "POST", "/auth/challenges/" + std::string(again.body["authentication_challenge"]["id"]) + "/verify",
        R"({"code":")" + code + "\"}")));
    CHECK(verified.body["valid"] == true);
    const auto late = answered(api.handle(request));
    CHECK(late.status == 422);
    CHECK(late.body["code"] == "duplicate_secret");
  }
}

TEST_CASE("Another enrolment than the one that waits is none that is sent again") {
  mfa::testing::ManualClock clock;
  mfa::storage::Memory storage;
  const mfa::Verifier verifier{storage, clock};
  const mfa::workos::Api api(verifier, {api_key}, {.totp_issuer = "Foo Corp"});
  const auto enroll = [&](const std::string& user, const Json& more) {
    Json body{{"type", "totp"}, {"totp_user", "alan@example.com"}, {"totp_secret", "JBSWY3DPEHPK3PXP"}};
    body.update(more);
    return answered(api.handle(
        request_with_key("POST", "/user_management/users/" + user + "/auth_factors", body.dump())));
  };
  const auto first = enroll("u_42", Json::object());
  CHECK(first.status == 201);
  const auto equal = enroll("u_42", Json::object());
  CHECK(equal.body["authentication_factor"]["id"] == first.body["authentication_factor"]["id"]);
  for (const Json& other : {Json{{"totp_issuer", "Bar Corp"}}, Json{{"totp_user", "grace@example.com"}}}) {
    const auto refused = enroll("u_42", other);
    CHECK(refused.status == 422);
    CHECK(refused.body["code"] == "duplicate_secret");
  }
  const auto of_another = enroll("u_43", Json::object());
  CHECK(of_another.status == 201);
  CHECK(of_another.body["authentication_factor"]["id"] != first.body["authentication_factor"]["id"]);
  const auto with_another = enroll("u_42", Json{{"totp_secret", "JBSWY3DPEHPK3PXQ"}});
  CHECK(with_another.status == 201);
  CHECK(with_another.body["authentication_factor"]["id"] != first.body["authentication_factor"]["id"]);
}
