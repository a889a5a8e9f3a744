// A PIN or biometric counts as a second factor only if the registration showed one, or a sign-in for which
// the host asked after another factor: otherwise a thief of a touch-only key sets a PIN of his own (WebAuthn
// Level 3, uvInitialized in section 4, section 7.2 step 24).
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/remaining.hpp>
#include <mfa/requirement.hpp>

#include "support/catch.hpp"
#include "support/webauthn_host.hpp"

namespace {

using mfa::errc;
using mfa::test::contains;
using mfa::test::SoftwareAuthenticator;
using mfa::test::thrown_by;
using mfa::test::WebAuthnHost;

constexpr unsigned touch = SoftwareAuthenticator::user_present;
constexpr unsigned with_pin = touch | SoftwareAuthenticator::user_verified;
const mfa::Assurance two_factors{.factors = 2};

/// "valid, 2 factors: pop user mfa"
std::string told_by(const mfa::Verification& verification) {
  if (!verification.valid()) return std::string(to_string(verification.status()));
  std::string told = "valid, " + std::to_string(verification.assurance()->factors) + " factors:";
  for (const std::string_view method : verification.amr()) told.append(" ").append(method);
  return told;
}

} // namespace

TEST_CASE("What a sign-in shows depends on what the registration showed") {
  struct Row {
    unsigned registered;
    unsigned signed_in;
    std::string_view told;
    std::string_view told_if_two_are_required;
  };
  const Row rows[] = {
      {touch, touch, "valid, 1 factors: pop user", "not even asked"},
      {touch, with_pin, "valid, 1 factors: pop user", "not even asked"},
      {with_pin, touch, "valid, 1 factors: pop user", "insufficient_assurance"},
      {with_pin, with_pin, "valid, 2 factors: pop user mfa", "valid, 2 factors: pop user mfa"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.registered, row.signed_in);
    WebAuthnHost host;
    SoftwareAuthenticator authenticator;
    authenticator.flags = row.registered;
    const std::string id = host.registered(authenticator);
    authenticator.flags = row.signed_in;
    // As often as he likes: a sign-in does not make the next one count.
    for (int i = 0; i < 3; ++i) CHECK(told_by(host.sign_in_with(authenticator, id)) == row.told);
    const auto told_if_two_are_required = [&]() -> std::string {
      try {
        return told_by(host.sign_in_with(authenticator, id, {.required = two_factors}));
      } catch (const mfa::Error& error) {
        CHECK(error.code() == errc::insufficient_assurance);
        return "not even asked";
      }
    };
    CHECK(told_if_two_are_required() == row.told_if_two_are_required);
  }
}

TEST_CASE(
    "A challenge that requires two factors is refused where the answer cannot show them, with the remedy") {
  WebAuthnHost host;
  const SoftwareAuthenticator authenticator;
  const std::string id = host.registered(authenticator);
  try {
    (void)host.verifier.challenge_factor(id, mfa::any_user, {.required = two_factors});
    FAIL("challenged");
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::insufficient_assurance);
    CHECK_THAT(error.what(), contains(id) && contains("initialize_user_verification"));
  }
}

TEST_CASE(
    "The host asks for the PIN of a key that was registered without; it counts from the next sign-in on") {
  std::vector<std::string> events;
  mfa::Options options;
  options.observer = [&](const mfa::Event& event) { events.emplace_back(to_string(event.type)); };
  WebAuthnHost host(mfa::test::example_settings(), options);
  SoftwareAuthenticator authenticator;
  const std::string id = host.registered(authenticator);
  const auto raised = [&] {
    return std::count(events.begin(), events.end(), "user_verification_initialized");
  };
  const mfa::ChallengeOptions initialize{.initialize_user_verification = true};

  // What its list says, and a policy that wants two factors.
  const auto told_of_it = [&] {
    const auto factors = host.verifier.list_factors("u_42");
    const mfa::Remaining has = mfa::Remaining::of(factors);
    CHECK(factors.front().best_assurance() == has.best);
    const mfa::FactorPolicy policy{.assurance = two_factors};
    return std::to_string(has.best.factors) + " factors, " +
           std::string(to_string(mfa::requirement(policy, factors, host.clock.now()).standing));
  };
  CHECK(told_of_it() == "1 factors, overdue");

  // Not by a touch: the options ask for more, and the answer must have it.
  const auto asked = host.verifier.challenge_factor(id, mfa::any_user, initialize);
  CHECK(nlohmann::json::parse(asked.webauthn_options()).at("userVerification") == "required");
  CHECK(told_by(asked.verify(authenticator.get(asked.webauthn_options()).json())) == "user_not_verified");
  CHECK(raised() == 0);

  authenticator.flags = with_pin;
  CHECK(told_by(host.sign_in_with(authenticator, id)) == "valid, 1 factors: pop user"); // not asked for
  CHECK(told_by(host.sign_in_with(authenticator, id, initialize)) == "valid, 1 factors: pop user");
  CHECK(raised() == 1);
  CHECK(told_of_it() == "2 factors, met");
  CHECK(told_by(host.sign_in_with(authenticator, id, {.required = two_factors})) ==
        "valid, 2 factors: pop user mfa");
  CHECK(told_by(host.sign_in_with(authenticator, id, initialize)) == "valid, 2 factors: pop user mfa");
  CHECK(raised() == 1);
  authenticator.flags = touch;
  CHECK(told_by(host.sign_in_with(authenticator, id)) == "valid, 1 factors: pop user");
}

TEST_CASE("A sign-in that is refused, or needs two factors itself, initializes nothing") {
  WebAuthnHost host;
  SoftwareAuthenticator authenticator;
  const std::string id = host.registered(authenticator);
  authenticator.flags = with_pin;
  CHECK(thrown_by([&] {
          return host.verifier.challenge_factor(
              id, mfa::any_user, {.required = two_factors, .initialize_user_verification = true});
        }) == errc::insufficient_assurance);
  authenticator.spoil_signature = [](std::string& signature) { signature.back() ^= 1; };
  CHECK(told_by(host.sign_in_with(authenticator, id, {.initialize_user_verification = true})) ==
        "wrong_signature");
  authenticator.spoil_signature = [](std::string&) {};
  CHECK(told_by(host.sign_in_with(authenticator, id)) == "valid, 1 factors: pop user");
  CHECK(thrown_by([&] {
          return host.verifier.challenge_factor(id, mfa::any_user, {.required = two_factors});
        }) == errc::insufficient_assurance);
}

TEST_CASE("Who writes the storage cannot make an ordinary sign-in one that initializes") {
  WebAuthnHost host;
  SoftwareAuthenticator authenticator;
  const std::string id = host.registered(authenticator);
  authenticator.flags = with_pin;
  const auto challenge = host.verifier.challenge_factor(id, mfa::any_user);
  const std::string answer = authenticator.get(challenge.webauthn_options()).json();
  const auto initializing =
      host.verifier.challenge_factor(id, mfa::any_user, {.initialize_user_verification = true});
  const auto stored = host.storage.find_challenge(challenge.id()).value();
  const auto changed_to = [&](const std::string& bytes) {
    auto record = host.storage.find_challenge(challenge.id()).value();
    record.answer = bytes;
    mfa::storage::Batch batch;
    batch.challenges.push_back(record);
    REQUIRE(host.storage.commit(batch));
  };
  // By the letter that tells the ceremonies, wherever it stands, and by what another challenge has.
  for (std::size_t at = stored.answer.find('a'); at != std::string::npos;
       at = stored.answer.find('a', at + 1)) {
    changed_to(std::string(stored.answer).replace(at, 1, "i"));
    const errc refused = thrown_by([&] { return challenge.verify(answer); });
    CHECK((refused == errc::seal_broken || refused == errc::unknown_key)); // in whose name it may stand too
  }
  changed_to(host.storage.find_challenge(initializing.id()).value().answer);
  CHECK(thrown_by([&] { return challenge.verify(answer); }) == errc::seal_broken);
  changed_to(stored.answer);
  CHECK(told_by(challenge.verify(answer)) == "valid, 1 factors: pop user");
}
