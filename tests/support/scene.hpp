#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include <mfa/encoding/text.hpp>
#include <mfa/mfa.hpp>

#include "catch.hpp"
#include "errors.hpp"
#include "host.hpp"
#include "whole_storage.hpp"

namespace mfa::test {

/// A host with a user's verified authenticator and phone, and a challenge of every sort waiting for its
/// answer.
template <class Storage> struct Scene : HostOver<WholeStorage<Storage>> {
  Scene() {
    const auto totp = this->enroll_totp();
    secret = totp.totp.secret;
    totp_id = totp.factor.id();
    const auto confirmation = totp.factor.confirm(this->code(secret));
    REQUIRE(confirmation.confirmed());
    phone_id = this->enroll_sms("+14155550123", "u_42", confirmation).factor.id();
    const std::string sent = this->challenge(phone_id);
    REQUIRE(this->verify(sent, this->sms.last().body) == Status::valid);
    this->clock.advance(std::chrono::hours(1));
    totp_challenge = this->challenge(totp_id);
    sms_challenge = this->challenge(phone_id);
    bound_challenge = this->verifier.challenge_factor(totp_id, "u_42", {.binding = "session 1"}).id();
    action_challenge =
        this->verifier
            .challenge_factor(totp_id, "u_42", {.purpose = Purpose::action, .action = "pay 100 EUR"})
            .id();
  }

  std::string secret;
  std::string totp_id;
  std::string phone_id;
  std::string totp_challenge;
  std::string sms_challenge;
  std::string bound_challenge;
  std::string action_challenge;

  /// Runs `call` and checks that it left the storage as it was and sent nothing.
  template <class Call> void unchanged(Call&& call) {
    const auto before = this->storage.contents();
    const std::size_t sent = this->sms.messages().size();
    call();
    CHECK(this->storage.contents() == before);
    CHECK(this->sms.messages().size() == sent);
  }

  /// `call` must throw this error, whose message says these words, is short, and passes nothing of the input
  /// on that could break a log line.
  template <class Call> void refuses(errc expected, const std::string& says, Call&& call) {
    unchanged([&] {
      try {
        (void)call();
        FAIL_CHECK("accepted");
      } catch (const Error& error) {
        CHECK(error.code() == expected);
        const std::string message = error.what();
        CHECK_THAT(message, contains(says));
        CHECK(blemish_of(error) == "");
        CHECK(message.size() < 400);
        CHECK(detail::is_utf8(message));
        CHECK_FALSE(detail::has_control_characters(message));
      }
    });
  }

  void answers(Status expected, const std::string& challenge_id, std::string_view code) {
    unchanged([&] { CHECK(this->verify(challenge_id, code) == expected); });
  }
};

} // namespace mfa::test
