// A user gets in with a recovery code, however it is typed and whoever else tries the same one at that
// moment.
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <cctype>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/storage/sqlite.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/temporary_directory.hpp"

using mfa::RecoveryCodes;
using mfa::Status;
using mfa::test::Host;

namespace {

/// Has two threads verify one code at once, each on a challenge of its own; returns how many were valid, for
/// each code of a set.
template <class Storage> std::vector<int> valid_answers_of_races(Storage& storage) {
  mfa::Verifier verifier{storage, mfa::Options{.key_ring = mfa::KeyRing::generate()}};
  const auto enrolled = verifier.enroll_factor(RecoveryCodes{.count = 50}, mfa::by_operator);
  std::vector<int> valid_answers;
  for (const std::string& code : enrolled.recovery_codes.codes) {
    const auto challenges = {enrolled.factor.challenge(), enrolled.factor.challenge()};
    std::atomic<int> valid{0};
    std::atomic<int> used{0};
    std::barrier gate(2);
    {
      std::vector<std::jthread> racing;
      for (const auto& challenge : challenges)
        racing.emplace_back([&valid, &used, &gate, &challenge, &code] {
          gate.arrive_and_wait();
          const auto status = challenge.verify(code).status();
          valid += status == Status::valid;
          used += status == Status::code_already_used;
        });
    }
    valid_answers.push_back(valid);
    CHECK(valid + used == 2);
    verifier.unlock_factor(enrolled.factor.id(), mfa::any_user, mfa::by_operator);
  }
  return valid_answers;
}

} // namespace

TEST_CASE("A code is taken as people type it, and what is no code costs no attempt") {
  Host host;
  const auto enrolled = host.verifier.enroll_factor(RecoveryCodes{}, mfa::by_operator);
  const std::string& id = enrolled.factor.id();
  const auto plain = [](std::string code) {
    std::erase(code, '-');
    return code;
  };
  const std::function<std::string(std::string)> spellings[] = {
      [](const std::string& code) { return code; },
      plain,
      [&](const std::string& code) {
        return ' ' + plain(code).substr(0, 6) + " - " + plain(code).substr(6) + ' ';
      },
      [](std::string code) {
        std::ranges::transform(code, code.begin(),
                               [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return code;
      },
      [](std::string code) {
        std::ranges::replace(code, '0', 'O');
        std::ranges::replace(code, '1', 'l');
        return code;
      },
      [](std::string code) {
        std::ranges::replace(code, '0', 'o');
        std::ranges::replace(code, '1', 'I');
        return code;
      },
  };
  for (const auto& spelling : spellings)
    for (const std::string& code :
         host.verifier.regenerate_recovery_codes(id, mfa::any_user, mfa::by_operator).recovery_codes.codes)
      CHECK(host.verify(host.challenge(id), spelling(code)) == Status::valid);

  using namespace std::string_literals;
  const std::string code = plain(enrolled.recovery_codes.codes.front()).substr(1);
  for (const std::string& typed : {""s, code, code + "00", code + "U", code + "\0"s, code + "\xD9"s,
                                   code + "+", std::string(10'000, 'A')}) {
    CAPTURE(typed.size());
    CHECK(host.verify(host.challenge(id), typed) == Status::malformed_code);
  }
  CHECK(host.verifier.get_factor(id, mfa::any_user).failures() == 0);
}

TEST_CASE("Two threads race for one recovery code: one is valid") {
  mfa::storage::Memory memory;
  for (const int valid : valid_answers_of_races(memory)) CHECK(valid == 1);
  const mfa::test::TemporaryDirectory directory;
  mfa::storage::Sqlite sqlite(directory.path() + "/mfa.db", {.synchronous = mfa::storage::Synchronous::off});
  for (const int valid : valid_answers_of_races(sqlite)) CHECK(valid == 1);
}

TEST_CASE("A set is usable from the start, and says how much of it is left") {
  Host host;
  const auto totp = host.enroll_totp();
  const auto shown = host.verifier.confirm_enrollment(totp.factor.id(), host.code(totp.totp.secret));
  const auto enrolled = host.verifier.enroll_factor(RecoveryCodes{.user_id = "u_42", .count = 3}, shown);
  const std::string& id = enrolled.factor.id();
  CHECK(enrolled.factor.verified());
  const auto challenge = host.verifier.challenge_factor(id, "u_42");
  REQUIRE(challenge.verify(enrolled.recovery_codes.codes[1]).valid());
  const auto listed = host.verifier.list_factors("u_42");
  REQUIRE(listed.size() == 2);
  const auto& set = listed[0].recovery_codes() != nullptr ? listed[0] : listed[1]; // made in one millisecond
  REQUIRE(set.recovery_codes() != nullptr);
  CHECK(set.recovery_codes()->remaining == 2);
  CHECK(set.recovery_codes()->count == 3);
  CHECK(host.verifier.regenerate_recovery_codes(id, "u_42", shown).factor.recovery_codes()->remaining == 3);
}

TEST_CASE("A set outlives the key that it was made under") {
  const std::array<unsigned char, 32> key_a{1};
  const std::array<unsigned char, 32> key_b{2};
  mfa::storage::Memory storage;
  mfa::Verifier before{storage, mfa::Options{.key_ring = mfa::KeyRing("a", key_a)}};
  const auto enrolled = before.enroll_factor(RecoveryCodes{}, mfa::by_operator);
  const auto verify = [&](auto& verifier, std::size_t code) {
    return verifier
        .verify_challenge(verifier.challenge_factor(enrolled.factor.id(), mfa::any_user).id(),
                          enrolled.recovery_codes.codes[code])
        .valid();
  };
  mfa::Verifier during{storage, mfa::Options{.key_ring = mfa::KeyRing("b", key_b).add_further("a", key_a)}};
  CHECK(verify(during, 0)); // which seals the set anew
  mfa::Verifier after{storage, mfa::Options{.key_ring = mfa::KeyRing("b", key_b)}};
  CHECK(verify(after, 1));
}
