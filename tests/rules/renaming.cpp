// A factor is called what its user calls it, whatever happens to it meanwhile, and a name is nothing more.
#include <array>
#include <chrono>
#include <string>
#include <vector>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::errc;
using mfa::test::Host;
using mfa::test::thrown_by;
using namespace std::chrono_literals;

TEST_CASE("A renamed factor keeps all but its name") {
  Host host;
  const auto app = host.enroll_verified_totp();
  const auto before = host.verifier.get_factor(app.factor.id(), "u_42");
  const auto challenge = app.factor.challenge();
  host.clock.advance(1s);
  const auto renamed = host.verifier.rename_factor(app.factor.id(), "u_42", "mein Telefon \u2603");
  CHECK(renamed.friendly_name() == "mein Telefon \u2603");
  CHECK(renamed.id() == app.factor.id());
  CHECK(renamed.updated_at() == host.clock.now());
  CHECK(renamed.last_used_at() == before.last_used_at());
  CHECK(host.verifier.get_factor(app.factor.id(), "u_42").friendly_name() == "mein Telefon \u2603");
  CHECK(challenge.verify(host.code(app.totp.secret)).valid());
  CHECK(host.verifier.get_factor(app.factor.id(), "u_42").friendly_name() == "mein Telefon \u2603");
  CHECK(renamed.rename("").friendly_name().empty());
}

TEST_CASE("A factor that is not confirmed, or locked, can be renamed, and stays what it was") {
  mfa::Options options;
  options.failures_before_delay = options.failures_before_lockout = 1;
  Host host{options};
  const auto waiting = host.enroll_totp();
  CHECK_FALSE(waiting.factor.rename("new").verified());
  const auto app = host.enroll_verified_totp();
  REQUIRE(app.factor.challenge().verify(host.wrong_code(app.totp.secret)).factor_locked());
  CHECK(app.factor.rename("new").locked());
}

TEST_CASE("A name of another's factor, or that is none, is refused") {
  Host host;
  const auto app = host.enroll_verified_totp();
  const auto rename = [&](const mfa::Whose& whose, const std::string& name) {
    return thrown_by([&] { return host.verifier.rename_factor(app.factor.id(), whose, name); });
  };
  CHECK(rename("u_43", "mine") == errc::entity_not_found);
  CHECK(rename("u_42", std::string(200, 'x')) == errc{});
  for (const std::string& name : {std::string(201, 'x'), std::string("a\nb"), std::string("\xff")})
    CHECK(rename("u_42", name) == errc::invalid_argument);
  CHECK(rename(mfa::any_user, "by an operator") == errc{});
  CHECK(thrown_by([&] {
          return host.verifier.rename_factor("auth_factor_00000000000000000000000000", "u_42", "x");
        }) == errc::entity_not_found);
}

TEST_CASE("The observer is told of a factor that was renamed, and of none that was not") {
  std::vector<std::string> renamed;
  mfa::Options options;
  options.observer = [&](const mfa::Event& event) {
    if (event.type == mfa::EventType::factor_renamed)
      renamed.push_back(std::string(event.user_id) + '/' + std::string(event.factor_id));
  };
  Host host{options};
  const auto app = host.enroll_verified_totp();
  CHECK(thrown_by([&] { return host.verifier.rename_factor(app.factor.id(), "u_43", "mine"); }) ==
        errc::entity_not_found);
  CHECK(renamed.empty());
  (void)app.factor.rename("mein Telefon");
  CHECK(renamed == std::vector<std::string>{"u_42/" + app.factor.id()});
}
