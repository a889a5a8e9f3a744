// Uses the component webauthn: libcbor reads, nlohmann/json writes.
#include <string>

#include <mfa/mfa.hpp>
#include <mfa/webauthn/relying_party.hpp>

int main() {
  mfa::storage::Memory storage;
  mfa::Verifier verifier{
      storage, mfa::clock::System{},
      mfa::Options{.webauthn = mfa::webauthn::relying_party(
                       {.id = "example.org", .name = "Foo Corp", .origins = {"https://example.org"}})}};
  const auto enrolled = verifier.enroll_factor(mfa::WebAuthn{.user = "alan.turing"});
  const auto challenge = enrolled.factor.challenge_enrollment();
  const bool asked = challenge.webauthn_options() == enrolled.webauthn.creation_options;
  return asked && challenge.confirm("{}").status() == mfa::Status::malformed_code ? 0 : 1;
}
