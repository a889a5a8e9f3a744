// A stored secret that was changed in any bit, cut off or exchanged with another record's is refused with an
// error that names the factor: by the record's seal, and by its own where somebody with the keys has sealed
// the record. No code verifies against it, and nothing falls back to another secret.
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/edited_record.hpp"
#include "support/host.hpp"

using mfa::errc;
using mfa::test::contains;
using mfa::test::opened;

namespace {

/// A host whose keys the test has too.
struct Host : mfa::test::Host {
  Host() : mfa::test::Host({.key_ring = keys}) {}

  static const mfa::KeyRing keys;
};
const mfa::KeyRing Host::keys = mfa::KeyRing::generate();

/// Which seal meets the bytes.
enum class Seal { of_the_record, of_the_secret };

/// What is sealed: the bytes as they are stored, or the secret in them.
std::string sealed_in(Host& host, const std::string& factor_id, Seal seal) {
  const auto record = host.storage.find_factor(factor_id).value();
  return seal == Seal::of_the_record ? record.sealed : opened(record, Host::keys).sealed;
}

void put(Host& host, const std::string& factor_id, Seal seal, const std::string& bytes) {
  auto record = host.storage.find_factor(factor_id).value();
  record.sealed = bytes;
  if (seal == Seal::of_the_secret) mfa::verbs::seal(record, Host::keys);
  REQUIRE(host.storage.commit({{record}, {}, {}, {}}));
}

/// Verifies the factor's right code with these bytes in place of what is sealed, and returns what is thrown.
mfa::Error refusal(Host& host, const std::string& factor_id, const std::string& challenge_id,
                   const std::string& code, Seal seal, const std::string& bytes) {
  put(host, factor_id, seal, bytes);
  const auto before = host.storage.find_factor(factor_id);
  try {
    const auto status = host.verifier.confirm_enrollment(challenge_id, code).status();
    FAIL("answered " << to_string(status));
  } catch (const mfa::Error& error) {
    CHECK(host.storage.find_factor(factor_id) == before);
    return error;
  }
  throw std::logic_error("not reached");
}

} // namespace

TEST_CASE("Every changed bit and every cut of a sealed secret is refused") {
  const Seal seal = GENERATE(Seal::of_the_record, Seal::of_the_secret);
  Host host;
  const auto enrolled = host.enroll_totp();
  const auto& id = enrolled.factor.id();
  const auto challenge = host.challenge(id);
  const auto code = host.code(enrolled.totp.secret);
  const std::string sealed = sealed_in(host, id, seal);

  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    CAPTURE(bit);
    std::string changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    const auto error = refusal(host, id, challenge, code, seal, changed);
    CHECK(
        (error.code() == errc::seal_broken || error.code() == errc::unknown_key)); // the key's id comes first
    CHECK_THAT(error.what(), contains(id));
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    CAPTURE(size);
    const auto error = refusal(host, id, challenge, code, seal, sealed.substr(0, size));
    CHECK(error.code() == errc::seal_broken);
    CHECK_THAT(error.what(), contains(id));
  }
  CHECK(refusal(host, id, challenge, code, seal, sealed + "x").code() == errc::seal_broken);

  put(host, id, seal, sealed);
  CHECK(host.verify(challenge, code) == mfa::Status::valid);
}

TEST_CASE("A secret in another factor's record is refused, though the code is right for it") {
  Host host;
  const auto mine = host.enroll_totp("attacker");
  const auto theirs = host.enroll_totp("victim");
  const auto challenge = host.challenge(theirs.factor.id());
  const auto refused = [&](Seal seal, std::string_view why) {
    const auto error = refusal(host, theirs.factor.id(), challenge, host.code(mine.totp.secret), seal,
                               sealed_in(host, mine.factor.id(), seal));
    CHECK(error.code() == errc::seal_broken);
    CHECK_THAT(error.what(), contains(theirs.factor.id()));
    CHECK_THAT(error.what(), contains(std::string(why)));
  };
  refused(Seal::of_the_record, "moved by something else than this library");
  refused(Seal::of_the_secret, "moved from another record");
}

TEST_CASE("A secret in the clear is refused where secrets are sealed") {
  Host host;
  const auto enrolled = host.enroll_totp();
  const auto challenge = host.challenge(enrolled.factor.id());
  const auto clear = mfa::KeyRing::unsealed().seal(mfa::otp::base32_decode(enrolled.totp.secret), "any");
  const auto refused = [&](Seal seal) {
    return refusal(host, enrolled.factor.id(), challenge, host.code(enrolled.totp.secret), seal, clear)
        .code();
  };
  CHECK(refused(Seal::of_the_record) == errc::seal_broken);
  CHECK(refused(Seal::of_the_secret) == errc::unknown_key);
}
