// A stored secret that was changed in any bit, cut off or exchanged with another record's is refused with an
// error that names the factor. No code verifies against it, and nothing falls back to another secret.
#include <cstddef>
#include <string>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::errc;
using mfa::test::contains;
using mfa::test::Host;

namespace {

/// Verifies the factor's right code with these bytes in place of its sealed secret, and returns what is
/// thrown.
mfa::Error refusal(Host& host, const std::string& factor_id, const std::string& challenge_id,
                   const std::string& code, const std::string& sealed) {
  auto record = host.storage.find_factor(factor_id).value();
  record.sealed = sealed;
  REQUIRE(host.storage.commit({{record}, {}, {}, {}}));
  const auto before = host.storage.find_factor(factor_id);
  try {
    const auto status = host.verify(challenge_id, code);
    FAIL("answered " << to_string(status));
  } catch (const mfa::Error& error) {
    CHECK(host.storage.find_factor(factor_id) == before);
    return error;
  }
  throw std::logic_error("not reached");
}

} // namespace

TEST_CASE("Every changed bit and every cut of a sealed secret is refused") {
  Host host;
  const auto enrolled = host.enroll_totp();
  const auto& id = enrolled.factor.id();
  const auto challenge = host.challenge(id);
  const auto code = host.code(enrolled.totp.secret);
  const std::string sealed = host.storage.find_factor(id)->sealed;

  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    CAPTURE(bit);
    std::string changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    const auto error = refusal(host, id, challenge, code, changed);
    CHECK(
        (error.code() == errc::seal_broken || error.code() == errc::unknown_key)); // the key's id comes first
    CHECK_THAT(error.what(), contains(id));
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    CAPTURE(size);
    const auto error = refusal(host, id, challenge, code, sealed.substr(0, size));
    CHECK(error.code() == errc::seal_broken);
    CHECK_THAT(error.what(), contains(id));
  }
  CHECK(refusal(host, id, challenge, code, sealed + "x").code() == errc::seal_broken);

  auto record = host.storage.find_factor(id).value();
  record.sealed = sealed;
  REQUIRE(host.storage.commit({{record}, {}, {}, {}}));
  CHECK(host.verify(challenge, code) == mfa::Status::valid);
}

TEST_CASE("A secret in another factor's record is refused, though the code is right for it") {
  Host host;
  const auto mine = host.enroll_totp("attacker");
  const auto theirs = host.enroll_totp("victim");
  const auto challenge = host.challenge(theirs.factor.id());
  const auto error = refusal(host, theirs.factor.id(), challenge, host.code(mine.totp.secret),
                             host.storage.find_factor(mine.factor.id())->sealed);
  CHECK(error.code() == errc::seal_broken);
  CHECK_THAT(error.what(), contains(theirs.factor.id()));
  CHECK_THAT(error.what(), contains("moved from another record"));
}

TEST_CASE("A secret in the clear is refused where secrets are sealed") {
  Host host;
  const auto enrolled = host.enroll_totp();
  const auto challenge = host.challenge(enrolled.factor.id());
  const auto clear = mfa::KeyRing::unsealed().seal(mfa::otp::base32_decode(enrolled.totp.secret), "any");
  CHECK(refusal(host, enrolled.factor.id(), challenge, host.code(enrolled.totp.secret), clear).code() ==
        errc::unknown_key);
}
