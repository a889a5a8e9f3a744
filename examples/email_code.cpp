// A code by e-mail: the library draws, keeps and checks it, and the host delivers it by a channel of its own
// - here SMTP through libcurl. With --self-test the mail goes to a sink on loopback, which stands for the
// user's mailbox.
#include <cstddef>
#include <cstring>
#include <iostream>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

#include <curl/curl.h>
#include <openssl/crypto.h>

#include <mfa/mfa.hpp>

#include "smtp_sink.hpp"

namespace {

struct Mail {
  std::string from, to, subject, text;
};

/// Sends one mail by a server such as "smtps://mail.example.com". Throws when the server did not take it.
void send(const std::string& server, const Mail& mail) {
  std::string message = "From: <" + mail.from + ">\r\nTo: <" + mail.to + ">\r\nSubject: " + mail.subject +
                        "\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + mail.text + "\r\n";
  std::string_view rest = message;
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> to(
      curl_slist_append(nullptr, mail.to.c_str()), curl_slist_free_all);
  if (!curl || !to) throw std::bad_alloc();
  curl_easy_setopt(curl.get(), CURLOPT_URL, server.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_MAIL_FROM, mail.from.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_MAIL_RCPT, to.get());
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 20L);
  curl_easy_setopt(curl.get(), CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_READDATA, &rest);
  curl_easy_setopt(
      curl.get(), CURLOPT_READFUNCTION, +[](char* out, std::size_t size, std::size_t count, void* from) {
        auto& left = *static_cast<std::string_view*>(from);
        const std::size_t taken = left.copy(out, size * count);
        left.remove_prefix(taken);
        return taken;
      });
  const CURLcode result = curl_easy_perform(curl.get());
  OPENSSL_cleanse(message.data(), message.size()); // it holds the code
  if (result != CURLE_OK)
    throw std::runtime_error(std::string("the mail was not sent: ") + curl_easy_strerror(result));
}

/// "a***@example.com"
std::string masked(const std::string& address) {
  const auto at = address.find('@');
  return at == std::string::npos ? "***" : address.substr(0, 1) + "***" + address.substr(at);
}

/// Enrols the address and confirms it; `read_code` is the user with the mailbox.
template <class ReadCode>
bool run(const std::string& server, const std::string& address, ReadCode read_code) {
  mfa::storage::Memory storage;
  mfa::Verifier verifier{storage};
  const auto enrolled =
      verifier.enroll_factor(mfa::GenericOtp{.destination = masked(address), .user_id = "u_42"});

  // A login is the same with challenge_factor and verify_challenge.
  const auto challenge = verifier.challenge_enrollment(enrolled.factor.id(), "u_42");
  send(server, {.from = "no-reply@foo.example",
                .to = address,
                .subject = "Your Foo Corp code",
                .text = "Your code is " + std::string(challenge.code()) + ". It is good for ten minutes."});
  std::cout << "A code is on its way to " << enrolled.generic_otp.destination << '\n';

  const auto confirmation = verifier.confirm_enrollment(challenge.id(), read_code(), {.user = "u_42"});
  std::cout << to_string(confirmation.status()) << '\n';
  return confirmation.confirmed();
}

} // namespace

int main(int argc, char** argv) try {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  if (argc == 2 && std::strcmp(argv[1], "--self-test") == 0) {
    SmtpSink mailbox;
    const bool valid = run(mailbox.url(), "alan@example.com", [&] {
      const std::string message = mailbox.message();
      return message.substr(message.find("code is ") + 8, 6);
    });
    return valid ? 0 : 1;
  }
  if (argc == 3)
    return run(argv[1], argv[2],
               [] {
                 std::string code;
                 std::cout << "Code: ";
                 std::getline(std::cin, code);
                 return code;
               })
               ? 0
               : 1;
  std::cout << "usage: email_code smtp://SERVER ADDRESS | --self-test\n";
  return 2;
} catch (const std::exception& error) {
  std::cerr << "email_code: " << error.what() << '\n';
  return 1;
}
