// A challenge may be put to all of a user's security keys at once, or to whoever comes with a passkey: the
// answer says whose it is. Nothing is stored until an answer counts; then the challenge is used once, has its
// own limit, and is checked like any other.
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "support/webauthn_host.hpp"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using mfa::any_user;
using mfa::ChallengeOptions;
using mfa::errc;
using mfa::Purpose;
using mfa::Status;
using mfa::VerifyOptions;
using mfa::test::SoftwareAuthenticator;
using mfa::test::thrown_by;
using mfa::test::WebAuthnHost;
using Json = nlohmann::json;

constexpr unsigned with_pin = SoftwareAuthenticator::user_present | SoftwareAuthenticator::user_verified;

/// Somebody with a passkey.
struct Owner {
  std::string user_id;
  SoftwareAuthenticator passkey;
  std::string factor_id;
};

Owner owner(WebAuthnHost& host, const std::string& user_id, const std::string& credential_id,
            unsigned flags = with_pin) {
  Owner owner{.user_id = user_id, .passkey = SoftwareAuthenticator(), .factor_id = {}};
  owner.passkey.credential_id = credential_id;
  owner.passkey.flags = flags;
  const mfa::WebAuthn request{.user = user_id + "@example.org",
                              .user_id = user_id,
                              .resident_key = mfa::webauthn::ResidentKey::required};
  owner.factor_id = host.registered(owner.passkey, request);
  const auto handle = host.verifier.get_factor(owner.factor_id, any_user).webauthn()->user_handle;
  host.clock.advance(1s); // so that the next one is later in the list
  owner.passkey.user_handle = mfa::detail::base64url_decode(handle);
  return owner;
}

template <class Challenge> std::string answer(const Owner& owner, const Challenge& challenge) {
  return owner.passkey.get(challenge.webauthn_options()).json();
}

std::string status_of(const mfa::Verification& verification) {
  return std::string(to_string(verification.status()));
}

} // namespace

TEST_CASE("Whoever comes with a passkey says by it who he is") {
  WebAuthnHost host;
  const Owner alan = owner(host, "u_42", "the passkey of Alan");
  const Owner grace = owner(host, "u_43", "the passkey of Grace");
  const auto challenge = host.verifier.challenge_passkey();
  CHECK(challenge.factor_id().empty());
  CHECK(challenge.expires_at() == challenge.created_at() + 5min);
  const auto options = Json::parse(challenge.webauthn_options());
  CHECK(options.at("allowCredentials") == Json::array());
  CHECK(options.at("userVerification") == "required");
  CHECK(options.at("timeout") == 300'000);
  CHECK(mfa::detail::base64url_decode(options.at("challenge").get<std::string>()).value().size() == 32);

  const auto verification = host.verifier.verify_challenge(challenge.id(), answer(grace, challenge));
  REQUIRE(status_of(verification) == "valid");
  CHECK(verification.user_id() == "u_43");
  CHECK(verification.factor_id() == grace.factor_id);
  CHECK(verification.assurance() == mfa::Assurance{.factors = 2, .phishing_resistant = true});
  CHECK(verification.purpose() == Purpose::sign_in);
  CHECK(verification.challenge().id() == challenge.id());
  CHECK(host.verifier.get_challenge(challenge.id(), "u_43").state() == mfa::ChallengeState::verified);
  CHECK(thrown_by([&] { (void)host.verifier.get_challenge(challenge.id(), "u_42"); }) ==
        errc::entity_not_found);

  SECTION("once") {
    CHECK(status_of(challenge.verify(answer(grace, challenge))) == "already_verified");
    CHECK(status_of(challenge.verify(answer(alan, challenge))) == "already_verified");
  }
  SECTION("which allows changes of that user's factors") {
    for (const mfa::Authorization& authorization :
         {mfa::Authorization(verification), mfa::Authorization::of_challenge(challenge.id())}) {
      CHECK_NOTHROW(host.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_43"}, authorization));
      CHECK(thrown_by([&] {
              (void)host.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42"}, authorization);
            }) == errc::authorization_required);
    }
  }
  SECTION("by a challenge of its own each") {
    const auto another = host.verifier.challenge_passkey();
    CHECK(another.id() != challenge.id());
    CHECK(Json::parse(another.webauthn_options()).at("challenge") != options.at("challenge"));
    CHECK(status_of(another.verify(answer(alan, another))) == "valid");
  }
}

TEST_CASE("Any of a user's keys answers a challenge of the user") {
  WebAuthnHost host;
  const Owner alan = owner(host, "u_42", "the passkey of Alan");
  const Owner key = owner(host, "u_42", "a key on Alan's ring", SoftwareAuthenticator::user_present);
  const Owner grace = owner(host, "u_43", "the passkey of Grace");
  Owner unconfirmed = alan;
  unconfirmed.passkey.credential_id = "never confirmed";
  host.enroll();

  const auto challenge = host.verifier.challenge_user("u_42");
  Json ids = Json::array();
  const auto options = Json::parse(challenge.webauthn_options());
  for (const Json& credential : options.at("allowCredentials"))
    ids.push_back(mfa::detail::base64url_decode(credential.at("id").get<std::string>()).value());
  CHECK(ids == Json{"the passkey of Alan", "a key on Alan's ring"});
  CHECK(options.at("userVerification") == "preferred");

  SECTION("the first") {
    const auto verification = challenge.verify(answer(alan, challenge));
    CHECK(status_of(verification) == "valid");
    CHECK(verification.factor_id() == alan.factor_id);
    CHECK(verification.assurance()->factors == 2);
  }
  SECTION("the second, which has no PIN and names no user, as old keys do not") {
    Owner nameless = key;
    nameless.passkey.user_handle.reset();
    const auto verification = challenge.verify(answer(nameless, challenge));
    CHECK(status_of(verification) == "valid");
    CHECK(verification.factor_id() == key.factor_id);
    CHECK(verification.assurance()->factors == 1);
  }
  SECTION("but nobody else's") {
    const auto verification = challenge.verify(answer(grace, challenge));
    CHECK(status_of(verification) == "wrong_credential");
    CHECK(verification.user_id().empty());
    CHECK(status_of(challenge.verify(answer(unconfirmed, challenge))) == "unknown_credential");
    CHECK(status_of(challenge.verify(answer(alan, challenge))) == "valid");
  }
}

TEST_CASE("What a challenge of the user requires, only keys that can show it are asked for") {
  WebAuthnHost host;
  ChallengeOptions two_factors;
  two_factors.required.factors = 2;
  CHECK(thrown_by([&] { (void)host.verifier.challenge_user("u_42"); }) == errc::entity_not_found);
  const Owner key = owner(host, "u_42", "a key without PIN", SoftwareAuthenticator::user_present);
  CHECK(thrown_by([&] { (void)host.verifier.challenge_user("u_42", two_factors); }) ==
        errc::insufficient_assurance);
  const Owner alan = owner(host, "u_42", "the passkey of Alan");
  ChallengeOptions three_factors;
  three_factors.required.factors = 3;
  CHECK(thrown_by([&] { (void)host.verifier.challenge_user("u_42", three_factors); }) ==
        errc::insufficient_assurance);
  CHECK(thrown_by([&] { (void)host.verifier.challenge_passkey(three_factors); }) ==
        errc::insufficient_assurance);
  const auto challenge = host.verifier.challenge_user("u_42", two_factors);
  const auto options = Json::parse(challenge.webauthn_options());
  CHECK(options.at("allowCredentials").size() == 1);
  CHECK(options.at("userVerification") == "required");
  CHECK(status_of(challenge.verify(answer(key, challenge))) == "insufficient_assurance");
  const auto another = host.verifier.challenge_user("u_42", two_factors);
  CHECK(status_of(another.verify(answer(alan, another))) == "valid");
}

TEST_CASE(
    "A challenge whose caller says whose it is: another's passkey is refused, another's challenge is none") {
  WebAuthnHost host;
  const Owner alan = owner(host, "u_42", "the passkey of Alan");
  const Owner grace = owner(host, "u_43", "the passkey of Grace");
  Owner stranger = alan;
  stranger.passkey.credential_id = "made somewhere else";
  VerifyOptions of_alan;
  of_alan.user = mfa::UserId("u_42");
  VerifyOptions of_grace;
  of_grace.user = mfa::UserId("u_43");
  const auto challenge = host.verifier.challenge_user("u_42");
  const auto status = [&](const std::string& text) {
    return status_of(host.verifier.verify_challenge(challenge.id(), text, of_alan));
  };
  const auto is_none_of_hers = [&] {
    for (const std::string& text :
         {answer(alan, challenge), answer(grace, challenge), answer(stranger, challenge), "junk"s})
      if (thrown_by([&] { (void)host.verifier.verify_challenge(challenge.id(), text, of_grace); }) !=
          errc::entity_not_found)
        return false;
    return true;
  };
  CHECK(is_none_of_hers());
  CHECK(status(answer(grace, challenge)) == "wrong_credential");
  CHECK(status(answer(stranger, challenge)) == "unknown_credential");
  CHECK(status("junk") == "malformed_code");
  SECTION("answered") {
    CHECK(status(answer(alan, challenge)) == "valid");
    CHECK(is_none_of_hers());
  }
  SECTION("over") {
    host.clock.advance(5min);
    CHECK(is_none_of_hers());
    CHECK(status(answer(alan, challenge)) == "expired");
  }
  SECTION("of whoever comes, it is his who answers") {
    const auto of_anybody = host.verifier.challenge_passkey();
    const auto said = [&](const Owner& owner) {
      return status_of(host.verifier.verify_challenge(of_anybody.id(), answer(owner, of_anybody), of_alan));
    };
    CHECK(said(stranger) == "unknown_credential");
    CHECK(thrown_by([&] { (void)said(grace); }) == errc::entity_not_found);
    CHECK(said(alan) == "valid");
  }
}

TEST_CASE("Where a user's keys were registered otherwise, a PIN is asked for and not required") {
  using mfa::webauthn::UserVerification;
  WebAuthnHost host;
  const auto asked_after = [&](const std::string& credential_id, UserVerification verification) {
    SoftwareAuthenticator key;
    key.credential_id = credential_id;
    key.flags = with_pin;
    const mfa::WebAuthn request{.user = "alan", .user_id = "u_42", .user_verification = verification};
    (void)host.registered(key, request);
    host.clock.advance(1s);
    const auto challenge = host.verifier.challenge_user("u_42");
    return Json::parse(challenge.webauthn_options()).at("userVerification").get<std::string>();
  };
  CHECK(asked_after("the first", UserVerification::required) == "required");
  CHECK(asked_after("another like it", UserVerification::required) == "required");
  CHECK(asked_after("one of another kind", UserVerification::discouraged) == "preferred");
}

TEST_CASE("An answer that cannot be laid to a factor is refused, stored nowhere and uses nothing up") {
  WebAuthnHost host;
  const Owner alan = owner(host, "u_42", "the passkey of Alan");
  Owner gone = owner(host, "u_43", "the passkey of Grace");
  Owner nameless = alan;
  nameless.passkey.user_handle.reset();
  Owner stranger = alan;
  stranger.passkey.credential_id = "made somewhere else";
  host.verifier.delete_factor(gone.factor_id, any_user, mfa::by_operator);

  const auto challenge = host.verifier.challenge_passkey();
  struct Row {
    std::string_view what;
    std::string answer;
    std::string_view status;
  };
  const Row rows[] = {
      {"no answer", "123456", "malformed_code"},
      {"an empty one", "", "malformed_code"},
      {"a credential that no factor has", answer(stranger, challenge), "unknown_credential"},
      {"a credential whose factor was deleted", answer(gone, challenge), "unknown_credential"},
      {"a credential that names no user", answer(nameless, challenge), "wrong_credential"},
  };
  for (int round = 0; round < 10; ++round)
    for (const Row& row : rows) {
      CAPTURE(row.what);
      const auto verification = challenge.verify(row.answer);
      CHECK(status_of(verification) == row.status);
      CHECK(verification.attempts_left() == 5);
      CHECK(verification.factor_id().empty());
      CHECK(host.verifier.get_challenge(challenge.id(), any_user).state() == mfa::ChallengeState::pending);
    }
  CHECK(status_of(challenge.verify(answer(alan, challenge))) == "valid");
}

TEST_CASE("A wrong answer of a factor is counted, and makes the challenge that factor's") {
  WebAuthnHost host;
  const Owner alan = owner(host, "u_42", "the passkey of Alan");
  const Owner grace = owner(host, "u_43", "the passkey of Grace");
  struct Row {
    std::string_view status;
    void (*spoil)(SoftwareAuthenticator&);
  };
  const Row rows[] = {
      {"wrong_challenge", [](SoftwareAuthenticator& a) { a.challenge = "another challenge"; }},
      {"wrong_challenge", [](SoftwareAuthenticator& a) { a.get_type = "webauthn.create"; }},
      {"wrong_origin", [](SoftwareAuthenticator& a) { a.origin = "https://example.org.evil.example"; }},
      {"wrong_relying_party", [](SoftwareAuthenticator& a) { a.rp_id = "evil.example"; }},
      {"wrong_credential", [](SoftwareAuthenticator& a) { a.user_handle = "the handle of another"; }},
      {"user_not_present", [](SoftwareAuthenticator& a) { a.flags = SoftwareAuthenticator::user_verified; }},
      {"insufficient_assurance",
       [](SoftwareAuthenticator& a) { a.flags = SoftwareAuthenticator::user_present; }},
      {"wrong_signature",
       [](SoftwareAuthenticator& a) {
         a.spoil_signature = [](std::string& signature) { signature.back() ^= 1; };
       }},
  };
  std::string first;
  std::string answer_to_first;
  for (const Row& row : rows) {
    CAPTURE(row.status);
    const auto challenge = host.verifier.challenge_passkey();
    if (first.empty()) {
      first = challenge.id();
      answer_to_first = answer(alan, challenge);
    }
    Owner wrong = alan;
    row.spoil(wrong.passkey);
    for (unsigned left = 5; left-- > 0;) {
      const auto verification = challenge.verify(answer(wrong, challenge));
      CHECK(status_of(verification) == row.status);
      CHECK(verification.attempts_left() == left);
      CHECK(verification.factor_id() == alan.factor_id);
      if (left == 2) {
        CHECK(status_of(challenge.verify(answer(grace, challenge))) == "wrong_credential");
        --left;
      }
    }
    CHECK(status_of(challenge.verify(answer(alan, challenge))) == "too_many_attempts");
    const auto fresh = host.verifier.challenge_passkey();
    CHECK(status_of(fresh.verify(answer(alan, fresh))) == "valid"); // nobody is locked out by it
  }
  // However many came after it, its record stays, as its id could be answered without it.
  CHECK(status_of(host.verifier.verify_challenge(first, answer_to_first)) == "too_many_attempts");
}

TEST_CASE("A challenge is for what it was made for") {
  WebAuthnHost host;
  const Owner alan = owner(host, "u_42", "the passkey of Alan");
  ChallengeOptions asked;
  asked.purpose = Purpose::action;
  asked.action = "pay 100 EUR to Foo Corp";
  asked.binding = "session 1";
  VerifyOptions said;
  said.purpose = Purpose::action;
  said.action = asked.action;
  said.binding = asked.binding;
  const auto make = [&](bool of_user) {
    return of_user ? host.verifier.challenge_user("u_42", asked) : host.verifier.challenge_passkey(asked);
  };
  for (const bool of_user : {true, false}) {
    const auto challenge = make(of_user);
    const auto thrown = [&](const VerifyOptions& options, const std::string& text) {
      return thrown_by([&] { (void)host.verifier.verify_challenge(challenge.id(), text, options); });
    };
    for (const std::string& text : {answer(alan, challenge), "junk"s}) {
      VerifyOptions wrong = said;
      wrong.binding = "session 2";
      CHECK(thrown(wrong, text) == errc::entity_not_found);
      wrong.binding.reset();
      CHECK(thrown(wrong, text) == errc::entity_not_found);
      wrong = said;
      wrong.action = "pay 100 EUR to Bar Corp";
      CHECK(thrown(wrong, text) == errc::wrong_purpose);
      wrong.purpose = Purpose::sign_in;
      wrong.action.clear();
      CHECK(thrown(wrong, text) == errc::wrong_purpose);
    }
    VerifyOptions of_another = said;
    of_another.user = mfa::UserId("u_43");
    CHECK(thrown(of_another, answer(alan, challenge)) == errc::entity_not_found);
    CHECK(host.verifier.get_challenge(challenge.id(), any_user).purpose() == Purpose::action);
    CHECK(thrown_by([&] { (void)host.verifier.get_challenge(challenge.id(), "u_43"); }) ==
          errc::entity_not_found);
    if (of_user) CHECK_NOTHROW(host.verifier.get_challenge(challenge.id(), "u_42"));
    const auto verification = host.verifier.verify_challenge(challenge.id(), answer(alan, challenge), said);
    CHECK(status_of(verification) == "valid");
    CHECK(verification.purpose() == Purpose::action);
  }
}

TEST_CASE("Options that make no sense for it are refused by name") {
  WebAuthnHost host;
  const Owner alan = owner(host, "u_42", "the passkey of Alan");
  ChallengeOptions confirming;
  confirming.purpose = Purpose::confirm_enrollment;
  ChallengeOptions initializing;
  initializing.initialize_user_verification = true;
  for (const ChallengeOptions& options : {confirming, initializing}) {
    CHECK(thrown_by([&] { (void)host.verifier.challenge_user("u_42", options); }) == errc::invalid_argument);
    CHECK(thrown_by([&] { (void)host.verifier.challenge_passkey(options); }) == errc::invalid_argument);
  }
  ChallengeOptions conditional;
  conditional.conditional = true;
  CHECK(thrown_by([&] { (void)host.verifier.challenge_user("u_42", conditional); }) ==
        errc::invalid_argument);
  CHECK(thrown_by([&] { (void)host.verifier.challenge_factor(alan.factor_id, any_user, conditional); }) ==
        errc::invalid_argument);
  CHECK(thrown_by([&] { (void)host.verifier.challenge_user(""); }) == errc::invalid_argument);
  mfa::test::Host without;
  CHECK(thrown_by([&] { (void)without.verifier.challenge_passkey(); }) == errc::no_relying_party);
}

TEST_CASE("A challenge that waits in the page lives for as long as the setting says, and then not") {
  mfa::Options settings;
  settings.conditional_challenge_lifetime = 2h;
  WebAuthnHost host(mfa::test::example_settings(), std::move(settings));
  const Owner alan = owner(host, "u_42", "the passkey of Alan");
  ChallengeOptions conditional;
  conditional.conditional = true;
  const auto challenge = host.verifier.challenge_passkey(conditional);
  const auto another = host.verifier.challenge_passkey(conditional);
  CHECK_FALSE(Json::parse(challenge.webauthn_options()).contains("timeout"));
  CHECK(challenge.expires_at() == challenge.created_at() + 2h);
  host.clock.advance(2h - 1s);
  CHECK(status_of(challenge.verify(answer(alan, challenge))) == "valid");
  host.clock.advance(1s);
  CHECK(status_of(another.verify(answer(alan, another))) == "expired");
  CHECK(host.verifier.get_challenge(another.id(), any_user).state() == mfa::ChallengeState::expired);
  CHECK_FALSE(host.storage.find_challenge(another.id().substr(0, another.id().find('.'))));
}

TEST_CASE("An id that this key ring did not make is no challenge's") {
  WebAuthnHost host;
  const Owner alan = owner(host, "u_42", "the passkey of Alan");
  const auto challenge = host.verifier.challenge_user("u_42");
  const std::string right = answer(alan, challenge);
  const auto refused = [&](const std::string& id) {
    return thrown_by([&] { (void)host.verifier.verify_challenge(id, right); }) == errc::entity_not_found &&
           thrown_by([&] { (void)host.verifier.get_challenge(id, any_user); }) == errc::entity_not_found;
  };
  const std::string& id = challenge.id();
  CHECK(id.size() <= 1024);
  for (std::size_t i = 0; i < id.size(); ++i) {
    std::string changed = id;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CAPTURE(i, changed);
    CHECK(refused(changed));
    CHECK(refused(id.substr(0, i)));
  }
  CHECK(refused(id + "A"));
  CHECK(refused(id + "."));
  CHECK(refused(id + std::string(1024, 'A')));
  const auto stored = host.verifier.challenge_factor(alan.factor_id, any_user);
  CHECK(refused(stored.id() + "."));
  CHECK(refused(stored.id() + id.substr(id.find('.'))));
  WebAuthnHost other; // with another key
  CHECK(refused(other.verifier.challenge_passkey().id()));
  CHECK(status_of(host.verifier.verify_challenge(id, right)) == "valid");
}

TEST_CASE("Strangers who know a credential's id fill no storage and end nobody's challenges") {
  WebAuthnHost host;
  const Owner alan = owner(host, "u_42", "the passkey of Alan");
  const auto of_alan = host.verifier.challenge_factor(alan.factor_id, "u_42");
  Owner stranger = alan;
  stranger.passkey.key = mfa::test::SigningKey(mfa::webauthn::Algorithm::es256);
  std::vector<std::string> ids;
  for (int i = 0; i < 200; ++i) {
    const auto challenge = host.verifier.challenge_passkey();
    CHECK(status_of(challenge.verify(answer(stranger, challenge))) == "wrong_signature");
    ids.push_back(challenge.id());
  }
  std::size_t stored = 0;
  for (const std::string& id : ids)
    if (host.storage.find_challenge(std::string_view(id).substr(0, id.find('.')))) ++stored;
  CHECK(stored == 5);
  CHECK(status_of(of_alan.verify(answer(alan, of_alan))) == "valid");
}

TEST_CASE("What a passkey's answer allows ends with the password, and with a reset that leaves the passkey") {
  for (const bool reset : {true, false}) {
    WebAuthnHost host;
    const Owner alan = owner(host, "u_42", "the passkey of Alan");
    const auto challenge = host.verifier.challenge_passkey();
    const std::string recorded = answer(alan, challenge);
    const auto verification = challenge.verify(recorded);
    REQUIRE(status_of(verification) == "valid");
    const auto guessed = host.verifier.challenge_user("u_42");
    CHECK(status_of(guessed.verify(recorded)) == "wrong_challenge");
    if (reset)
      host.verifier.reset_user("u_42", mfa::by_operator, {.keep_factor = alan.factor_id});
    else
      host.verifier.password_changed("u_42");
    CHECK(thrown_by([&] { (void)host.verifier.remember_device("u_42", "a device", verification); }) ==
          errc::authorization_required);
    INFO("nor does what was answered begin anew");
    CHECK(status_of(challenge.verify(recorded)) == "expired");
    CHECK(status_of(guessed.verify(answer(alan, guessed))) == "expired");
    CHECK(host.verifier.get_challenge(challenge.id(), "u_42").state() == mfa::ChallengeState::expired);
  }
}

TEST_CASE("What a passkey's answer allows ends likewise though strangers answered many challenges since") {
  for (const bool reset : {true, false}) {
    WebAuthnHost host;
    const Owner alan = owner(host, "u_42", "the passkey of Alan");
    const auto shown = [&] {
      const auto challenge = host.verifier.challenge_passkey();
      auto verification = challenge.verify(answer(alan, challenge));
      REQUIRE(status_of(verification) == "valid");
      return verification;
    };
    const auto allowed = [&](const mfa::Verification& verification) {
      return thrown_by([&] { (void)host.verifier.remember_device("u_42", "a device", verification); }) ==
             errc();
    };
    const auto before = shown();
    Owner stranger = alan;
    stranger.passkey.key = mfa::test::SigningKey(mfa::webauthn::Algorithm::es256);
    for (int i = 0; i < 6; ++i) {
      const auto challenge = host.verifier.challenge_passkey();
      CHECK(status_of(challenge.verify(answer(stranger, challenge))) == "wrong_signature");
    }
    CHECK(allowed(before));
    if (reset)
      host.verifier.reset_user("u_42", mfa::by_operator, {.keep_factor = alan.factor_id});
    else
      host.verifier.password_changed("u_42");
    CHECK_FALSE(allowed(before));
    CHECK(allowed(shown()));
  }
}

TEST_CASE("No answer is valid once more when its challenge was purged") {
  mfa::Options options;
  options.conditional_challenge_lifetime = 24h;
  options.challenge_retention = 1h;
  WebAuthnHost host(mfa::test::example_settings(), options);
  const Owner alan = owner(host, "u_42", "the passkey of Alan");
  const auto challenge = host.verifier.challenge_passkey({.conditional = true});
  const std::string recorded = answer(alan, challenge);
  REQUIRE(status_of(challenge.verify(recorded)) == "valid");
  for (int hours = 0; hours < 24; ++hours) {
    (void)host.verifier.purge_expired();
    CHECK(status_of(challenge.verify(recorded)) == "already_verified");
    host.clock.advance(1h);
  }
  host.clock.advance(24h);
  CHECK(host.verifier.purge_expired() >= 1);
  CHECK(status_of(challenge.verify(recorded)) == "expired");
}

TEST_CASE("Racing answers to one challenge: one is valid") {
  WebAuthnHost host;
  const Owner alan = owner(host, "u_42", "the passkey of Alan");
  for (int round = 0; round < 50; ++round) {
    const auto challenge = host.verifier.challenge_passkey();
    const std::string right = answer(alan, challenge);
    std::vector<std::string> statuses(4);
    std::vector<std::thread> threads;
    for (std::string& status : statuses)
      threads.emplace_back(
          [&] { status = status_of(host.verifier.verify_challenge(challenge.id(), right)); });
    for (std::thread& thread : threads) thread.join();
    CHECK(std::count(statuses.begin(), statuses.end(), "valid") == 1);
    CHECK(std::count(statuses.begin(), statuses.end(), "already_verified") == 3);
  }
}

TEST_CASE("Passkeys outlive the key under which they were enrolled once reseal_all has run") {
  const std::string first(reinterpret_cast<const char*>(mfa::crypto::sha256("first key").data()), 32);
  const std::string second(reinterpret_cast<const char*>(mfa::crypto::sha256("second key").data()), 32);
  WebAuthnHost host(mfa::test::example_settings(), {.key_ring = mfa::KeyRing("first", first)});
  const Owner alan = owner(host, "u_42", "the passkey of Alan");
  const std::string handle = host.verifier.get_factor(alan.factor_id, any_user).webauthn()->user_handle;
  const auto sign_in = [&] {
    const auto challenge = host.verifier.challenge_passkey();
    return status_of(challenge.verify(answer(alan, challenge)));
  };
  const auto open = host.verifier.challenge_passkey();
  mfa::KeyRing both("second", second);
  both.add_further("first", first);
  host.verifier.replace_key_ring(std::move(both));
  CHECK(status_of(open.verify(answer(alan, open))) == "valid");
  CHECK(sign_in() == "valid");
  const auto progress = host.verifier.reseal_all();
  CHECK(progress.failed == 0);
  const auto before = host.verifier.challenge_passkey();
  host.verifier.replace_key_ring(mfa::KeyRing("second", second));
  CHECK(status_of(before.verify(answer(alan, before))) == "valid");
  CHECK(sign_in() == "valid");
  // The user's handle is known still when his last passkey is gone.
  host.verifier.delete_factor(alan.factor_id, any_user, mfa::by_operator);
  const Owner again = owner(host, "u_42", "his next passkey");
  CHECK(host.verifier.get_factor(again.factor_id, any_user).webauthn()->user_handle == handle);
}

TEST_CASE("A passkey is not told as unknown, which has browsers forget it, where it only cannot be read") {
  const std::string first(reinterpret_cast<const char*>(mfa::crypto::sha256("first key").data()), 32);
  const std::string second(reinterpret_cast<const char*>(mfa::crypto::sha256("second key").data()), 32);
  WebAuthnHost host(mfa::test::example_settings(), {.key_ring = mfa::KeyRing("first", first)});
  const Owner alan = owner(host, "u_42", "the passkey of Alan");
  const auto thrown = [&](const mfa::KeyRing& keys) {
    host.verifier.replace_key_ring(keys);
    const auto challenge = host.verifier.challenge_passkey();
    return thrown_by([&] { (void)challenge.verify(answer(alan, challenge)); });
  };
  mfa::KeyRing both("second", second);
  both.add_further("first", first);
  INFO("a node that has the next key alone");
  CHECK(thrown(mfa::KeyRing("second", second)) == errc::unknown_key);
  CHECK(thrown(both) == errc()); // and the factor is under the second key from now on
  CHECK(thrown(mfa::KeyRing("second", second)) == errc::unknown_key);
  INFO("an epoch that was retired too early");
  CHECK(thrown(mfa::KeyRing(both).set_epochs({.current = 1})) == errc());
  CHECK(thrown(mfa::KeyRing(both).set_epochs({.current = 1, .oldest = 1})) == errc::seal_broken);
  CHECK(thrown(both) == errc());
}

TEST_CASE("The observer is told of passkey challenges and their answers") {
  std::vector<std::string> told;
  mfa::Options settings;
  settings.observer = [&](const mfa::Event& event) {
    told.push_back(std::string(to_string(event.type)) + '/' + std::string(event.user_id) + '/' +
                   std::string(event.factor_id) + '/' +
                   (event.status ? std::string(to_string(*event.status)) : std::string()) + '/' +
                   std::string(event.challenge_id));
  };
  WebAuthnHost host(mfa::test::example_settings(), std::move(settings));
  const Owner alan = owner(host, "u_42", "the passkey of Alan");
  told.clear();
  const auto challenge = host.verifier.challenge_passkey();
  const auto of_user = host.verifier.challenge_user("u_42");
  (void)challenge.verify("junk");
  (void)challenge.verify(answer(alan, challenge));
  const std::string id = challenge.id().substr(0, challenge.id().find('.'));
  const std::string id_of_user = of_user.id().substr(0, of_user.id().find('.'));
  CHECK(told == std::vector<std::string>{"challenge_created////" + id,
                                         "challenge_created/u_42///" + id_of_user,
                                         "verification_failed///malformed_code/" + id,
                                         "verification_succeeded/u_42/" + alan.factor_id + "/valid/" + id});
}
