// A commit that answers `false` though no version moved, as when the database undid the transaction in a
// deadlock, is tried again by every verb; one that never succeeds ends with an error.
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <mfa/import.hpp>
#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::errc;
using mfa::storage::Batch;
using namespace mfa::test;
using namespace std::chrono_literals;

namespace {

/// Undoes so many commits before it takes one.
class Undoing : public mfa::storage::Memory {
 public:
  bool commit(const Batch& batch) {
    if (undone < undo) {
      ++undone;
      return false;
    }
    undone = 0;
    return mfa::storage::Memory::commit(batch);
  }

  std::size_t undo = 0;
  std::size_t undone = 0;
};

} // namespace

TEST_CASE("Every verb gets through after commits that were undone") {
  const std::size_t undo = GENERATE(0U, 1U, 7U);
  HostOver<Undoing> host;
  host.storage.undo = undo;

  const auto totp = host.enroll_totp();
  const auto confirmation = totp.factor.confirm(host.code(totp.totp.secret));
  CHECK(confirmation.confirmed());
  const auto recovery = host.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42"}, confirmation);
  const auto phone = host.enroll_sms("+14155550123", "u_42", confirmation);
  CHECK(host.verifier.list_factors("u_42").size() == 3);
  CHECK(host.verify(host.challenge(totp.factor.id()), host.code(totp.totp.secret, 1)) == mfa::Status::valid);
  CHECK(host.verify(host.challenge(totp.factor.id()), host.wrong_code(totp.totp.secret)) ==
        mfa::Status::wrong_code);
  CHECK(host.verifier.regenerate_recovery_codes(recovery.factor.id(), "u_42", confirmation)
            .recovery_codes.codes.size() == 10);
  (void)host.challenge(phone.factor.id());
  CHECK(host.sms.messages().size() == 1); // an SMS is sent after the commit, and once
  const auto remembered = host.verifier.remember_device("u_42", "laptop", confirmation);
  CHECK(host.verifier.check_device(remembered.token, "u_42"));
  CHECK(host.verifier.revoke_devices("u_42") == 1);
  const auto line = mfa::ImportLine{.user_id = "u_7", .uri = totp.totp.uri};
  CHECK(mfa::import_factors(host.verifier, std::vector{line}).imported == 1);
  CHECK(host.verifier.list_factors("u_7").size() == 1);
  host.verifier.unlock_factor(totp.factor.id(), "u_42", confirmation);
  host.verifier.delete_factor(totp.factor.id(), "u_42", confirmation);
  CHECK(host.verifier.list_factors("u_42").size() == 2);
}

TEST_CASE("A storage that never takes a commit ends each verb with an error that says so") {
  HostOver<Undoing> host;
  const auto totp = host.enroll_totp();
  host.storage.undo = 1'000'000;
  CHECK(thrown_by([&] { return host.enroll_totp(); }) == errc::storage_conflict);
  CHECK(thrown_by([&] { return host.challenge(totp.factor.id()); }) == errc::storage_conflict);
}

TEST_CASE("A new id that exists already is told as such, and not tried again") {
  struct Taken : mfa::storage::Memory { // as if the new factor's id were there
    bool commit(const Batch& batch) {
      ++commits;
      Batch other = batch;
      for (auto& factor : other.factors) factor.friendly_name = "another's";
      (void)mfa::storage::Memory::commit(other);
      return mfa::storage::Memory::commit(batch);
    }
    int commits = 0;
  };
  HostOver<Taken> host;
  try {
    (void)host.enroll_totp();
    FAIL("it was taken");
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::storage_conflict);
    CHECK_THAT(error.what(), contains("a factor with a new id exists already"));
  }
  CHECK(host.storage.commits == 1);
}
