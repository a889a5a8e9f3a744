// Somebody has a user's password and nothing else. For a month he does all that a session with a password can
// do, every few seconds: enrols factors and confirms them, asks for challenges of every factor, guesses, asks
// for messages, and gives whatever he holds as an authorization. No factor of his ever counts, no guess of
// his is looked at beyond the budget, the messages stay within theirs, and the owner signs in whenever he
// wants: on a device that he has remembered with any factor, anywhere else with his security key or a
// recovery code.
#define OPENSSL_SUPPRESS_DEPRECATED // seeded_random.hpp
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/webauthn/relying_party.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/seeded_random.hpp"
#include "support/software_authenticator.hpp"
#include "support/webauthn_host.hpp"

using namespace mfa;
using namespace mfa::test;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

const std::string user = "owner";

/// The owner's account, and what he does.
class Owner {
 public:
  explicit Owner(Host& host) : host_(host) {
    auto first = host.verifier.enroll_factor(Totp{.issuer = "Foo Corp", .user = user, .user_id = user});
    totp_ = first.factor.id();
    secret_ = std::string(first.totp.secret);
    const auto confirmed = host.verifier.confirm_enrollment(totp_, host.code(secret_));
    REQUIRE(confirmed.confirmed());
    auto codes = host.verifier.enroll_factor(RecoveryCodes{.user_id = user, .count = 50}, confirmed);
    recovery_ = codes.factor.id();
    for (const auto& code : codes.recovery_codes.codes) codes_.emplace_back(code);
    auto phone = host.verifier.enroll_factor(Sms{.phone_number = "+14155550123", .user_id = user}, confirmed);
    const auto sent = phone.factor.challenge_enrollment();
    REQUIRE(sent.confirm(host.sms.last().body).confirmed());
    auto key = host.verifier.enroll_factor(WebAuthn{.user = "owner@example.org", .user_id = user}, confirmed);
    key_ = key.factor.id();
    const auto registration = key.factor.challenge_enrollment({}, confirmed);
    REQUIRE(registration.confirm(authenticator_.create(registration.webauthn_options()).json()).confirmed());
    device_ = host.verifier.remember_device(user, "Firefox", confirmed, longest_device_lifetime).token;
    for (const auto& factor : host.verifier.list_factors(user)) factors_.push_back(factor.id());
  }

  [[nodiscard]] const std::vector<std::string>& factors() const { return factors_; }
  /// What somebody can answer who has nothing. No guess is right by chance: how likely one is, is computed.
  [[nodiscard]] std::string guess(const std::string& factor, const std::string& webauthn_options) const {
    if (factor == key_) return SoftwareAuthenticator().get(webauthn_options).json();
    if (factor == recovery_) return "0000-0000-0000";
    for (char digit = '0';; ++digit) {
      const std::string candidate(6, digit);
      bool right = host_.sms.last().body == candidate;
      for (int steps = -1; steps <= 1; ++steps) right = right || host_.code(secret_, steps) == candidate;
      if (!right) return candidate;
    }
  }

  /// What keeps him from signing in, typing for half a minute while `meanwhile` goes on; empty if nothing.
  template <class Meanwhile> std::string signs_in_on_his_device(Meanwhile meanwhile) {
    const auto challenge =
        host_.verifier.challenge_factor(totp_, user, {.binding = "his session", .device_token = device_});
    meanwhile(seconds(30));
    return said(
        host_.verifier.verify_challenge(challenge.id(), host_.code(secret_), {.binding = "his session"}));
  }
  template <class Meanwhile> std::string signs_in_with_his_key(Meanwhile meanwhile) {
    const auto challenge = host_.verifier.challenge_factor(key_, user, {.binding = "his session"});
    meanwhile(seconds(30));
    return said(host_.verifier.verify_challenge(
        challenge.id(), authenticator_.get(challenge.webauthn_options()).json(), {.binding = "his session"}));
  }
  template <class Meanwhile> std::string signs_in_with_a_recovery_code(Meanwhile meanwhile) {
    const auto challenge = host_.verifier.challenge_factor(recovery_, user, {.binding = "his session"});
    meanwhile(seconds(30));
    const std::string code = codes_.back();
    codes_.pop_back();
    return said(host_.verifier.verify_challenge(challenge.id(), code, {.binding = "his session"}));
  }

 private:
  static std::string said(const Verification& verification) {
    return verification.valid() ? "" : std::string(to_string(verification.status()));
  }

  Host& host_;
  SoftwareAuthenticator authenticator_;
  std::string totp_, secret_, recovery_, key_;
  std::vector<std::string> codes_;
  crypto::SecretString device_;
  std::vector<std::string> factors_;
};

/// What somebody with the password does in one step, and what came of it.
class Thief {
 public:
  Thief(Host& host, const Owner& owner, std::uint64_t seed) : host_(host), owner_(owner), seed_(seed) {}

  std::size_t verbs = 0;
  std::size_t wrong_codes_looked_at = 0;
  std::map<std::string, std::size_t> answers = {};
  std::vector<std::string> let_through = {}; ///< what should have been refused

  void step() {
    switch (below(8)) {
    case 0: return enrols();
    case 1: return confirms();
    case 2: return misuses_authorizations();
    default: return guesses();
    }
  }

 private:
  Host& host_;
  const Owner& owner_;
  std::uint64_t seed_;
  std::vector<std::string> his_challenges_;
  std::optional<std::string> his_factor_;
  std::string his_secret_;

  std::size_t below(std::size_t limit) { return next_random(seed_) % limit; }
  const std::string& any_of(const std::vector<std::string>& texts) { return texts[below(texts.size())]; }

  template <class Verb> void tries(std::string_view name, Verb verb) {
    ++verbs;
    try {
      verb();
      ++answers[std::string(name)];
    } catch (const Error& error) {
      ++answers[std::string(name) + ": " + error.code().message()];
    }
  }

  /// As `tries`, for what must be refused.
  template <class Verb> void is_refused(std::string_view name, Verb verb) {
    tries(name, [&] {
      verb();
      let_through.emplace_back(name);
    });
  }

  void enrols() {
    is_refused("enrol TOTP", [&] {
      auto enrolled =
          host_.verifier.enroll_factor(Totp{.issuer = "Foo Corp", .user = "thief", .user_id = user});
      his_factor_ = enrolled.factor.id();
      his_secret_ = std::string(enrolled.totp.secret);
    });
    is_refused("enrol SMS", [&] {
      (void)host_.verifier.enroll_factor(Sms{.phone_number = "+14155550199", .user_id = user});
    });
    is_refused("enrol recovery codes",
               [&] { (void)host_.verifier.enroll_factor(RecoveryCodes{.user_id = user}); });
  }

  void confirms() {
    if (!his_factor_) return;
    is_refused("confirm", [&] {
      if (!host_.verifier.confirm_enrollment(*his_factor_, host_.code(his_secret_)).confirmed())
        throw Error(errc::authorization_required, "not confirmed");
    });
  }

  void misuses_authorizations() {
    const Authorization none;
    const auto of_a_challenge =
        his_challenges_.empty() ? none : Authorization::of_challenge(any_of(his_challenges_));
    for (const Authorization& authorization : {none, of_a_challenge}) {
      const std::string& factor = any_of(owner_.factors());
      is_refused("delete", [&] { host_.verifier.delete_factor(factor, user, authorization); });
      is_refused("delete the last", [&] {
        host_.verifier.delete_factor(factor, user, authorization,
                                     {.refuse_last = below(2) == 0, .take_recovery_codes = below(2) == 0});
      });
      is_refused("reset", [&] { host_.verifier.reset_user(user, authorization); });
      is_refused("reset to one",
                 [&] { host_.verifier.reset_user(user, authorization, {.keep_factor = factor}); });
      is_refused("unlock", [&] { host_.verifier.unlock_factor(factor, user, authorization); });
      is_refused("remember", [&] { (void)host_.verifier.remember_device(user, "x", authorization); });
      is_refused("enrol with it",
                 [&] { (void)host_.verifier.enroll_factor(RecoveryCodes{.user_id = user}, authorization); });
    }
  }

  /// In a session of his own or in a new one, and now and then under a device's forged token.
  void guesses() {
    const std::string& factor = any_of(owner_.factors());
    const std::string session = "thief's session " + std::to_string(below(50));
    std::optional<std::string> challenge;
    std::string webauthn_options;
    tries("challenge", [&] {
      const auto made = host_.verifier.challenge_factor(
          factor, user, {.binding = session, .device_token = below(4) == 0 ? "mfa_device_1_AAAA" : ""});
      challenge = made.id();
      webauthn_options = made.webauthn_options();
    });
    if (!challenge) return;
    his_challenges_.push_back(*challenge);
    if (his_challenges_.size() > 100) his_challenges_.erase(his_challenges_.begin());
    tries("guess", [&] {
      const auto answer = host_.verifier.verify_challenge(*challenge, owner_.guess(factor, webauthn_options),
                                                          {.binding = session});
      if (answer.valid()) let_through.emplace_back("guess");
      ++answers[std::string(to_string(answer.status()))];
      if (answer.status() == Status::wrong_code && answer.factor_type() != FactorType::recovery_codes)
        ++wrong_codes_looked_at;
    });
  }
};

} // namespace

TEST_CASE(
    "A month of somebody with the password: nothing counts, nobody is locked out, messages are bounded") {
  constexpr int days = 30;
  const char* const every = std::getenv("MFA_THIEF_EVERY_SECONDS");
  const seconds pause(every == nullptr ? 30 : std::strtol(every, nullptr, 10));
  WebAuthnHost host;
  Owner owner(host);
  Thief thief(host, owner, 1);
  const auto enrolled = owner.factors();
  const auto begun = host.clock.now();
  const std::size_t sent_before = host.sms.messages().size();

  const auto meanwhile = [&](seconds time) {
    for (seconds left = time; left.count() > 0; left -= std::min(left, pause)) {
      thief.step();
      host.clock.advance(std::min(left, pause));
    }
  };
  std::map<std::string, std::size_t> owner_was_told;
  std::size_t sign_ins = 0;
  const auto signs_in = [&](std::string_view how, auto attempt) {
    ++sign_ins;
    try {
      const std::string told = attempt();
      if (!told.empty()) ++owner_was_told[std::string(how) + ": " + told];
    } catch (const Error& error) {
      ++owner_was_told[std::string(how) + ": " + error.what()];
    }
  };
  for (int day = 0; day < days; ++day) {
    meanwhile(hours(9));
    signs_in("on his device", [&] { return owner.signs_in_on_his_device(meanwhile); });
    meanwhile(hours(4));
    signs_in("with his key", [&] { return owner.signs_in_with_his_key(meanwhile); });
    meanwhile(hours(4));
    signs_in("with a recovery code", [&] { return owner.signs_in_with_a_recovery_code(meanwhile); });
    meanwhile(hours(7));
  }

  const std::size_t sent = host.sms.messages().size() - sent_before;
  const Options& limits = host.verifier.options();
  const auto whole_days =
      static_cast<std::size_t>(std::chrono::ceil<std::chrono::days>(host.clock.now() - begun).count());
  std::printf(
      "%zu verbs in %zu days: %zu wrong codes looked at (a right one among them with a probability of "
      "1 in %.0f), %zu messages, %zu sign-ins of the owner\n",
      thief.verbs, whole_days, thief.wrong_codes_looked_at,
      1e6 / (3.0 * static_cast<double>(thief.wrong_codes_looked_at)), sent, sign_ins);
  for (const auto& [answer, count] : thief.answers) std::printf("  %-60s %zu\n", answer.c_str(), count);
  CHECK(thief.let_through == std::vector<std::string>());
  CHECK(owner_was_told == std::map<std::string, std::size_t>());
  std::vector<std::string> now;
  for (const auto& factor : host.verifier.list_factors(user)) now.push_back(factor.id());
  CHECK(now == enrolled);
  CHECK(thief.wrong_codes_looked_at <= limits.wrong_codes_a_user_a_day * (whole_days + 1));
  CHECK(sent <= limits.sms_sends_a_day * (whole_days + 1));
  CHECK(sent > 0);
  CHECK(thief.wrong_codes_looked_at > 0);
}

TEST_CASE("A security key that its owner is enrolling is not confirmed by somebody else's") {
  WebAuthnHost host;
  const auto first = host.enroll_totp(user);
  const auto shown = host.verifier.confirm_enrollment(first.factor.id(), host.code(first.totp.secret));
  REQUIRE(shown.confirmed());
  const auto key = host.verifier.enroll_factor(WebAuthn{.user = "owner@example.org", .user_id = user}, shown);
  CHECK(thrown_by([&] { return host.verifier.challenge_enrollment(key.factor.id(), user); }) ==
        errc::authorization_required);
  CHECK_NOTHROW(host.verifier.challenge_enrollment(key.factor.id(), user, {}, shown));
}

TEST_CASE("What somebody with the password enrols before the owner does is not confirmed after him") {
  Host host;
  auto thiefs = host.enroll_totp(user);
  auto owners = host.enroll_totp(user);
  REQUIRE(host.verifier.confirm_enrollment(owners.factor.id(), host.code(owners.totp.secret)).confirmed());
  CHECK(thrown_by([&] {
          (void)host.verifier.confirm_enrollment(thiefs.factor.id(), host.code(thiefs.totp.secret));
        }) == errc::authorization_required);
  CHECK_FALSE(host.verifier.get_factor(thiefs.factor.id(), user).verified());
}
