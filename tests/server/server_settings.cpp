// The settings of examples/server: which source wins, that what is wrong is named with its remedy before
// anything is served, and that messages go as their settings say.
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "support/catch.hpp"
#include "support/example_server.hpp"
#include "support/http_connection.hpp"
#include "support/loopback.hpp"
#include "support/mail_server.hpp"
#include "support/scripted_server.hpp"
#include "support/server_process.hpp"
#include "support/temporary_directory.hpp"
#include "support/test_certificate.hpp"

using mfa::test::contains;
using mfa::test::replace_secret_file;

namespace {

const std::string key_of_tests = "0123456789abcdef0123456789abcdef";

/// Files that a server can be started with.
struct Files {
  mfa::test::TemporaryDirectory folder;
  const std::string api_keys =
      replace_secret_file(folder.path() + "/api-keys", "# ours\n" + key_of_tests + "\n");
  const std::string key_ring =
      replace_secret_file(folder.path() + "/key-ring",
                          "2026-01 b41d1ae8f29b8dcb16ac24b7e92e7ad5ae1d2ea5b1d9b5eb7f8c8bb4dc7bd9b1\n");

  [[nodiscard]] std::string path(const std::string& name) const { return folder.path() + "/" + name; }
};

struct Ended {
  int status = -1;
  std::string output;
};

Ended run(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {}) {
  const mfa::test::TemporaryDirectory folder;
  std::vector<std::string> command{"/usr/bin/env"};
  command.insert(command.end(), environment.begin(), environment.end());
  command.emplace_back(MFA_EXAMPLE_SERVER);
  command.insert(command.end(), arguments.begin(), arguments.end());
  const pid_t child = mfa::test::start_server(command, folder.path() + "/output", nullptr);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  std::ifstream file(folder.path() + "/output");
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, {std::istreambuf_iterator<char>(file), {}}};
}

std::vector<std::string> operator+(std::vector<std::string> some, const std::vector<std::string>& more) {
  some.insert(some.end(), more.begin(), more.end());
  return some;
}

/// The key of a certificate as PEM that a password opens.
std::string sealed_pem(const mfa::test::TestCertificate& certificate) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
  constexpr std::string_view password = "correct horse";
  REQUIRE(PEM_write_bio_PKCS8PrivateKey(bio.get(), certificate.key(), EVP_aes_256_cbc(), password.data(),
                                        static_cast<int>(password.size()), nullptr, nullptr) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

} // namespace

TEST_CASE("Right settings are ok, and checking them makes no database") {
  const Files files;
  const std::vector<std::string> right{"--check",        "--storage",    "sqlite:" + files.path("new.db"),
                                       "--api-key-file", files.api_keys, "--key-ring-file",
                                       files.key_ring};
  const Ended ended = run(right);
  INFO(ended.output);
  CHECK(ended.status == 0);
  CHECK(ended.output == "ok\n");
  CHECK_FALSE(std::ifstream(files.path("new.db")));
}

TEST_CASE("Everything that is wrong is named, with what to do about it") {
  const Files files;
  const std::string world_readable = files.path("world-readable");
  std::ofstream(world_readable) << key_of_tests << '\n';
  ::chmod(world_readable.c_str(), 0644);
  const std::string short_key = replace_secret_file(files.path("short"), "# one\n\nshort\n");
  const std::string empty = replace_secret_file(files.path("empty"), "\n");
  const mfa::test::TestCertificate certificate;
  const mfa::test::TestCertificate another;
  const std::string pem = replace_secret_file(files.path("certificate.pem"), certificate.pem());
  const std::string another_key = replace_secret_file(files.path("key.pem"), another.key_pem());
  const std::string own_key = files.path("own-key.pem");
  std::ofstream(own_key) << certificate.key_pem();
  ::chmod(own_key.c_str(), 0644);
  const std::string sealed_key = replace_secret_file(files.path("sealed-key.pem"), sealed_pem(certificate));
  const std::string twilio =
      replace_secret_file(files.path("twilio"), "account_sid = AC1\nsecret = s\nfrom = +15017122661\n"
                                                "colour = blue\n");
  const std::string half = replace_secret_file(files.path("half"), "account_sid = AC1\nsecret = s\n");
  const auto port = std::to_string(mfa::test::free_port());

  using Words = std::vector<std::string>;
  const Words hook{"--webhook", "https://hooks.example.com/mfa"};
  const Words outbox{"--webhook-outbox", files.path("outbox.db")};
  const auto secret = [](const std::string& file) { return Words{"--webhook-secret-file", file}; };
  struct Case {
    std::vector<std::string> flags;
    std::vector<std::string> says;
  };
  const std::vector<Case> cases{
      {{}, {"--api-key-file is not set", "openssl rand -hex 32"}},
      {{"--api-key-file", files.path("missing")}, {"'" + files.path("missing") + "'", "No such file"}},
      {{"--api-key-file", world_readable}, {world_readable, "chmod o-r"}},
      {{"--api-key-file", short_key}, {"line 3", "16 or more"}},
      {{"--api-key-file", empty}, {"holds none"}},
      {{"--storage", "sqlite:" + files.path("x.db")}, {"--key-ring-file is not set", "openssl rand"}},
      {{"--storage", "sqlite:" + files.path("no/x.db")}, {"folder", "make it"}},
      {{"--storage", "mysql:x"}, {"--storage must be sqlite:FILE", "none of those"}},
      {{"--storage", "sqlite"}, {"no colon"}},
      {{"--storage", "sqlite:"}, {"names no file"}},
      {{"--storage", "memory:x"}, {"nothing after it"}},
      {{"--storage", "redis:localhost"}, {"redis://HOST:PORT"}},
      {{"--storage", "redis://host:x"}, {"port is no number"}},
      {{"--storage", "redis://:s3cret@127.0.0.1:" + port, "--key-ring-file", files.key_ring}, {port}},
      {{"--storage", "postgres://who:s3cret@127.0.0.1:" + port + "/x", "--key-ring-file", files.key_ring},
       {"127.0.0.1"}},
      {{"--redis-durability", "some", "--storage", "redis:"}, {"--redis-durability is none of required"}},
      {{"--key-ring-file", files.api_keys}, {"line 2", "64 hexadecimal digits"}},
      {{"--listen", "localhost:8080"}, {"--listen", "127.0.0.1:8080"}},
      {{"--listen", "127.0.0.1:99999"}, {"--listen"}},
      {{"--threads", "0"}, {"--threads is no number from 1 to 1000"}},
      {{"--threads", "many"}, {"--threads is no number"}},
      {{"--event-threads", "0"}, {"--event-threads"}},
      {{"--max-waiting", "-1"}, {"--max-waiting"}},
      {{"--max-connections", "0"}, {"--max-connections"}},
      {{"--head-timeout", "0"}, {"--head-timeout"}},
      {{"--drain", "9999"}, {"--drain is no number from 1 to 3600"}},
      {{"--asynchronous=maybe"}, {"--asynchronous is neither yes nor no"}},
      {{"--log", "loud"}, {"--log is neither info nor error"}},
      {{"--sms", "log:" + files.path("sms")}, {"--sms-countries is not set", "Fraud"}},
      {{"--sms", "log:" + files.path("sms"), "--sms-countries", "UK"}, {"UK"}},
      {{"--sms", "pigeon:" + twilio, "--sms-countries", "US"},
       {"no provider 'pigeon'", "twilio, twilio_verify"}},
      {{"--sms", "twilio", "--sms-countries", "US"}, {"'twilio' names no file", "twilio:FILE"}},
      {{"--sms", "twilio:" + twilio, "--sms-countries", "US"}, {"sets 'colour'", "docs/server.md"}},
      {{"--sms", "twilio:" + half, "--sms-countries", "US"}, {"messaging_service_sid or from"}},
      {{"--sms", "twilio:" + world_readable, "--sms-countries", "US"}, {"chmod o-r"}},
      {{"--sms", "none:x"}, {"write none"}},
      {{"--email", "sendmail:" + half}, {"'sendmail'", "smtp, log and none"}},
      {{"--email", "log:" + files.path("no/mail")}, {"cannot write", "no/mail"}},
      {{"--tls-certificate", pem}, {"belong together"}},
      {{"--tls-certificate", pem, "--tls-key", another_key}, {"--tls-key", "PEM"}},
      {{"--tls-certificate", pem, "--tls-key", own_key}, {"--tls-key", own_key, "chmod o-r"}},
      {{"--tls-certificate", pem, "--tls-key", sealed_key}, {"--tls-key", "without a password"}},
      {{"--tls-certificate", files.path("missing"), "--tls-key", another_key},
       {"--tls-certificate", "missing"}},
      {{"--webauthn-id", "example.com"}, {"origin"}},
      {hook, {"--webhook-secret-file is not set", "openssl rand"}},
      {hook + secret(world_readable), {world_readable, "chmod o-r"}},
      {hook + secret(files.api_keys), {"--webhook-outbox is not set"}},
      {hook + secret(empty), {"has 0 lines"}},
      {hook + secret(short_key) + outbox, {"16 or more", "openssl rand"}},
      {hook + secret(files.api_keys) + outbox + Words{"--webhook-events", "user_reset,rain"},
       {"no event 'rain'"}},
      {hook + secret(files.api_keys) + outbox + Words{"--webhook-days", "31"}, {"--webhook-days"}},
      {Words{"--webhook", "http://hooks.example.com/"} + secret(files.api_keys) + outbox, {"https"}},
      {{"--colour", "blue"}, {"no '--colour'", "--help"}},
      {{"blue"}, {"no 'blue'"}},
      {{"--threads"}, {"--threads needs a value"}},
      {{"--threads", "--drain", "3"}, {"--threads needs a value"}},
      {{"--threads", "3", "--threads", "4"}, {"--threads is given twice"}},
      {{"--config", files.path("missing")}, {"configuration file", "No such file"}},
  };
  for (const Case& one : cases) {
    std::vector<std::string> flags{"--check"};
    const auto sets = [&one](const std::string& name) {
      return std::find(one.flags.begin(), one.flags.end(), name) != one.flags.end();
    };
    if (!one.flags.empty() && !sets("--api-key-file"))
      flags = flags + std::vector{std::string("--api-key-file"), files.api_keys};
    const Ended ended = run(flags + one.flags);
    INFO(ended.output);
    CHECK(ended.status == 2);
    for (const std::string& what : one.says) CHECK_THAT(ended.output, contains(what));
    CHECK(ended.output.find("s3cret") == std::string::npos);
    CHECK(ended.output.find(key_of_tests) == std::string::npos);
  }
}

TEST_CASE("Everything is told at once, and a server does not start so") {
  const Files files;
  const Ended checked = run({"--check", "--threads", "0", "--drain", "x", "--storage", "mysql:"});
  for (const char* const what : {"--threads", "--drain", "--storage", "--api-key-file"})
    CHECK_THAT(checked.output, contains(what));
  const Ended started = run({"--api-key-file", files.api_keys, "--storage", "mysql:"});
  CHECK(started.status == 2);
  CHECK_THAT(started.output, contains("--storage must be"));
  CHECK(run({"--colour", "--api-key-file", files.api_keys}).status == 2);
}

TEST_CASE("A flag beats the environment, which beats the file") {
  const Files files;
  const std::string config = files.path("config");
  replace_secret_file(config, "# ours\napi-key-file = " + files.api_keys + "\n\n threads = 0 \n");
  const std::vector<std::string> check{"--check", "--config", config};
  CHECK_THAT(run(check).output, contains("threads in " + config + ", line 4 is no number"));
  CHECK_THAT(run(check, {"MFA_THREADS=none"}).output, contains("MFA_THREADS is no number"));
  CHECK_THAT(run(check + std::vector<std::string>{"--threads", "x"}, {"MFA_THREADS=none"}).output,
             contains("--threads is no number"));
  CHECK(run(check, {"MFA_THREADS=3"}).output == "ok\n");
  CHECK(run(check + std::vector<std::string>{"--threads=3"}, {"MFA_THREADS=none"}).output == "ok\n");
  CHECK(run({"--check", "--threads", "3"}, {"MFA_CONFIG=" + config}).output == "ok\n");
  // An empty variable is none: it turns nothing off that the file sets.
  CHECK_THAT(run(check, {"MFA_THREADS="}).output, contains("threads in " + config + ", line 4 is no number"));
  CHECK(run(check + std::vector<std::string>{"--threads=3"}, {"MFA_API_KEY_FILE=", "MFA_CONFIG="}).output ==
        "ok\n");

  replace_secret_file(config, "colour = blue\nthreads 3\nthreads = 3\nthreads = 4\nconfig = x\n");
  const std::string wrong = run(check).output;
  for (const char* const line : {"line 1: there is no such", "line 2: there is no such",
                                 "line 4: threads is set twice", "line 5: there is no such"})
    CHECK_THAT(wrong, contains(config + ", " + line));
  ::chmod(config.c_str(), 0666);
  CHECK_THAT(run(check).output, contains("chmod go-w"));
}

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

TEST_CASE("A self-test touches nothing that the environment sets") {
  const Files files;
  const Ended ended = run({"--self-test"}, {"MFA_STORAGE=sqlite:" + files.path("real.db"), "MFA_SMS=none",
                                            "MFA_KEY_RING_FILE=" + files.key_ring});
  INFO(ended.output);
  CHECK(ended.status == 0);
  CHECK_FALSE(std::ifstream(files.path("real.db")));
}

TEST_CASE("--help and docs/server.md list the same settings with the same defaults") {
  std::map<std::string, std::string> helped; // meanings by flags
  std::istringstream help(run({"--help"}).output);
  for (std::string line; std::getline(help, line);)
    if (line.starts_with("  --")) {
      const std::string flag = line.substr(2);
      std::getline(help, line);
      helped[flag] = line.substr(line.find_first_not_of(' '));
    }
  REQUIRE(helped.size() > 20);

  std::ifstream file(MFA_SOURCE_DIRECTORY "/docs/server.md");
  const std::string docs{std::istreambuf_iterator<char>(file), {}};
  std::size_t rows = 0;
  std::istringstream lines(docs);
  for (std::string line; std::getline(lines, line);) rows += line.starts_with("| `--") ? 1 : 0;
  CHECK(rows == helped.size());
  for (const auto& [flag, meaning] : helped) {
    std::string in_table = flag; // a vertical bar would end the cell
    for (std::size_t at = 0; (at = in_table.find('|', at)) != std::string::npos; at += 2)
      in_table.replace(at, 1, "\\|");
    CHECK_THAT(docs, contains("| `" + in_table + "` | " + meaning + " |"));
  }
}
