// What a storage returns is checked before anything is made of it, whatever storage it is and before its seal
// is looked at: times that no clock makes and that would overflow, states and kinds that there are not,
// another record than the one asked for.
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/flipped_bits.hpp"
#include "support/host.hpp"

using mfa::errc;
using mfa::Time;
using mfa::storage::ChallengeRecord;
using mfa::storage::CounterRecord;
using mfa::storage::FactorRecord;
using namespace mfa::test;
using namespace std::string_literals;

namespace {

constexpr Time at(std::int64_t milliseconds) { return Time(std::chrono::milliseconds(milliseconds)); }

/// No record has one, and sums with some of them overflow.
const std::vector<Time> impossible_times{
    at(-1), at(std::numeric_limits<std::int64_t>::min()), at(std::numeric_limits<std::int64_t>::max()),
    at(std::numeric_limits<std::int64_t>::max() - 3'600'000), at(200'000'000'000'000)};

/// A host over its own storage, whose one user has an authenticator, a phone and a device.
struct OwnHost : HostOver<flips::OwnStorage> {
  OwnHost() {
    for (int wrong = 0; wrong < 5; ++wrong) // so that its wrong codes make it wait
      (void)verify(challenge_id, wrong_code(totp.totp.secret));
    challenge_id = challenge(totp.factor.id());
    sms_challenge_id = challenge(phone.factor.id());
    token = verifier.remember_device("u_42", "laptop", shown).token;
    sound = storage.records;
  }

  decltype(std::declval<HostOver<flips::OwnStorage>&>().enroll_totp()) totp = enroll_totp();
  mfa::Confirmation shown = totp.factor.confirm(code(totp.totp.secret));
  decltype(std::declval<HostOver<flips::OwnStorage>&>().enroll_sms()) phone =
      enroll_sms("+14155550123", "u_42", shown);
  std::string challenge_id = challenge(totp.factor.id());
  std::string sms_challenge_id;
  std::string token;
  flips::Records sound;

  FactorRecord& factor() { return storage.records.factors.at(totp.factor.id()); }
  ChallengeRecord& put() { return storage.records.challenges.at(challenge_id); }
  CounterRecord& devices() { return storage.records.counters.at("trusted_devices_u_42"); }

  void check_factor_refused() {
    const std::string id = totp.factor.id();
    const std::vector<std::function<void()>> verbs{
        [&] { (void)verifier.get_factor(id, mfa::any_user); },
        [&] { (void)verifier.list_factors("u_42"); },
        [&] { (void)verifier.challenge_factor(id, mfa::any_user); },
        [&] { (void)verifier.challenge_enrollment(id, mfa::any_user); },
        [&] { (void)verifier.verify_challenge(challenge_id, "123456"); },
        [&] { (void)verifier.confirm_enrollment(id, "123456"); },
        [&] { verifier.delete_factor(id, mfa::any_user, mfa::by_operator); },
        [&] { (void)verifier.rename_factor(id, mfa::any_user, "x"); },
        [&] { (void)verifier.reset_user("u_42", mfa::by_operator); },
        [&] { verifier.unlock_factor(id, mfa::any_user, mfa::by_operator); },
        [&] { (void)verifier.unsafe_export_otpauth_uri(id, mfa::any_user); }};
    for (std::size_t i = 0; i < verbs.size(); ++i) {
      INFO("verb " << i);
      CHECK(thrown_by(verbs[i]) == errc::corrupt_record);
    }
    CHECK(verifier.reseal_all().failed == 1);
    storage.records = sound;
  }

  void check_challenge_refused() {
    CHECK(thrown_by([&] { return verifier.get_challenge(challenge_id, mfa::any_user); }) ==
          errc::corrupt_record);
    CHECK(thrown_by([&] { return verifier.verify_challenge(challenge_id, "123456"); }) ==
          errc::corrupt_record);
    storage.records = sound;
  }

  void check_devices_refused() {
    CHECK(thrown_by([&] { return verifier.check_device(token, "u_42"); }) == errc::corrupt_record);
    CHECK(thrown_by([&] { return verifier.list_devices("u_42"); }) == errc::corrupt_record);
    CHECK(thrown_by([&] { return verifier.remember_device("u_42", "phone", mfa::by_operator); }) ==
          errc::corrupt_record);
    CHECK(thrown_by([&] { return verifier.revoke_devices("u_42"); }) == errc::corrupt_record);
    CHECK(thrown_by([&] { return verifier.reset_user("u_42", mfa::by_operator); }) == errc::corrupt_record);
    storage.records = sound;
  }
};

} // namespace

TEST_CASE("a time that no clock makes is an error, and overflows nowhere") {
  OwnHost host;
  for (const Time time : impossible_times) {
    INFO(time.time_since_epoch().count() << " ms");
    for (auto member : {&FactorRecord::created_at, &FactorRecord::updated_at}) {
      host.factor().*member = time;
      host.check_factor_refused();
    }
    for (auto member : {&FactorRecord::last_used_at, &FactorRecord::last_failure_at}) {
      host.factor().*member = time;
      host.check_factor_refused();
    }
    for (auto member :
         {&ChallengeRecord::created_at, &ChallengeRecord::updated_at, &ChallengeRecord::purge_at}) {
      host.put().*member = time;
      host.check_challenge_refused();
    }
    host.put().expires_at = time;
    host.check_challenge_refused();
    host.devices().purge_at = time;
    host.check_devices_refused();
  }
}

TEST_CASE("a state or a kind that there is not is an error, and no pending challenge") {
  OwnHost host;
  for (const std::uint8_t number : {std::uint8_t{0}, std::uint8_t{5}, std::uint8_t{8}, std::uint8_t{255}}) {
    INFO("number " << +number);
    host.factor().state = static_cast<mfa::FactorState>(number);
    host.check_factor_refused();
    host.put().state = static_cast<mfa::ChallengeState>(number);
    host.check_challenge_refused();
    if (number == 5) continue; // recovery codes
    host.factor().type = static_cast<mfa::FactorType>(number);
    host.check_factor_refused();
  }
}

TEST_CASE("a version that no stored record has is an error, and no endless retry") {
  OwnHost host;
  for (const std::uint64_t version : {std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max()}) {
    host.factor().version = version;
    host.check_factor_refused();
    host.put().version = version;
    host.check_challenge_refused();
    host.devices().version = version;
    host.check_devices_refused();
  }
}

TEST_CASE("text that the verbs never store is an error and not passed on") {
  OwnHost host;
  for (const std::string& text :
       {"caf\xe9"s, "\xff"s, "\xed\xa0\x80"s, "a\nb"s, "nul\0"s, std::string(300, 'x')}) {
    host.factor().friendly_name = text;
    host.check_factor_refused();
    host.factor().user_id = text;
    CHECK(thrown_by([&] { return host.verifier.get_factor(host.totp.factor.id(), mfa::any_user); }) ==
          errc::corrupt_record);
    host.storage.records = host.sound;
  }
}

TEST_CASE("another record than the one asked for is an error") {
  OwnHost host;
  auto& factors = host.storage.records.factors;
  factors.at(host.totp.factor.id()).id = host.phone.factor.id();
  CHECK(thrown_by([&] { return host.verifier.get_factor(host.totp.factor.id(), mfa::any_user); }) ==
        errc::corrupt_record);
  CHECK(thrown_by([&] { return host.verify(host.challenge_id, "123456"); }) == errc::corrupt_record);
  host.storage.records = host.sound;
  host.put().id = host.sms_challenge_id;
  CHECK(thrown_by([&] { return host.verifier.get_challenge(host.challenge_id, mfa::any_user); }) ==
        errc::corrupt_record);
  host.storage.records = host.sound;
  host.devices().id = "trusted_devices_u_43";
  CHECK(thrown_by([&] { return host.verifier.list_devices("u_42"); }) == errc::corrupt_record);
}

namespace {

/// A host's storage that takes user ids in either case for the same.
struct CaseBlindStorage : flips::OwnStorage {
  bool blind = false;

  [[nodiscard]] std::vector<FactorRecord> list_factors(std::string_view user_id) const {
    return blind ? OwnStorage::scan_factors({}, 100) : OwnStorage::list_factors(user_id);
  }
};

} // namespace

TEST_CASE("a list with another user's factors is an error") {
  HostOver<CaseBlindStorage> host;
  (void)host.enroll_totp("u_a");
  (void)host.enroll_totp("U_A");
  CHECK(host.verifier.list_factors("u_a").size() == 1);
  host.storage.blind = true;
  CHECK(thrown_by([&] { return host.enroll_totp("u_a"); }) == errc::corrupt_record);
  CHECK(thrown_by([&] { return host.verifier.list_factors("u_a"); }) == errc::corrupt_record);
}

TEST_CASE("a scan whose pages do not go on is an error, and no endless loop") {
  struct Standing : flips::OwnStorage {
    [[nodiscard]] std::vector<FactorRecord> scan_factors(std::string_view, std::size_t limit) const {
      return OwnStorage::scan_factors({}, limit);
    }
  };
  HostOver<Standing> host;
  (void)host.enroll_totp();
  CHECK(thrown_by([&] { return host.verifier.reseal_all(); }) == errc::corrupt_record);
  CHECK(thrown_by([&] { return host.verifier.count_keys(); }) == errc::corrupt_record);
}

TEST_CASE("a damaged record does not keep the others from another key") {
  OwnHost host;
  host.factor().created_at = impossible_times.front();
  const auto progress = host.verifier.reseal_all();
  CHECK(progress.scanned == 2);
  CHECK(progress.failed == 1);
  CHECK_THAT(progress.last_failure, contains(host.totp.factor.id()));
}
