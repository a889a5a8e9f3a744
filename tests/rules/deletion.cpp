// What a deletion says is left is what is left; the last factor is kept where the host says so, in whatever
// state the others are; and recovery codes go with the last other factor where the host says so.
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/otp/hotp.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/scripted_relying_party.hpp"

using mfa::errc;
using mfa::FactorType;
using mfa::Remaining;
using mfa::test::Host;
using mfa::test::thrown_by;
using namespace std::chrono_literals;

namespace {

/// A user's factor in a table.
enum class Has { totp, unverified_totp, locked_totp, sms, codes, used_codes, security_key };

mfa::Options options() {
  mfa::Options options;
  options.webauthn = std::make_shared<mfa::test::ScriptedRelyingParty>();
  options.failures_before_delay = options.failures_before_lockout = 1;
  return options;
}

class Account {
 public:
  explicit Account(const std::vector<Has>& all) : host(options()) {
    for (const Has one : all) {
      ids.push_back(enroll(one));
      host.clock.advance(1ms); // so that they are listed in this order
    }
  }

  Host host;
  std::vector<std::string> ids;

  /// By an operator.
  Remaining remove(std::size_t which, const mfa::DeleteOptions& said = {}) {
    return host.verifier.delete_factor(ids[which], "u_42", mfa::by_operator, said);
  }
  [[nodiscard]] std::size_t left() const { return host.verifier.list_factors("u_42").size(); }

 private:
  std::string enroll(Has one) {
    const auto& verifier = host.verifier;
    switch (one) {
    case Has::sms: {
      const auto phone = host.enroll_sms("+14155550123", "u_42", mfa::by_operator);
      REQUIRE(phone.factor.challenge_enrollment().confirm(host.sms.last().body).confirmed());
      return phone.factor.id();
    }
    case Has::codes:
    case Has::used_codes: {
      const auto set = verifier.enroll_factor(
          mfa::RecoveryCodes{.user_id = "u_42", .count = one == Has::codes ? 3U : 1U}, mfa::by_operator);
      if (one == Has::used_codes) REQUIRE(set.factor.challenge().verify(set.recovery_codes.codes[0]).valid());
      return set.factor.id();
    }
    case Has::security_key: {
      const auto key =
          verifier.enroll_factor(mfa::WebAuthn{.user = "alan", .user_id = "u_42"}, mfa::by_operator);
      REQUIRE(key.factor.challenge_enrollment({}, mfa::by_operator)
                  .confirm(mfa::test::ScriptedRelyingParty::valid_with_pin)
                  .confirmed());
      return key.factor.id();
    }
    default: break;
    }
    const auto app = host.enroll_totp("u_42", mfa::by_operator);
    if (one != Has::unverified_totp) REQUIRE(app.factor.confirm(host.code(app.totp.secret)).confirmed());
    if (one == Has::locked_totp) {
      REQUIRE(app.factor.challenge().verify(host.wrong_code(app.totp.secret)).factor_locked());
    }
    return app.factor.id();
  }
};

constexpr mfa::Assurance none{.factors = 0};
constexpr mfa::Assurance one_factor{};
constexpr mfa::Assurance key{.factors = 2, .phishing_resistant = true};

struct Row {
  std::vector<Has> has;
  std::size_t deleted;               ///< which of them
  bool is_last;                      ///< `refuse_last` keeps it
  Remaining left;                    ///< of what the others come to
  std::size_t left_with_codes_taken; ///< factors in the list, with `take_recovery_codes`
};

const std::vector<Row> rows{
    {{Has::totp}, 0, true, {0, 0, 0, none}, 0},
    {{Has::totp, Has::sms}, 0, false, {1, 0, 0, one_factor}, 1},
    {{Has::totp, Has::security_key}, 0, false, {1, 0, 0, key}, 1},
    {{Has::totp, Has::security_key, Has::sms}, 0, false, {2, 0, 0, key}, 2},
    {{Has::sms, Has::totp, Has::security_key}, 0, false, {2, 0, 0, key}, 2},
    {{Has::totp, Has::security_key}, 1, false, {1, 0, 0, one_factor}, 1},
    {{Has::totp, Has::unverified_totp}, 0, true, {0, 1, 0, none}, 1},
    {{Has::totp, Has::unverified_totp}, 1, false, {1, 0, 0, one_factor}, 1},
    {{Has::unverified_totp}, 0, false, {0, 0, 0, none}, 0},
    {{Has::totp, Has::locked_totp}, 0, false, {1, 0, 0, one_factor}, 1},
    {{Has::totp, Has::codes}, 0, true, {0, 0, 3, none}, 0},
    {{Has::totp, Has::codes, Has::codes}, 0, true, {0, 0, 6, none}, 0},
    {{Has::totp, Has::codes, Has::unverified_totp}, 0, true, {0, 1, 3, none}, 1},
    {{Has::totp, Has::sms, Has::codes}, 0, false, {1, 0, 3, one_factor}, 2},
    {{Has::totp, Has::codes}, 1, false, {1, 0, 0, one_factor}, 1},
    {{Has::totp, Has::used_codes}, 0, true, {0, 0, 0, none}, 0},
    {{Has::codes}, 0, true, {0, 0, 0, none}, 0},
    {{Has::codes, Has::codes}, 0, false, {0, 0, 3, none}, 1},
    {{Has::codes, Has::unverified_totp}, 1, false, {0, 0, 3, none}, 1},
};

} // namespace

TEST_CASE("A deletion says what is left, and the list says the same") {
  for (const Row& row : rows) {
    CAPTURE(&row - rows.data());
    Account account(row.has);
    CHECK(account.remove(row.deleted) == row.left);
    CHECK(account.left() == row.has.size() - 1);
    CHECK(Remaining::of(account.host.verifier.list_factors("u_42")) == row.left);
    CHECK(row.left.any() == (row.left.factors + row.left.recovery_codes > 0));
  }
}

TEST_CASE("The last factor is kept where the host says so, and nothing is changed") {
  for (const Row& row : rows) {
    CAPTURE(&row - rows.data());
    Account account(row.has);
    const auto device = account.host.verifier.remember_device("u_42", "Laptop", mfa::by_operator);
    const errc thrown = thrown_by([&] { return account.remove(row.deleted, {.refuse_last = true}); });
    CHECK(thrown == (row.is_last ? errc::last_factor : errc{}));
    if (!row.is_last) continue;
    CHECK(account.left() == row.has.size());
    CHECK(account.host.verifier.check_device(device.token, "u_42").has_value());
    CHECK_NOTHROW(account.remove(row.deleted)); // and an operator may
  }
}

TEST_CASE("Recovery codes go with the last other factor where the host says so, and with no other") {
  for (const Row& row : rows) {
    CAPTURE(&row - rows.data());
    Account account(row.has);
    const Remaining left = account.remove(row.deleted, {.take_recovery_codes = true});
    CHECK(account.left() == row.left_with_codes_taken);
    CHECK(left == Remaining::of(account.host.verifier.list_factors("u_42")));
    CHECK(left.unverified == row.left.unverified);
  }
}

TEST_CASE("Both together keep the last factor and its codes") {
  Account account({Has::totp, Has::codes});
  CHECK(thrown_by([&] { return account.remove(0, {.refuse_last = true, .take_recovery_codes = true}); }) ==
        errc::last_factor);
  CHECK(account.left() == 2);
}

TEST_CASE("Who may not delete a factor is not told whether it is the last") {
  Account account({Has::totp});
  CHECK(thrown_by([&] {
          return account.host.verifier.delete_factor(account.ids[0], "u_42", {}, {.refuse_last = true});
        }) == errc::authorization_required);
  CHECK(thrown_by([&] {
          return account.host.verifier.delete_factor(account.ids[0], "u_43", mfa::by_operator,
                                                     {.refuse_last = true});
        }) == errc::entity_not_found);
}

TEST_CASE("A factor of no user is its user's last, and leaves nothing") {
  Host host;
  const auto first = host.verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
  (void)host.verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
  REQUIRE(first.factor.confirm(host.code(first.totp.secret)).confirmed());
  CHECK(thrown_by([&] { return first.factor.remove(mfa::by_operator, {.refuse_last = true}); }) ==
        errc::last_factor);
  CHECK(first.factor.remove(mfa::by_operator) == Remaining());
}

TEST_CASE("Of a deleted enrolment nothing stays that a purge does not remove") {
  Host host;
  const auto with_user = host.enroll_totp();
  const auto without = host.verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
  (void)without.factor.challenge_enrollment();
  with_user.factor.remove();
  without.factor.remove();
  for (const std::string& id : {std::string("user_u_42"), "no_user_" + without.factor.id()}) {
    CAPTURE(id);
    REQUIRE(host.storage.find_counter(id).has_value());
  }
  host.clock.advance(24h * 31);
  (void)host.verifier.purge_expired();
  CHECK_FALSE(host.storage.find_counter("user_u_42").has_value());
  CHECK_FALSE(host.storage.find_counter("no_user_" + without.factor.id()).has_value());
}

TEST_CASE("Devices end with the recovery codes that go with the last factor") {
  Account account({Has::totp, Has::codes});
  const auto device = account.host.verifier.remember_device("u_42", "Laptop", mfa::by_operator);
  account.remove(0, {.take_recovery_codes = true});
  CHECK_FALSE(account.host.verifier.check_device(device.token, "u_42").has_value());
}
