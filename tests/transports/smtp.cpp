// E-mails by SMTP, against a mail server that others have written, and read by a parser that others have.
#include <mfa/delivery/failover.hpp>
#include <mfa/email/smtp.hpp>
#include <mfa/testing/recording_email.hpp>

#include <chrono>
#include <string>

#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loopback.hpp"
#include "support/mail_server.hpp"
#include "support/test_certificate.hpp"
#include "support/text.hpp"
#include "support/transport_checks.hpp"

using namespace mfa;
using namespace mfa::test;
using namespace std::chrono_literals;

namespace {

EmailMessage mail_to_alan() {
  return {.to = "alan@example.com",
          .subject = "Your Foo Corp code",
          .text = "Your code is 271828.",
          .html = "<p>Your code is <b>271828</b>.</p>",
          .id = "auth_challenge_01FVYZWQTZQ5VB6BC5MPG2EYC5"};
}

email::SmtpSettings settings_of(const std::string& server) {
  return {.server = server, .from = "no-reply@foo.example", .from_name = "Foo Corp"};
}

} // namespace

TEST_CASE("A mail arrives as it was meant, under TLS") {
  const std::string mode = GENERATE("starttls", "smtps");
  const MailServer server(mode,
                          mode == "starttls" ? MailServer::Password::required : MailServer::Password::none);
  email::SmtpSettings settings = settings_of(server.url());
  if (mode == "starttls") {
    settings.user = "foo";
    settings.password = "sesame";
  }
  email::Smtp smtp(settings, {.ca_file = server.ca_file()});
  smtp.send(mail_to_alan());

  const auto mail = server.mail(1);
  CHECK(mail["tls"] == true);
  CHECK(mail["hello"] == "foo.example");
  CHECK(mail["sender"] == "no-reply@foo.example");
  CHECK(mail["recipients"] == nlohmann::json{"alan@example.com"});
  if (mode == "starttls") CHECK(mail["user"] == "foo");
  CHECK(mail["headers"]["From"] == "Foo Corp <no-reply@foo.example>");
  CHECK(mail["headers"]["To"] == "alan@example.com");
  CHECK(mail["headers"]["Subject"] == "Your Foo Corp code");
  CHECK(mail["headers"]["Message-ID"] == "<auth_challenge_01FVYZWQTZQ5VB6BC5MPG2EYC5@foo.example>");
  CHECK(mail["headers"]["Auto-Submitted"] == "auto-generated");
  CHECK(mail["headers"]["Date"].get<std::string>().ends_with(" +0000"));
  CHECK(mail["defects"].empty());
  CHECK(mail["type"] == "multipart/alternative");
  REQUIRE(mail["parts"].size() == 2);
  CHECK(mail["parts"][0] ==
        nlohmann::json{{"type", "text/plain"}, {"charset", "utf-8"}, {"text", "Your code is 271828."}});
  CHECK(mail["parts"][1] == nlohmann::json{{"type", "text/html"},
                                           {"charset", "utf-8"},
                                           {"text", "<p>Your code is <b>271828</b>.</p>"}});

  // The connection is kept.
  for (int i = 2; i <= 4; ++i) smtp.send(mail_to_alan());
  CHECK(server.mail(4)["peer"] == mail["peer"]);
}

TEST_CASE("No text of a mail breaks out of its place") {
  const MailServer server("smtps");
  email::SmtpSettings settings = settings_of(server.url());
  settings.from_name = GENERATE("Foo \"&\" Corp, Inc. \\", "F\xC3\xBC\xC3\xBC & S\xC3\xB6hne <x@y.example>");
  email::Smtp smtp(settings, {.ca_file = server.ca_file()});
  EmailMessage message = mail_to_alan();
  const std::string key = "\xF0\x9F\x94\x91";
  message.subject = repeated("C\xC3\xB3"
                             "digo " +
                                 key + " ",
                             12) +
                    "\r\nBcc: evil@example.com\n\nx";
  message.text = ".\r\n..\nFrom here\n" + repeated("\xD0\x9A\xD0\xBE\xD0\xB4 ", 100) + "\n" +
                 repeated("x", 2000) +
                 "\n--=_mfa_auth_challenge_01FVYZWQTZQ5VB6BC5MPG2EYC5--\nspaces   \t\n=41 =\r\n.\r\n" + key;
  message.html = "";
  smtp.send(message);
  const auto mail = server.mail(1);
  CHECK(mail["defects"].empty());
  CHECK(mail["headers"]["From"].get<std::string>().ends_with("<no-reply@foo.example>"));
  CHECK(!mail["headers"].contains("Bcc"));
  CHECK(mail["headers"].size() == 9);
  CHECK(mail["headers"]["Subject"] == repeated("C\xC3\xB3"
                                               "digo " +
                                                   key + " ",
                                               12) +
                                          "  Bcc: evil@example.com  x");
  REQUIRE(mail["parts"].size() == 1);
  CHECK(mail["parts"][0]["type"] == "text/plain");
  std::string expected = message.text;
  for (auto at = expected.find('\r'); at != std::string::npos; at = expected.find('\r'))
    expected.erase(at, 1);
  CHECK(mail["parts"][0]["text"] == expected + "\n");
  CHECK(mail["longest_line"].get<int>() <= 78);

  message.text = "";
  message.html = "<b>1</b>";
  message.id = "a b\r\n@<>";
  smtp.send(message);
  CHECK(server.mail(2)["parts"][0]["type"] == "text/html");
  CHECK(server.mail(2)["headers"]["Message-ID"] == "<a_b_____@foo.example>");
}

TEST_CASE("An address that would break out is refused, and one of another script is written to") {
  const MailServer server("smtps");
  email::Smtp smtp(settings_of(server.url()), {.ca_file = server.ca_file()});
  for (const char* const address :
       {"", "alan", "@example.com", "alan@", "alan@example.com>\r\nRCPT TO:<evil@example.com",
        "a b@example.com", "a@b@example.com", "<alan@example.com>", "alan@example.com, evil@example.com",
        "alan@example.com\n", "\xFF@example.com"}) {
    EmailMessage message = mail_to_alan();
    message.to = address;
    const auto refusal = refusal_of([&] { smtp.send(message); });
    REQUIRE(refusal);
    CHECK(refusal->failure() == DeliveryFailure::invalid_recipient);
  }
  CHECK(server.mail(1).is_null());
  EmailMessage message = mail_to_alan();
  message.to = "j\xC3\xB6rg@example.com";
  smtp.send(message);
  CHECK(server.mail(1)["recipients"] == nlohmann::json{"j\xC3\xB6rg@example.com"});
  message.to = "-alan@example.com";
  smtp.send(message);
  CHECK(server.mail(2)["recipients"] == nlohmann::json{"-alan@example.com"});
}

TEST_CASE("What a mail server answers becomes our words") {
  const auto [recipient, failure] = GENERATE(table<std::string, DeliveryFailure>({
      {"unknown", DeliveryFailure::invalid_recipient},
      {"bare", DeliveryFailure::invalid_recipient},
      {"lines", DeliveryFailure::invalid_recipient},
      {"unnamed", DeliveryFailure::invalid_recipient},
      {"disabled", DeliveryFailure::invalid_recipient},
      {"relay", DeliveryFailure::not_permitted},
      {"sender", DeliveryFailure::message_refused},
      {"misnamed", DeliveryFailure::credentials_refused},
      {"helo", DeliveryFailure::credentials_refused},
      {"partial", DeliveryFailure::message_refused},
      {"full", DeliveryFailure::throttled},
      {"domainless", DeliveryFailure::throttled},
      {"waits", DeliveryFailure::throttled},
      {"unsteady", DeliveryFailure::unavailable},
      {"senderless", DeliveryFailure::unavailable},
      {"busy", DeliveryFailure::throttled},
      {"greylisted", DeliveryFailure::throttled},
      {"quota", DeliveryFailure::throttled},
      {"daily", DeliveryFailure::balance_empty},
      {"dailyquota", DeliveryFailure::balance_empty},
      {"dailylimit", DeliveryFailure::balance_empty},
      {"closing", DeliveryFailure::unavailable},
      {"spam", DeliveryFailure::message_refused},
      {"large", DeliveryFailure::message_refused},
      {"later", DeliveryFailure::unavailable},
      {"hangs", DeliveryFailure::unavailable},
      {"breaks", DeliveryFailure::unavailable},
      {"garbage", DeliveryFailure::unclear},
      {"silent", DeliveryFailure::unclear},
      {"lost", DeliveryFailure::unclear},
  }));
  static const MailServer server("smtps");
  INFO(recipient);
  email::Smtp smtp(settings_of(server.url()), {.timeout = 1s, .ca_file = server.ca_file()});
  EmailMessage message = mail_to_alan();
  message.to = recipient + "@example.com";
  const auto refusal = refusal_of([&] { smtp.send(message); });
  REQUIRE(refusal);
  CHECK(refusal->failure() == failure);
  CHECK(std::string(refusal->what()).find("example.com") == std::string::npos);
  message.to = "alan@example.com"; // and the next one is sent
  CHECK_NOTHROW(smtp.send(message));
}

TEST_CASE("What a mail server refuses before it hears of the recipient is not the recipient's fault") {
  const auto [command, failure] = GENERATE(table<std::string, DeliveryFailure>({
      {"greeting", DeliveryFailure::unavailable},
      {"names", DeliveryFailure::unavailable},
      {"AUTH", DeliveryFailure::credentials_refused},
      {"MAIL", DeliveryFailure::message_refused},
      {"DATA", DeliveryFailure::message_refused},
  }));
  for (const char* const refusal : {" 550 Blocked", " 553 Blocked"}) {
    INFO(command << refusal);
    const MailServer server("smtps", MailServer::Password::required, TestCertificate(), command + refusal);
    email::SmtpSettings settings = settings_of(server.url());
    settings.user = "foo";
    settings.password = "sesame";
    email::Smtp smtp(settings, {.timeout = 5s, .ca_file = server.ca_file()});
    const auto refused = refusal_of([&] { smtp.send(mail_to_alan()); });
    REQUIRE(refused);
    CHECK(refused->failure() == failure);
    testing::RecordingEmail second;
    delivery::Failover both{smtp, second};
    CHECK_NOTHROW(both.send(mail_to_alan()));
    CHECK(second.messages().size() == 1);
  }
}

TEST_CASE("A mail server is told the name that it wants, and of one that it refuses the setting is named") {
  const MailServer server("smtps");
  EmailMessage message = mail_to_alan();
  message.to = "named@example.com";
  email::Smtp unnamed(settings_of(server.url()), {.timeout = 5s, .ca_file = server.ca_file()});
  const auto refusal = refusal_of([&] { unnamed.send(message); });
  REQUIRE(refusal);
  CHECK(refusal->failure() == DeliveryFailure::credentials_refused);
  CHECK_THAT(refusal->what(), contains("SMTP status 504 5.5.2"));
  CHECK_THAT(refusal->what(), contains("SmtpSettings::hello_name"));
  testing::RecordingEmail second;
  delivery::Failover both{unnamed, second};
  CHECK_NOTHROW(both.send(message));
  CHECK(second.messages().size() == 1);

  int mails = 0;
  for (const std::string name : {"web1.foo.example", "[192.0.2.1]", "[IPv6:2001:db8::1]"}) {
    CAPTURE(name);
    email::SmtpSettings settings = settings_of(server.url());
    settings.hello_name = name;
    email::Smtp named(settings, {.timeout = 5s, .ca_file = server.ca_file()});
    message.to = name == "web1.foo.example" ? "named@example.com" : "alan@example.com";
    named.send(message);
    CHECK(server.mail(++mails)["hello"] == name);
  }
}

TEST_CASE("A refusal that was overcome is no answer to the mail") {
  const MailServer server("smtps", MailServer::Password::none, TestCertificate(), "EHLO 502 Unknown");
  email::Smtp smtp(settings_of(server.url()), {.timeout = 5s, .ca_file = server.ca_file()});
  CHECK_NOTHROW(smtp.send(mail_to_alan())); // after HELO
  EmailMessage message = mail_to_alan();
  message.to = "lost@example.com";
  email::Smtp another(settings_of(server.url()), {.timeout = 5s, .ca_file = server.ca_file()});
  const auto refusal = refusal_of([&] { another.send(message); });
  REQUIRE(refusal);
  CHECK(refusal->failure() == DeliveryFailure::unclear);
}

TEST_CASE("Without TLS, a right certificate and a right password nothing is sent") {
  const auto failure_of = [](const email::SmtpSettings& settings, const std::string& ca_file) {
    email::Smtp smtp(settings, {.timeout = 5s, .ca_file = ca_file});
    const auto refusal = refusal_of([&] { smtp.send(mail_to_alan()); });
    REQUIRE(refusal);
    return refusal->failure();
  };
  SECTION("no TLS") {
    const MailServer server("plain");
    CHECK(failure_of(settings_of(server.url()), server.ca_file()) == DeliveryFailure::unavailable);
    CHECK(server.mail(1).is_null());
  }
  SECTION("another's certificate") {
    const std::string mode = GENERATE("starttls", "smtps");
    const MailServer server(mode, MailServer::Password::none, TestCertificate("DNS:other.example"));
    CHECK(failure_of(settings_of(server.url()), server.ca_file()) == DeliveryFailure::unavailable);
    CHECK(server.mail(1).is_null());
  }
  SECTION("a wrong password, or none") {
    const MailServer server("starttls", MailServer::Password::required);
    email::SmtpSettings settings = settings_of(server.url());
    CHECK(failure_of(settings, server.ca_file()) == DeliveryFailure::credentials_refused);
    settings.user = "foo";
    settings.password = "sesame street";
    CHECK(failure_of(settings, server.ca_file()) == DeliveryFailure::credentials_refused);
    CHECK(server.mail(1).is_null());
  }
  SECTION("nobody there") {
    CHECK(failure_of(settings_of("smtps://127.0.0.1:" + std::to_string(free_port())), "") ==
          DeliveryFailure::unavailable);
  }
}

TEST_CASE("Settings of SMTP that cannot work are refused at once") {
  const auto refused = [](auto change) {
    email::SmtpSettings settings = settings_of("smtps://mail.example.com");
    change(settings);
    CHECK(error_of([&] { email::Smtp smtp(settings); }).code() == errc::invalid_argument);
  };
  refused([](auto& s) { s.server = "mail.example.com"; });
  refused([](auto& s) { s.server = "smtps://"; });
  refused([](auto& s) { s.server = "smtps://user@mail.example.com"; });
  refused([](auto& s) { s.server = "smtps://mail.example.com\r\nx"; });
  refused([](auto& s) { s.user = "foo"; });
  refused([](auto& s) {
    s.user = "foo";
    s.password = "sesame\n";
  });
  refused([](auto& s) {
    s.user = " foo";
    s.password = "sesame";
  });
  refused([](auto& s) {
    s.user = "foo\n";
    s.password = "sesame";
  });
  refused([](auto& s) {
    s.user = "foo";
    s.password = "ses\tame";
  });
  for (const char* const server : {"smtps://mail.example.com:0", "smtp://mail.example.com:", "smtps://:465",
                                   "smtps://mail.example.com:70000", "smtps://mail.example.com:smtp",
                                   "smtps://mail.example.com/", "http://mail.example.com", "smtp://::1"})
    refused([&](auto& s) { s.server = server; });
  for (const char* const server : {"smtp://mail.example.com:465", "smtp://[2001:db8::1]:465",
                                   "smtps://mail.example.com:587"}) // would wait, or speak past the server
    refused([&](auto& s) { s.server = server; });
  for (const char* const server :
       {"smtps://mail.example.com:465", "smtp://mail.example.com:587", "smtp://mail.example.com:2465",
        "smtps://mail.example.com:2587", "smtp://mail.example.com:25", "smtp://[2001:db8::465]"})
    CHECK_NOTHROW(mfa::email::SmtpSubmission({.server = server, .from = "no-reply@example.com"}));
  refused([](auto& s) { s.from = "no-reply"; });
  refused([](auto& s) { s.from = "n\xC3\xB6@example.com"; });
  refused([](auto& s) { s.from_name = "Foo\nBcc: x"; });
  for (const char* const name : {"web1",
                                 "web1.example.com.",
                                 ".example.com",
                                 "web1..example.com",
                                 "-web1.example.com",
                                 "web1-.example.com",
                                 "web_1.example.com",
                                 "web1.example.com\r\nMAIL FROM:<x>",
                                 "web1.example.com ",
                                 "web1.example.com/x",
                                 "web1.example.com?x",
                                 "w%41.example.com",
                                 "192.0.2.1",
                                 "[]",
                                 "[",
                                 "[192.0.2.1",
                                 "[2001:db8::1]",
                                 "[web1.example.com]",
                                 "[192.0.2.1]]",
                                 "b\xC3\xBC.example"})
    refused([&](auto& s) { s.hello_name = name; });
  refused([](auto& s) { s.hello_name = repeated("a", 64) + ".example"; });
  for (const char* const name : {"web1.example.com", "WEB-1.Example.com", "xn--bcher-kva.example", "1.2.3a",
                                 "[192.0.2.1]", "[IPv6:2001:db8::1]"})
    CHECK_NOTHROW(mfa::email::SmtpSubmission(
        {.server = "smtps://mail.example.com", .from = "no-reply@example.com", .hello_name = name}));
  for (const char* const from : {"no-reply@localhost", "no-reply@a/b?c.example", "no-reply@a%0a.example"})
    CHECK(mfa::email::SmtpSubmission({.server = "smtps://mail.example.com", .from = from})
              .request(mail_to_alan(), Time())
              .hello_name.empty());
}
