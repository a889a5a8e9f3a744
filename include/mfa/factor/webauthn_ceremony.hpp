#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/sha256.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/purpose.hpp>
#include <mfa/factor/webauthn_record.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/search.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/webauthn_extensions.hpp>

/// What registrations and sign-ins of WebAuthn have in common.
namespace mfa::factor::credential {

inline const webauthn::RelyingParty& relying_party(const Context& context) {
  if (!context.options.webauthn)
    throw Error(errc::no_relying_party,
                "WebAuthn needs a relying party: set Options::webauthn to mfa::webauthn::relying_party({.id "
                "= \"example.org\", .name = \"Example\", .origins = {\"https://example.org\"}}) of "
                "<mfa/webauthn/relying_party.hpp>");
  return *context.options.webauthn;
}

inline Time end_of(const webauthn::RelyingParty& party, const Context& context) {
  return context.now + party.timeout();
}

/// The first byte of `ChallengeRecord::answer`, and a part of what its HMAC is tied to.
enum class Ceremony : char {
  registration = 'r',
  assertion = 'a',
  initializing_assertion = 'i', ///< `ChallengeOptions::initialize_user_verification`
};

inline std::string challenge_context(const storage::ChallengeRecord& challenge, Ceremony ceremony) {
  return std::string("webauthn challenge ") + static_cast<char>(ceremony) + ' ' + challenge.id;
}

inline Ceremony ceremony_of(const storage::ChallengeRecord& challenge) {
  for (const Ceremony ceremony :
       {Ceremony::registration, Ceremony::assertion, Ceremony::initializing_assertion})
    if (challenge.answer.starts_with(static_cast<char>(ceremony))) return ceremony;
  mfa::detail::throw_corrupt("challenge", challenge.id,
                             "begin no WebAuthn ceremony; create another challenge");
}

inline void expect(storage::ChallengeRecord& challenge, Ceremony ceremony, std::string_view bytes,
                   const Context& context) {
  challenge.answer =
      static_cast<char>(ceremony) + context.keys.authenticate(bytes, challenge_context(challenge, ceremony));
}

inline std::string draw(std::string_view purpose) {
  std::array<unsigned char, 32> bytes{};
  crypto::random_bytes_for(purpose, bytes);
  return std::string(crypto::text_of(bytes));
}

/// 16 bytes or more, says WebAuthn section 13.4.3. `time` is that of the drawing.
inline std::string draw_challenge(const storage::FactorRecord& record, Time time) {
  return draw(purpose_of("webauthn challenge", record, std::to_string(time.time_since_epoch().count())));
}

inline void check_hints(std::string_view what, const std::vector<webauthn::Hint>& hints) {
  if (hints.size() > webauthn::most_hints)
    throw Error(errc::invalid_argument, std::string(what) + " may hold 8 at most");
}

/// A credential is one factor's. Its id may be long, so its hash stands for it. By the claim, which says
/// whose it is, the factor is found that answers a passkey challenge.
inline std::string claim_to(std::string_view credential_id) {
  return "webauthn_credential_" + mfa::detail::hexadecimal(crypto::sha256(credential_id));
}

using Credentials = std::vector<const storage::FactorRecord*>;

/// Those of the user's factors that are verified, and of this kind.
inline Credentials enrolled_of(const std::vector<storage::FactorRecord>& factors) {
  Credentials enrolled;
  for (const storage::FactorRecord& factor : factors)
    if (factor.type == FactorType::webauthn && factor.state == FactorState::verified)
      enrolled.push_back(&factor);
  return enrolled;
}

/// To name these credentials to a browser; no more than browsers take, which refuse longer lists: those
/// that were used last.
inline std::vector<webauthn::CredentialDescriptor> to_name(Credentials enrolled) {
  constexpr std::size_t most = 64;
  if (enrolled.size() > most) {
    mfa::detail::sort_few(enrolled, [](const storage::FactorRecord* one, const storage::FactorRecord* other) {
      return one->last_used_at > other->last_used_at;
    });
    enrolled.resize(most);
  }
  std::vector<webauthn::CredentialDescriptor> named;
  for (const storage::FactorRecord* const factor : enrolled) {
    auto parameters = webauthn::decode_parameters(*factor);
    named.push_back({std::move(parameters.credential_id), std::move(parameters.transports), parameters.u2f});
  }
  return named;
}

inline Answer refused(Status status) {
  Answer answer{.status = status, .counted = status != Status::malformed_code};
  if (status == Status::cloned_authenticator) answer.events = {EventType::authenticator_cloned};
  return answer;
}

/// `hwk` is for what an attestation has proven to be hardware; otherwise all that is known is that a key
/// was shown (`pop`). Which means the authenticator used to verify its user is not told, so `mfa` and
/// neither `pin` nor `fpt`. Who verified its user had him there, whatever it says of that.
inline Answer accepted(bool in_hardware, bool user_present, bool user_verified, webauthn::Outputs&& outputs) {
  static constexpr std::array<std::string_view, 3> shown{"pop", "user", "mfa"};
  static constexpr std::array<std::string_view, 3> shown_in_hardware{"hwk", "user", "mfa"};
  const std::span<const std::string_view> amr(in_hardware ? shown_in_hardware : shown);
  return {.status = Status::valid,
          .amr = amr.first(user_verified  ? 3
                           : user_present ? 2
                                          : 1),
          .assurance = {.factors = user_verified ? 2U : 1U, .phishing_resistant = true},
          .webauthn_outputs = std::make_shared<const webauthn::Outputs>(std::move(outputs))};
}

} // namespace mfa::factor::credential
