// What a policy asks of a user is what its words say: every user of up to three factors against every policy
// of a table, at every moment at which the answer can change, by the rules once more, told plainly.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/host.hpp"
#include "support/scripted_relying_party.hpp"

using mfa::Assurance;
using mfa::errc;
using mfa::FactorPolicy;
using mfa::FactorType;
using mfa::PolicyUser;
using mfa::Requirement;
using mfa::Standing;
using mfa::Time;
using mfa::test::error_of;
using mfa::test::Host;
using namespace std::chrono_literals;

namespace {

mfa::Options with_webauthn() {
  mfa::Options options;
  options.webauthn = std::make_shared<mfa::test::ScriptedRelyingParty>();
  return options;
}

/// What a user can have one of: a verified TOTP factor, one that is not confirmed, a passkey, a security key
/// that was registered by a touch, recovery codes, and a set of them that is used up.
enum class Has { totp, waiting, passkey, touched, codes, used_codes };
using Having = std::vector<Has>;

/// One factor of each kind, as `list_factors` returns it.
class Shelf {
 public:
  Shelf() {
    const auto& verifier = host_.verifier;
    const auto app = host_.enroll_totp("totp");
    REQUIRE(app.factor.confirm(host_.code(app.totp.secret)).confirmed());
    (void)host_.enroll_totp("waiting");
    const auto enroll_key = [&](const char* user, std::string_view answer) {
      const auto key = verifier.enroll_factor(mfa::WebAuthn{.user = "alan", .user_id = user});
      REQUIRE(key.factor.challenge_enrollment().confirm(answer).confirmed());
    };
    enroll_key("passkey", mfa::test::ScriptedRelyingParty::valid_with_pin);
    enroll_key("touched", "valid");
    (void)verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "codes"}, mfa::by_operator);
    const auto used =
        verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "used codes", .count = 1}, mfa::by_operator);
    REQUIRE(used.factor.challenge().verify(used.recovery_codes.codes[0]).valid());
    for (const char* user : {"totp", "waiting", "passkey", "touched", "codes", "used codes"})
      all_.push_back(verifier.list_factors(user).at(0));
  }

  [[nodiscard]] std::vector<mfa::FactorDetails> of(const Having& having) const {
    std::vector<mfa::FactorDetails> factors;
    for (const Has one : having) factors.push_back(all_[static_cast<std::size_t>(one)]);
    return factors;
  }

 private:
  Host host_{with_webauthn()};
  std::vector<mfa::FactorDetails> all_;
};

/// Every list of up to three.
std::vector<Having> all_havings() {
  std::vector<Having> all{{}};
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].size() == 3) continue;
    for (const Has one : {Has::totp, Has::waiting, Has::passkey, Has::touched, Has::codes, Has::used_codes}) {
      if (!all[i].empty() && one < all[i].back()) continue;
      Having more = all[i];
      more.push_back(one);
      all.push_back(more);
    }
  }
  return all;
}

const Time friday = std::chrono::sys_days(std::chrono::year(2027) / 1 / 8);

/// The words of docs/factors.md once more.
Requirement plainly(const FactorPolicy& policy, const Having& having, Time now, const PolicyUser& user) {
  const auto how_many = [&](Has one) { return static_cast<unsigned>(std::ranges::count(having, one)); };
  const auto is_one_of_kinds = [&](FactorType type) {
    return std::ranges::find(policy.kinds, type) != policy.kinds.end();
  };
  const bool code_will_do = !policy.assurance.phishing_resistant && policy.assurance.factors <= 1;
  const bool totp_counts = code_will_do && (policy.kinds.empty() || is_one_of_kinds(FactorType::totp));
  const bool key_counts = policy.kinds.empty() || is_one_of_kinds(FactorType::webauthn);
  const bool codes_count = code_will_do && is_one_of_kinds(FactorType::recovery_codes);
  unsigned counted = 0;
  if (totp_counts) counted += how_many(Has::totp);
  if (key_counts) counted += how_many(Has::passkey);
  if (key_counts && policy.assurance.factors <= 1) counted += how_many(Has::touched);
  if (codes_count) counted += how_many(Has::codes);

  Requirement expected;
  expected.factors_lacking = counted >= policy.factors ? 0 : policy.factors - counted;
  expected.recovery_codes_lacking = policy.recovery_codes && how_many(Has::codes) == 0;
  const bool lacks = expected.factors_lacking > 0 || expected.recovery_codes_lacking;
  std::optional<Time> until = policy.deadline;
  if (user.since && policy.grace > 0s) until = std::max(until.value_or(Time{}), *user.since + policy.grace);
  if (!lacks) {
    expected.standing = Standing::met;
  } else if (user.exempt_until && now < *user.exempt_until) {
    expected.standing = Standing::exempt;
    expected.until = user.exempt_until;
  } else if (until && now < *until) {
    expected.standing = Standing::due;
    expected.until = until;
  }
  const unsigned has_keys = how_many(Has::passkey) + how_many(Has::touched);
  const bool has_factor = how_many(Has::totp) + has_keys > 0;
  for (const FactorType type : policy.offered) {
    bool offered = false;
    switch (type) {
    case FactorType::webauthn:
      offered = lacks ? expected.factors_lacking > 0 && key_counts : has_keys == 0;
      break;
    case FactorType::totp:
      offered = lacks ? expected.factors_lacking > 0 && totp_counts : how_many(Has::totp) == 0;
      break;
    case FactorType::recovery_codes:
      offered = has_factor &&
                (lacks ? expected.recovery_codes_lacking || (expected.factors_lacking > 0 && codes_count)
                       : how_many(Has::codes) == 0);
      break;
    default: break;
    }
    if (offered) expected.offer.push_back(type);
  }
  return expected;
}

std::vector<FactorPolicy> all_policies() {
  std::vector<FactorPolicy> all;
  const std::vector<std::vector<FactorType>> kinds{{},
                                                   {FactorType::totp},
                                                   {FactorType::webauthn, FactorType::totp},
                                                   {FactorType::recovery_codes},
                                                   {FactorType::webauthn, FactorType::recovery_codes}};
  const std::vector<std::vector<FactorType>> offers{
      FactorPolicy().offered, {FactorType::recovery_codes, FactorType::totp}, {}};
  for (const auto& some : kinds)
    for (const Assurance& assurance :
         {Assurance{}, Assurance{.phishing_resistant = true}, Assurance{.factors = 2}})
      for (const unsigned factors : {0U, 1U, 2U})
        for (const bool codes : {false, true})
          for (const auto& deadline : {std::optional<Time>(), std::optional<Time>(friday)})
            for (const auto grace : {0s, 604'800s})
              for (const auto& offered : offers)
                all.push_back({.kinds = some,
                               .assurance = assurance,
                               .factors = factors,
                               .recovery_codes = codes,
                               .deadline = deadline,
                               .grace = grace,
                               .offered = offered});
  return all;
}

/// Nobody meets it.
bool is_refused(const FactorPolicy& policy) {
  const bool wants_key = policy.assurance.phishing_resistant || policy.assurance.factors > 1;
  const bool has_key =
      policy.kinds.empty() || std::ranges::find(policy.kinds, FactorType::webauthn) != policy.kinds.end();
  return policy.factors > 0 && wants_key && !has_key;
}

} // namespace

TEST_CASE("Every user stands to every policy as its words say") {
  const Shelf shelf;
  std::size_t compared = 0;
  std::array<std::size_t, 4> standings{};
  std::string wrong;
  const auto havings = all_havings();
  for (const FactorPolicy& policy : all_policies()) {
    if (is_refused(policy)) continue;
    for (const PolicyUser& user :
         {PolicyUser(), PolicyUser{.since = friday - 24h * 3}, PolicyUser{.since = friday - 24h * 30},
          PolicyUser{.exempt_until = friday - 1h},
          PolicyUser{.since = friday - 24h * 3, .exempt_until = mfa::end_of_times}}) {
      std::vector<Time> moments;
      for (const Time end : {friday, friday - 1h, friday + 24h * 4, friday - 24h * 23})
        for (const auto off : {-1ms, 0ms, 1ms}) moments.push_back(end + off);
      for (const Having& having : havings) {
        const auto factors = shelf.of(having);
        for (const Time now : moments) {
          if (user.since && *user.since > now) continue;
          const Requirement asked = mfa::requirement(policy, factors, now, user);
          ++compared;
          ++standings.at(static_cast<std::size_t>(asked.standing));
          if (asked != plainly(policy, having, now, user) && wrong.empty())
            wrong =
                std::string(to_string(asked.standing)) + " of " + std::to_string(having.size()) + " factors";
          if (asked.lets_pass() != (asked.standing != Standing::overdue)) wrong = "lets_pass";
        }
      }
    }
  }
  CHECK(wrong == "");
  CHECK(compared > 500'000);
  for (const std::size_t often : standings) CHECK(often > 1000);
}

TEST_CASE("A policy that nobody can meet, or that is out of its range, is refused") {
  const std::vector<mfa::FactorDetails> none;
  const auto refused = [&](const FactorPolicy& policy) {
    return error_of([&] { (void)mfa::requirement(policy, none, friday); }).code() == errc::invalid_argument;
  };
  std::size_t tried = 0;
  for (const FactorPolicy& policy : all_policies())
    if (is_refused(policy)) {
      ++tried;
      CHECK(refused(policy));
    }
  CHECK(tried > 50);
  CHECK(refused({.assurance = {.factors = 3}}));
  CHECK(refused({.factors = 11}));
  CHECK(refused({.grace = -1s}));
  CHECK(refused({.grace = std::chrono::hours(24 * 366) + 1s}));
  CHECK(refused({.kinds = {FactorType(0)}}));
  CHECK(refused({.offered = {FactorType(200)}}));
  CHECK_NOTHROW(mfa::requirement({.factors = 10, .grace = std::chrono::hours(24 * 366)}, none, friday));
}

TEST_CASE("Clocks and times that are wrong give nobody more time than his grace") {
  const std::vector<mfa::FactorDetails> none;
  const FactorPolicy policy{.grace = 24h};
  const auto until = [&](Time since, Time now) {
    return mfa::requirement(policy, none, now, {.since = since}).until;
  };
  CHECK(until(friday + 24h * 300, friday) == friday + 24h); // kept by a clock that was ahead
  CHECK(until(Time::max(), friday) == friday + 24h);
  CHECK_FALSE(until(Time::min(), friday));
  for (const auto now :
       {std::chrono::system_clock::time_point::min(), std::chrono::system_clock::time_point::max()})
    CHECK_NOTHROW(mfa::requirement(policy, none, now, {.since = Time::max(), .exempt_until = Time::min()}));
}

TEST_CASE("A factor counts that is locked, and one that was renamed") {
  mfa::Options options;
  options.failures_before_delay = options.failures_before_lockout = 1;
  Host host{options};
  const auto app = host.enroll_verified_totp();
  (void)app.factor.challenge().verify(host.wrong_code(app.totp.secret));
  const auto listed = host.verifier.list_factors("u_42");
  REQUIRE(listed.at(0).locked());
  CHECK(mfa::requirement({}, listed, host.clock.now()).standing == Standing::met);
}
