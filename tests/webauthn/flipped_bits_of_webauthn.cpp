// Every bit of every field of WebAuthn's factors, of one that is registered and one that is not yet, of their
// challenges and of the claim to the credential, flipped once: each verb that reads the record answers or
// throws an `mfa::Error`, and no other key is accepted. One bit of each byte of the longer fields; every bit
// with MFA_EVERY_BIT=1.
#include <string>
#include <utility>

#include <mfa/mfa.hpp>
#include <mfa/webauthn/relying_party.hpp>

#include "support/catch.hpp"
#include "support/flipped_bits.hpp"
#include "support/software_authenticator.hpp"
#include "support/webauthn_host.hpp"

using mfa::test::SoftwareAuthenticator;
using namespace mfa::test::flips;

namespace {

template <class StoreType> class WebAuthnWorld : public World<StoreType> {
 public:
  WebAuthnWorld() : World<StoreType>(options()) {
    this->about_.clear(); // the kinds of World have a test of their own
    auto& verifier = this->verifier_;
    const mfa::WebAuthn request{.user = "alan@example.org", .display_name = "Alan", .user_id = "u_42"};
    const auto id = verifier.enroll_factor(request, mfa::by_operator).factor.id();
    const auto first = verifier.challenge_enrollment(id, mfa::any_user, {}, mfa::by_operator);
    REQUIRE(first.confirm(key_.create(first.webauthn_options()).json()).confirmed());
    const auto sign_in = verifier.challenge_factor(id, mfa::any_user);
    const auto options = sign_in.webauthn_options();
    this->ask_about("webauthn", id, sign_in.id(), key_.get(options).json(), stranger_.get(options).json());
    this->about_[id].questions.push_back(
        {"enroll_factor", [this, request] {
           return this->asked([&] {
             return this->said(
                 this->verifier_.enroll_factor(request, mfa::by_operator).factor.id().substr(0, 12));
           });
         }});
    for (const std::string& claim : mfa::factor::WebAuthnKind::claims(*this->store.storage.find_factor(id)))
      this->counter("webauthn claim", claim, "delete_factor", [this, id] {
        return this->asked([&] {
          this->verifier_.delete_factor(id, mfa::any_user, mfa::by_operator);
          return this->said("deleted");
        });
      });

    const auto pending = verifier.enroll_factor(request, mfa::by_operator).factor.id();
    const auto registration = verifier.challenge_enrollment(pending, mfa::any_user, {}, mfa::by_operator);
    const auto pending_options = registration.webauthn_options();
    second_key_.credential_id = "the credential of the second key";
    SoftwareAuthenticator replaying = second_key_;
    replaying.challenge = "what another site gave out";
    this->ask_about("webauthn, pending", pending, registration.id(),
                    second_key_.create(pending_options).json(), replaying.create(pending_options).json());
    // Which says that its enrolment was allowed beside the other.
    this->counter("user", mfa::decision::user_record_id("u_42", {}), "verify_challenge, right",
                  this->answering(registration.id(), second_key_.create(pending_options).json()));
  }

 private:
  static mfa::Options options() {
    mfa::Options options;
    options.webauthn = mfa::webauthn::relying_party(mfa::test::example_settings());
    return options;
  }

  SoftwareAuthenticator key_;
  SoftwareAuthenticator second_key_;
  SoftwareAuthenticator stranger_;
};

} // namespace

TEST_CASE("a flipped bit of WebAuthn's records in Memory is an answer or an error") {
  WebAuthnWorld<Store<mfa::storage::Memory>>().run();
}

TEST_CASE("a flipped bit of WebAuthn's records in a host's own storage is an answer or an error") {
  WebAuthnWorld<Store<OwnStorage>>().run();
}
