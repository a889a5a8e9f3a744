// The settings of examples/server: which source wins, and that what is wrong is named with its remedy before
// anything is served.
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "program.hpp"
#include "support/catch.hpp"
#include "support/example_server.hpp"
#include "support/loopback.hpp"
#include "support/test_certificate.hpp"

using mfa::test::contains;
using mfa::test::Ended;
using mfa::test::Files;
using mfa::test::key_of_tests;
using mfa::test::replace_secret_file;
using mfa::test::run;
using mfa::test::text_of;
using mfa::test::operator+;

namespace {

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
  const std::string no_authorities = replace_secret_file(
      files.path("no-authorities"),
      "account_sid = AC1\nsecret = s\nfrom = +1\nca_file = " + files.path("missing") + "\n");
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
      {{"--sms", "twilio:" + no_authorities, "--sms-countries", "US"}, {"ca_file", files.path("missing")}},
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
      {{"--webauthn-origins", "https://example.com"}, {"--webauthn-origins is set", "--webauthn-id is not"}},
      {{"--webauthn-name", "Foo Corp"}, {"--webauthn-name is set", "--webauthn-id is not"}},
      {{"--totp-issuer", std::string(201, 'x')}, {"--totp-issuer: the issuer is longer than 200 bytes"}},
      {{"--reseal"}, {"--check and --reseal are two things"}},
      {hook, {"--webhook-secret-file is not set", "openssl rand"}},
      {hook + secret(world_readable), {world_readable, "chmod o-r"}},
      {hook + secret(files.api_keys), {"--webhook-outbox is not set"}},
      {hook + secret(files.api_keys) + Words{"--webhook-outbox", files.path("no/outbox.db")},
       {"the folder of '" + files.path("no/outbox.db") + "' is missing; make it"}},
      {hook + secret(files.api_keys) + outbox + Words{"--webhook-ca-file", files.path("missing")},
       {"--webhook-ca-file", files.path("missing")}},
      {hook + secret(files.api_keys) + outbox + Words{"--webhook-ca-file", files.api_keys},
       {"--webhook-ca-file", "PEM"}},
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

TEST_CASE("A variable that is called as settings are, and is none, is told of and does nothing") {
  const Files files;
  const std::vector<std::string> flags{"--api-key-file", files.api_keys};
  const Ended checked =
      run(flags + std::vector<std::string>{"--check"}, {"MFA_MASK_PHONE_NUMBER=yes", "MFA_SMS=none"});
  CHECK(checked.status == 0);
  CHECK_THAT(checked.output, contains("the environment has MFA_MASK_PHONE_NUMBER, which is no setting"));
  CHECK_THAT(checked.output, contains("ok\n"));
  CHECK(checked.output.find("MFA_SMS") == std::string::npos);
  ::setenv("MFA_MASK_PHONE_NUMBER", "yes", 1);
  mfa::test::ExampleServer server(MFA_EXAMPLE_SERVER, flags, files.path("log"));
  ::unsetenv("MFA_MASK_PHONE_NUMBER");
  CHECK(server.stop() == std::pair(true, 0));
  CHECK_THAT(server.log(), contains(R"("variable":"MFA_MASK_PHONE_NUMBER")"));
  CHECK_THAT(server.log(), contains("the storage is memory: what is stored ends with this process"));
}

TEST_CASE("A self-test touches nothing that the environment sets") {
  const Files files;
  const Ended ended = run({"--self-test"}, {"MFA_STORAGE=sqlite:" + files.path("real.db"), "MFA_SMS=none",
                                            "MFA_KEY_RING_FILE=" + files.key_ring});
  INFO(ended.output);
  CHECK(ended.status == 0);
  CHECK_FALSE(std::ifstream(files.path("real.db")));
}

TEST_CASE("The settings that docs/server-operations.md shows are right") {
  const Files files;
  const std::string docs = text_of(MFA_SOURCE_DIRECTORY "/docs/server-operations.md");
  const std::string before = "```ini\n";
  const auto at = docs.find(before);
  REQUIRE(at != std::string::npos);
  std::string settings = docs.substr(at + before.size(), docs.find("```", at + 1) - at - before.size());
  for (const std::string folder : {"/etc/mfa-server", "/var/lib/mfa-server"})
    for (std::size_t found = 0; (found = settings.find(folder)) != std::string::npos;)
      settings.replace(found, folder.size(), files.folder.path());
  replace_secret_file(files.path("api.keys"), key_of_tests + "\n");
  replace_secret_file(files.path("ring.keys"), text_of(files.key_ring));
  replace_secret_file(files.path("webhook.secret"), key_of_tests + "\n");
  const std::string config = replace_secret_file(files.path("server.conf"), settings);
  CHECK(run({"--config", config, "--check"}).output == "ok\n");
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

  const std::string docs = text_of(MFA_SOURCE_DIRECTORY "/docs/server.md");
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
