// Whoever can write to the whole database, and has an honest account of his own but no key, signs in as
// nobody else, and gets no more than he may as himself. What he gets by putting back what a record was once,
// or by removing it, which no seal inside a record can tell, is in a table of docs/security.md.
// MFA_LONG takes 110,000 edits and MFA_TEST_EDITS any number (there are 700,000), MFA_TEST_SEED the seed that
// a run printed.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <string>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/host.hpp"
#include "support/hostile_database.hpp"
#include "support/whole_storage.hpp"

using namespace mfa::test::hostile;

TEST_CASE("no edit of a record gains anything") {
  const auto most = mfa::test::how_much("MFA_TEST_EDITS", 30'000, 110'000);
  CHECK(nothing_is_gained<mfa::storage::Memory>("memory", most) >= most / 4 * 3);
}

TEST_CASE("no edit of a record in SQLite gains anything") {
  (void)nothing_is_gained<mfa::test::TemporarySqlite>("SQLite",
                                                      mfa::test::how_much("MFA_TEST_EDITS", 500, 2'000));
}

namespace {

std::string listed(const std::set<std::string>& gains) {
  std::string text;
  for (const std::string& gain : gains) text.append(text.empty() ? "" : ", ").append(gain);
  return text.empty() ? "nothing" : text;
}

std::string row(const std::string& sort, const Gains& rollbacks, const Gains& deletions) {
  const auto of = [&](const Gains& gains) {
    const auto found = gains.find(sort);
    return found == gains.end() ? "" : listed(found->second);
  };
  return "| " + sort + " | " + of(rollbacks) + " | " + of(deletions) + " |";
}

} // namespace

TEST_CASE("docs/security.md says what is gained by rollback and deletion") {
  Attack<mfa::storage::Memory> attack(false);
  const Gains rollbacks = gains_by_rollback(attack);
  const Gains deletions = gains_by_deletion(attack);
  std::printf("%zu rollbacks and deletions, which %zu attempts followed\n", attack.edits, attack.attempts);
  std::set<std::string> rows;
  for (const Gains* gains : {&rollbacks, &deletions})
    for (const auto& [sort, gained] : *gains) rows.insert(row(sort, rollbacks, deletions));

  std::ifstream page(MFA_SOURCE_DIRECTORY "/docs/security.md");
  std::set<std::string> told;
  bool below = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("#")) below = line == "### What a rollback and a deletion give";
    if (below && line.starts_with("| ") && !line.starts_with("| record |") && !line.starts_with("| --- |"))
      told.insert(line);
  }
  for (const std::string& is : rows)
    if (!told.contains(is)) std::printf("docs/security.md lacks: %s\n", is.c_str());
  CHECK(told == rows);
}

TEST_CASE("what was written in an epoch that is over cannot be put back") {
  Attack<mfa::storage::Memory> attack(true);
  for (const auto& [sort, gained] : gains_by_rollback(attack, true)) {
    CAPTURE(sort);
    CHECK(listed(gained) == "nothing");
  }
}

namespace {

/// What the answer comes to that was recorded on this challenge of the victim's, whose record is removed.
std::string replayed(Scene<mfa::storage::Memory>& scene, const std::string& challenge) {
  const std::string id(mfa::detail::stored_part_of(scene.victim.challenges.at(challenge)));
  REQUIRE(scene.storage.write({mfa::storage::RecordKind::challenge, id, std::nullopt}));
  for (const Probe& probe : scene.probes)
    if (probe.name == "u_victim's challenge '" + challenge + "': verify, a recorded answer")
      return probe.attempt().text;
  return "no such attempt";
}

} // namespace

TEST_CASE("a recorded answer of a passkey whose record was removed counts until its challenge is over") {
  Scene<mfa::storage::Memory> scene(false);
  CHECK(replayed(scene, "answered passkey") == "valid");
  CHECK(replayed(scene, "passkey before a new password") == "valid"); // a challenge of an hour
  CHECK(replayed(scene, "answered passkey that counts") == "cloned_authenticator");
  scene.clock.advance(std::chrono::minutes(5));
  CHECK(replayed(scene, "answered passkey") == "expired");
  CHECK(replayed(scene, "answered passkey of the user") == "expired");
  Scene<mfa::storage::Memory> later(true); // in another epoch
  CHECK(replayed(later, "answered passkey") == "entity not found");
}

namespace {

/// Where somebody else writes to the records of users between every read and every commit.
struct MovingUsers : mfa::storage::Memory {
  bool moves = false;

  bool commit(const mfa::storage::Batch& batch) {
    for (const auto& counter : batch.counters)
      if (moves && counter.id.starts_with("user_")) return false;
    return mfa::storage::Memory::commit(batch);
  }
};

} // namespace

TEST_CASE("a wrong code is counted while somebody moves its user's record all the time") {
  mfa::test::HostOver<MovingUsers> host;
  const auto enrolled = host.enroll_verified_totp();
  const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
  host.storage.moves = true;
  for (int attempts = 4; attempts >= 0; --attempts)
    CHECK(challenge.verify(host.wrong_code(enrolled.totp.secret)).challenge().attempts_left() ==
          static_cast<unsigned>(attempts));
  CHECK(challenge.verify(host.code(enrolled.totp.secret)).status() == mfa::Status::too_many_attempts);
}
