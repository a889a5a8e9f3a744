#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include <mfa/crypto/bytes.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/decision/verification.hpp>
#include <mfa/email/concept.hpp>
#include <mfa/error.hpp>
#include <mfa/factor.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/factor/webauthn_record.hpp>
#include <mfa/options.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/storage/record.hpp>

// Covers: encoding/fields.hpp factor/totp.hpp factor/sms.hpp factor/generic_otp.hpp factor/hotp.hpp
// Covers: factor/recovery_codes.hpp factor/webauthn.hpp factor/webauthn_ceremony.hpp
// Covers: factor/webauthn_enrollment.hpp factor/webauthn_record.hpp factor/webauthn_sign_in.hpp
// Covers: factor/sent_code.hpp factor/email.hpp

namespace {

using namespace mfa;

/// Runs what reads the record; any exception but the library's own goes to the fuzzer.
template <class Use> void attempt(Use use) {
  try {
    (void)use();
  } catch (const Error&) { // for what is no record of ours
  }
}

/// Answers as an authenticator would that agrees with everything.
class Agreeing final : public webauthn::RelyingParty {
 public:
  [[nodiscard]] std::chrono::milliseconds timeout() const override { return std::chrono::minutes(5); }
  [[nodiscard]] std::string creation_options(const webauthn::CreationRequest& request) const override {
    return request.challenge;
  }
  [[nodiscard]] std::string request_options(const webauthn::AssertionRequest& request) const override {
    return request.challenge;
  }
  [[nodiscard]] std::optional<webauthn::NamedCredential>
  named_credential(std::string_view response) const override {
    return webauthn::NamedCredential{std::string(response), true};
  }
  [[nodiscard]] webauthn::Registration
  verify_registration(std::string_view response, const webauthn::Expectation& expected) const override {
    if (!expected.is_challenge(response)) return {Status::wrong_code};
    return {Status::valid, {.id = std::string(response)}, true};
  }
  [[nodiscard]] webauthn::Assertion verify_assertion(std::string_view response,
                                                     const webauthn::Expectation& expected,
                                                     const webauthn::Credential& credential) const override {
    if (!expected.is_challenge(response)) return {Status::wrong_code};
    return {.status = Status::valid, .sign_count = credential.sign_count + 1};
  }
};

} // namespace

// Bytes: the kind, the state, how many of the rest are the sealed secret's, that secret, the parameters. The
// ring is `unsealed`, so that the secret's contents are read too.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Options options = [] {
    Options made;
    made.webauthn = std::make_shared<Agreeing>();
    made.sms_template = "{{code}}";
    made.email_template = {.subject = "s", .text = "{{code}}"};
    return made;
  }();
  static const KeyRing keys = KeyRing::unsealed();
  if (size < 3) return 0;
  const auto text = crypto::text_of({data + 3, size - 3});
  const auto secret = text.substr(0, data[2]);

  storage::FactorRecord record;
  record.id = "auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ";
  record.type = static_cast<FactorType>(data[0] % 8);
  record.state = data[1] % 2 == 0 ? FactorState::unverified : FactorState::verified;
  record.sealed = std::string(1, '\0').append(secret);
  record.parameters = text.substr(secret.size());
  const factor::Context context{Time(std::chrono::hours(24 * 365 * 50)), options, keys};

  attempt([&] { return FactorDetails(record, context); });
  attempt([&] { return webauthn::decode_pending(record, crypto::bytes_of(secret)); });
  attempt([&] { return webauthn::decode_key(record, crypto::bytes_of(secret)); });
  attempt([&] {
    factor::with_kind(record.type, [&](auto kind) {
      attempt([&] { return kind.claims(record); });
      attempt([&] { return kind.counter_ids(record, context); });
      attempt([&] { return kind.unsafe_uri(record, context); });
      storage::ChallengeRecord challenge;
      challenge.id = "auth_challenge_01FVYZ5QM8N98T9ME5BCB2BBMJ";
      std::vector<storage::CounterRecord> counters(1);
      attempt([&] {
        counters.resize(std::max<std::size_t>(1, kind.counter_ids(record, context).size()));
        return 0;
      });
      auto asked = record;
      std::string given; // what a right answer is, where the challenge alone says so
      attempt([&] {
        const auto effects = decision::create_challenge(asked, challenge, counters, {}, {}, 0, context);
        if (const auto* message = effects.delivery.get_if<SmsMessage>()) given = message->body.view();
        if (const auto* mail = effects.delivery.get_if<EmailMessage>()) given = mail->text.view();
        if (const auto* user = effects.delivery.get_if<factor::ToUser>()) given = user->text.view();
        if (const auto* client = effects.delivery.get_if<factor::ToClient>()) given = client->text;
        return given.size();
      });
      for (const std::string_view answer :
           {std::string_view(given), std::string_view("12345678"), std::string_view("123456 654321"),
            std::string_view("7KQP-X2M9-T4WD"), std::string_view("AAAAAAAAAAAAAAAAAAAAAA")}) {
        auto answered = asked;
        auto put = challenge;
        attempt([&] {
          const auto terms = decision::take_terms(put);
          return decision::verify(answered, put, terms, answer, {}, context);
        });
      }
    });
  });
  return 0;
}
