// Messages of examples/server go as its settings say: by each provider, by a second one, by mail, or not at
// all.
#include <cctype>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "program.hpp"
#include "support/catch.hpp"
#include "support/example_server.hpp"
#include "support/http_connection.hpp"
#include "support/loopback.hpp"
#include "support/mail_server.hpp"
#include "support/scripted_server.hpp"

using mfa::test::contains;
using mfa::test::Ended;
using mfa::test::Files;
using mfa::test::key_of_tests;
using mfa::test::replace_secret_file;
using mfa::test::run;
using mfa::test::operator+;

namespace {

using Json = nlohmann::json;

/// What a server answers to who has the key of the tests.
mfa::test::HttpReply send(int port, const std::string& method, const std::string& target,
                          const std::string& body = {}) {
  mfa::test::HttpConnection connection(port);
  connection.write(method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
                   key_of_tests + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  return connection.read();
}

/// The same of what it must not refuse.
Json post(int port, const std::string& target, const std::string& body) {
  const auto reply = send(port, "POST", target, body);
  INFO(target << ": " << reply.head << reply.body);
  REQUIRE((reply.status == 200 || reply.status == 201));
  return Json::parse(reply.body);
}

/// Waits for something that happens in the background.
template <class Happened> bool soon(Happened happened) {
  for (int i = 0; i < 1000; ++i) {
    if (happened()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

/// The six digits after a text that stands before codes; empty if there is none.
std::string code_after(const std::string& text, const std::string& before) {
  const auto at = text.find(before);
  return at == std::string::npos ? "" : text.substr(at + before.size(), 6);
}

/// A provider of text messages: the lines of its settings, each of which it needs, where it expects messages,
/// and how it says that it took one.
struct Provider {
  std::string name;
  std::vector<std::string> lines;
  std::string request_begins;
  mfa::test::ScriptedAnswer taken;
  std::string code_follows = "mfa"; // as --sms-template has it

  [[nodiscard]] std::string text(const std::string& left_out = "") const {
    std::string all;
    for (const std::string& line : lines)
      if (line != left_out) all += line + '\n';
    return all;
  }
};

std::vector<Provider> providers() {
  using mfa::test::answer;
  return {{"twilio",
           {"account_sid = AC1", "secret = sesame", "from = +15017122661"},
           "POST /2010-04-01/Accounts/AC1/Messages.json ",
           answer(201, R"({"sid": "SM1", "status": "queued"})")},
          {"twilio_verify",
           {"account_sid = AC1", "secret = sesame", "service_sid = VA1"},
           "POST /v2/Services/VA1/Verifications ",
           answer(201, R"({"status": "pending"})"),
           "CustomCode="},
          {"vonage",
           {"api_key = abcd1234", "api_secret = sesame", "from = Foo"},
           "POST /sms/json ",
           answer(200, R"({"message-count": "1", "messages": [{"status": "0"}]})")},
          {"sns",
           {"access_key_id = AKIA1", "secret_access_key = sesame", "region = eu-central-1"},
           "POST / ",
           answer(200, "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult>"
                       "</PublishResponse>")},
          {"messagebird", {"access_key = sesame", "originator = Foo"}, "POST /messages ", answer(201, "{}")},
          {"sinch",
           {"service_plan_id = plan1", "api_token = sesame", "from = +447700900123"},
           "POST /xms/v1/plan1/batches ",
           answer(201, "{}")}};
}

} // namespace

TEST_CASE("Each provider that --sms can name gets one message, whose code is right") {
  std::vector<Provider> all = providers();
  all.push_back({"webhook",
                 {"url = ", "signing_key = sesame", "authorization = Bearer sesame"},
                 "POST /sms ",
                 mfa::test::answer(202, "")});
  std::size_t number = 0;
  for (const Provider& provider : all) {
    INFO(provider.name);
    const Files files;
    mfa::test::ScriptedServer receiver([&](const std::string&) { return provider.taken; });
    std::string lines = provider.text() + "ca_file = " + receiver.ca_file() + "\n";
    if (provider.name == "webhook")
      lines.insert(lines.find("url = ") + 6, receiver.url() + "/sms");
    else
      lines += "base_url = " + receiver.url() + "\n";
    const std::string sms = provider.name + ":" + replace_secret_file(files.path("provider"), lines);

    // By flags, by the environment and by a file in turn.
    std::vector<std::string> flags{"--api-key-file", files.api_keys};
    const std::map<std::string, std::string> values{
        {"sms", sms}, {"sms-countries", "US"}, {"sms-template", "mfa{{code}}mfa"}};
    std::vector<std::string> variables;
    std::string config;
    for (const auto& [name, value] : values) {
      if (number % 3 == 0) flags = flags + std::vector<std::string>{"--" + name, value};
      std::string variable = "MFA_" + name;
      for (char& c : variable) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
      if (number % 3 == 1) variables.push_back(variable + "=" + value);
      config += name + " = " + value + "\n";
    }
    if (number % 3 == 2)
      flags = flags + std::vector<std::string>{"--config", replace_secret_file(files.path("config"), config)};
    ++number;
    CHECK(run(flags + std::vector<std::string>{"--check"}, variables).output == "ok\n");
    CHECK(receiver.requests().empty());

    for (const std::string& variable : variables) ::putenv(const_cast<char*>(variable.c_str()));
    mfa::test::ExampleServer server(MFA_EXAMPLE_SERVER, flags, files.path("log"));
    for (const std::string& variable : variables) ::unsetenv(variable.substr(0, variable.find('=')).c_str());
    const int port = server.port();
    const std::string factor =
        post(port, "/auth/factors/enroll", R"({"type": "sms", "phone_number": "+14155550123"})").at("id");
    const std::string challenge = post(port, "/auth/factors/" + factor + "/challenge", "{}").at("id");
    REQUIRE(soon([&] { return !receiver.requests().empty(); }));
    CHECK(soon([&] {
      return send(port, "GET", "/metrics").body.find(R"(channel="sms",outcome="delivered_to_provider"} 1)") !=
             std::string::npos;
    }));
    REQUIRE(receiver.requests().size() == 1);
    const std::string request = receiver.requests().front();
    INFO(request);
    CHECK(request.starts_with(provider.request_begins));
    CHECK(request.find("4155550123") != std::string::npos);
    const std::string code = code_after(mfa::test::body_of(request), provider.code_follows);
    CHECK(
        post(port, "/auth/challenges/" + challenge + "/verify", R"({"code": ")" + code + "\"}").at("valid") ==
        true);
    CHECK(server.stop() == std::pair(true, 0));
    for (const std::string& secret : {code, std::string("sesame"), std::string("4155550123")})
      CHECK(server.log().find(secret) == std::string::npos);
  }
}

TEST_CASE("Each line that a provider needs is named when it is missing") {
  const Files files;
  for (const Provider& provider : providers())
    for (const std::string& line : provider.lines) {
      const std::string path = replace_secret_file(files.path("provider"), provider.text(line));
      const Ended ended = run({"--check", "--api-key-file", files.api_keys, "--sms",
                               provider.name + ":" + path, "--sms-countries", "US"});
      INFO(provider.name << " without " << line << ": " << ended.output);
      CHECK(ended.status == 2);
      CHECK_THAT(ended.output, contains(line.substr(0, line.find(' '))));
      CHECK(ended.output.find("sesame") == std::string::npos);
    }
}

TEST_CASE("A second provider sends what the first cannot") {
  const Files files;
  const std::vector<Provider> all = providers();
  const Provider& second = all.at(2);
  mfa::test::ScriptedServer receiver([&](const std::string&) { return second.taken; });
  const std::string nobody = "https://127.0.0.1:" + std::to_string(mfa::test::free_port());
  const std::string first =
      replace_secret_file(files.path("first"), all[0].text() + "base_url = " + nobody + "\n");
  const std::string other =
      replace_secret_file(files.path("second"), second.text() + "base_url = " + receiver.url() +
                                                    "\nca_file = " + receiver.ca_file() + "\n");
  mfa::test::ExampleServer server(MFA_EXAMPLE_SERVER,
                                  {"--api-key-file", files.api_keys, "--sms",
                                   all[0].name + ":" + first + "," + second.name + ":" + other,
                                   "--sms-countries", "US"},
                                  files.path("log"));
  const std::string factor =
      post(server.port(), "/auth/factors/enroll", R"({"type": "sms", "phone_number": "+14155550123"})")
          .at("id");
  (void)post(server.port(), "/auth/factors/" + factor + "/challenge", "{}");
  CHECK(soon([&] { return receiver.requests().size() == 1; }));
  CHECK(server.stop() == std::pair(true, 0));
}

TEST_CASE("E-mails go by the mail server of their settings, under TLS and with its password") {
  for (const char* const mode : {"smtps", "starttls"}) {
    INFO(mode);
    const Files files;
    const mfa::test::MailServer mail(mode, mfa::test::MailServer::Password::required);
    const std::string smtp = replace_secret_file(
        files.path("smtp"), "server = " + mail.url() +
                                "\nuser = foo\npassword = sesame\nfrom = no-reply@foo.example\n" +
                                "from_name = Foo Corp\nca_file = " + mail.ca_file() + "\n");
    const std::vector<std::string> flags{"--api-key-file", files.api_keys, "--email", "smtp:" + smtp};
    CHECK(run(flags + std::vector<std::string>{"--check"}).output == "ok\n");
    mfa::test::ExampleServer server(MFA_EXAMPLE_SERVER, flags, files.path("log"));
    const int port = server.port();
    const std::string factor =
        post(port, "/mfa/users/u_42/factors", R"({"type": "email", "address": "alan@example.com"})").at("id");
    const Json asked =
        post(port, "/mfa/factors/" + factor + "/challenge", R"({"purpose": "confirm_enrollment"})");
    Json sent;
    REQUIRE(soon([&] { return !(sent = mail.mail(1)).is_null(); }));
    CHECK(sent.at("tls") == true);
    CHECK(sent.at("user") == "foo");
    CHECK(sent.at("recipients") == Json{"alan@example.com"});
    const std::string text = sent.at("parts").at(0).at("text");
    const std::string code = text.substr(text.find_first_of("0123456789"), 6);
    INFO(text);
    CHECK(post(port, "/mfa/challenges/" + asked.at("id").get<std::string>() + "/confirm",
               R"({"code": ")" + code + "\"}")
              .at("confirmed") == true);
    CHECK(server.stop() == std::pair(true, 0));
    for (const std::string& secret : {code, std::string("sesame"), std::string("alan@")})
      CHECK(server.log().find(secret) == std::string::npos);
  }
  const Files files;
  for (const char* const line : {"server", "from"}) {
    std::string text;
    for (const char* const each : {"server = smtps://127.0.0.1", "from = no-reply@foo.example"})
      if (!std::string_view(each).starts_with(line)) text += std::string(each) + "\n";
    const Ended ended = run({"--check", "--api-key-file", files.api_keys, "--email",
                             "smtp:" + replace_secret_file(files.path("smtp"), text)});
    INFO(ended.output);
    CHECK(ended.status == 2);
    CHECK_THAT(ended.output, contains(line));
  }
}

TEST_CASE("Nobody is enrolled or asked by messages that nobody sends") {
  const Files files;
  const std::vector<std::string> flags{"--api-key-file", files.api_keys, "--key-ring-file",
                                       files.key_ring,   "--storage",    "sqlite:" + files.path("mfa.db")};
  std::string phone;
  std::string mailbox;
  {
    mfa::test::ExampleServer server(MFA_EXAMPLE_SERVER,
                                    flags + std::vector<std::string>{"--sms", "log:" + files.path("sms"),
                                                                     "--sms-countries", "US", "--email",
                                                                     "log:" + files.path("mail")},
                                    files.path("log"));
    phone = post(server.port(), "/auth/factors/enroll", R"({"type": "sms", "phone_number": "+14155550123"})")
                .at("id");
    mailbox =
        post(server.port(), "/mfa/users/u_42/factors", R"({"type": "email", "address": "a@example.com"})")
            .at("id");
    CHECK(run(flags + std::vector<std::string>{"--publish-options"}).status == 0);
  }
  for (const char* const how : {"--asynchronous=no", "--asynchronous=yes"}) {
    INFO(how);
    mfa::test::ExampleServer server(MFA_EXAMPLE_SERVER, flags + std::vector<std::string>{how},
                                    files.path("log"));
    const auto refused = [&](const std::string& target, const std::string& body) {
      const auto reply = send(server.port(), "POST", target, body);
      CHECK(reply.status == 422);
      return Json::parse(reply.body).at("code").get<std::string>();
    };
    const std::string confirm = R"({"purpose": "confirm_enrollment"})";
    CHECK(refused("/auth/factors/enroll", R"({"type": "sms", "phone_number": "+14155550124"})") ==
          "sms_not_available");
    CHECK(refused("/auth/factors/" + phone + "/challenge", "{}") == "sms_not_available");
    CHECK(refused("/mfa/factors/" + phone + "/challenge", confirm) == "sms_not_available");
    CHECK(refused("/mfa/users/u_42/factors", R"({"type": "email", "address": "b@example.com"})") ==
          "email_not_available");
    CHECK(refused("/mfa/factors/" + mailbox + "/challenge", confirm) == "email_not_available");
  }
}
