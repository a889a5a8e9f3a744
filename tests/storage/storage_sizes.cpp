// What the verbs write into a storage is never longer than what a storage is told to take, and its counters
// are of the kinds that docs/policies.md lists.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_sms.hpp>

#include "support/catch.hpp"

using mfa::storage::Batch;
using namespace std::chrono_literals;

namespace {

/// A storage that notes the longest of everything that it is given.
class Measuring : public mfa::storage::Memory {
 public:
  bool commit(const Batch& batch) {
    for (const auto& factor : batch.factors) {
      note("factor id", factor.id);
      note("user_id", factor.user_id);
      note("friendly_name", factor.friendly_name);
      note("parameters", factor.parameters);
      note("sealed", factor.sealed);
    }
    for (const auto& challenge : batch.challenges) {
      note("challenge id", challenge.id);
      note("factor_id", challenge.factor_id);
      note("answer", challenge.answer);
      note("binding", challenge.binding);
    }
    for (const auto& counter : batch.counters) {
      note("counter id", counter.id);
      note("data", counter.data);
      counters.insert(counter.id);
    }
    return mfa::storage::Memory::commit(batch);
  }

  std::map<std::string, std::size_t> longest;
  std::set<std::string> counters;

 private:
  void note(const std::string& field, const std::string& value) {
    longest[field] = std::max(longest[field], value.size());
  }
};

/// Takes every response, for a credential with the longest of everything.
class LavishParty : public mfa::webauthn::RelyingParty {
 public:
  std::chrono::milliseconds timeout() const override { return 60s; }
  std::string creation_options(const mfa::webauthn::CreationRequest&) const override { return "{}"; }
  std::string request_options(const mfa::webauthn::AssertionRequest&) const override { return "{}"; }
  std::optional<mfa::webauthn::NamedCredential> named_credential(std::string_view) const override {
    return std::nullopt;
  }
  mfa::webauthn::Registration verify_registration(std::string_view response,
                                                  const mfa::webauthn::Expectation&) const override {
    mfa::webauthn::Registration registration{.status = mfa::Status::valid};
    registration.credential.id = std::string(response) + std::string(1023 - response.size(), 'i');
    registration.credential.public_key = std::string(530, 'k'); // RSA of 4,096 bits
    registration.credential.sign_count = 0xffffffff;
    registration.credential.transports.assign(8, std::string(32, 't'));
    registration.credential.aaguid = std::string(16, 'a');
    return registration;
  }
  mfa::webauthn::Assertion verify_assertion(std::string_view, const mfa::webauthn::Expectation&,
                                            const mfa::webauthn::Credential&) const override {
    return {.status = mfa::Status::valid};
  }
};

} // namespace

TEST_CASE("Everything that the verbs write fits in what a storage is told to take") {
  const std::string user(mfa::storage::longest_user_id, 'u');
  const std::string name(mfa::storage::longest_friendly_name, 'n');
  const std::string issuer(64, 'i');
  const std::string of_64(64, 'x');
  std::array<unsigned char, mfa::KeyRing::key_size> key{};
  key.front() = 1;
  Measuring storage;
  mfa::testing::ManualClock clock;
  struct : mfa::testing::RecordingSms {
    using mfa::testing::RecordingSms::send;
    static void send(const mfa::EmailMessage&) {}
  } sms;
  mfa::Verifier verifier{storage, clock, sms,
                         mfa::Options{.key_ring = mfa::KeyRing{std::string(64, 'k'), key},
                                      .open_challenges_a_user = 100,
                                      .unverified_factors_a_user = 50,
                                      .sends_a_user_an_hour = 500,
                                      .sends_a_user_a_day = 500,
                                      .wrong_codes_a_user_a_day = 1000,
                                      .sms_allowed_country_codes = {"1"},
                                      .sms_budgets = {.unanswered_a_prefix = 1'000'000,
                                                      .unanswered_a_country = 1'000'000,
                                                      .unanswered = 1'000'000,
                                                      .shards = 64},
                                      .sms_send_interval = 0s,
                                      .sms_sends_an_hour = 100,
                                      .sms_sends_a_day = 100,
                                      .generic_otp_interval = 0s,
                                      .generic_otps_an_hour = 100,
                                      .generic_otps_a_day = 100,
                                      .webauthn = std::make_shared<LavishParty>()}};
  const std::string binding(mfa::decision::longest_bound, 'b');
  const mfa::ChallengeOptions bound{.binding = binding};

  const auto totp = verifier.enroll_factor(mfa::Totp{.issuer = issuer,
                                                     .user = of_64,
                                                     .user_id = user,
                                                     .friendly_name = name,
                                                     .hash = mfa::crypto::Hash::sha512});
  (void)verifier.challenge_enrollment(totp.factor.id(), user, bound);
  const auto hotp = verifier.enroll_factor(mfa::Hotp{.issuer = issuer, .user = of_64, .user_id = user});
  (void)verifier.challenge_enrollment(hotp.factor.id(), user, bound);
  const auto recovery =
      verifier.enroll_factor(mfa::RecoveryCodes{.user_id = user, .count = 50}, mfa::by_operator);
  (void)verifier.challenge_factor(recovery.factor.id(), user,
                                  {.purpose = mfa::Purpose::action, .action = binding, .binding = binding});
  (void)verifier.regenerate_recovery_codes(recovery.factor.id(), mfa::any_user, mfa::by_operator);
  const auto phone =
      verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123", .user_id = user}, mfa::by_operator);
  const auto mailbox = verifier.enroll_factor(
      mfa::Email{.address = std::string(64, 'm') + "@example.com", .user_id = user}, mfa::by_operator);
  (void)verifier.challenge_enrollment(mailbox.factor.id(), user, bound);
  const auto mail = verifier.enroll_factor(
      mfa::GenericOtp{.destination = std::string(200, 'd'), .user_id = user}, mfa::by_operator);
  const auto sent = verifier.challenge_enrollment(phone.factor.id(), user, bound);
  REQUIRE(sent.confirm(sms.last().code, {.binding = binding}).confirmed());
  const auto drawn = verifier.challenge_enrollment(mail.factor.id(), user, bound);
  REQUIRE(drawn.confirm(drawn.code(), {.binding = binding}).confirmed());
  for (int i = 1; i < 100; ++i) {
    clock.advance(1s);
    (void)verifier.challenge_factor(phone.factor.id(), user, bound);
    (void)verifier.challenge_factor(mail.factor.id(), user, bound);
  }
  for (int i = 0; i < 50; ++i)
    (void)verifier.enroll_factor(mfa::GenericOtp{.user_id = user}, mfa::by_operator);
  const auto nobodys = verifier.enroll_factor(mfa::GenericOtp{});
  (void)verifier.challenge_enrollment(nobodys.factor.id(), mfa::any_user, bound);
  for (int i = 0; i < 20; ++i) {
    (void)verifier.remember_device(user, std::string(200, 'l'), mfa::by_operator, 366 * 24h);
    const auto security_key = verifier.enroll_factor(
        mfa::WebAuthn{.user = of_64, .display_name = of_64, .user_id = user}, mfa::by_operator);
    const auto challenge =
        verifier.challenge_enrollment(security_key.factor.id(), user, bound, mfa::by_operator);
    REQUIRE(challenge.confirm(std::to_string(i), {.binding = binding}).confirmed());
  }

  const std::map<std::string, std::size_t> most{{"factor id", mfa::storage::longest_factor_id},
                                                {"user_id", mfa::storage::longest_user_id},
                                                {"friendly_name", mfa::storage::longest_friendly_name},
                                                {"parameters", mfa::storage::longest_bytes},
                                                {"sealed", mfa::storage::longest_bytes},
                                                {"challenge id", mfa::storage::longest_challenge_id},
                                                {"factor_id", mfa::storage::longest_factor_id},
                                                {"answer", mfa::storage::longest_bytes},
                                                {"binding", mfa::storage::longest_bytes},
                                                {"counter id", mfa::storage::longest_counter_id},
                                                {"data", mfa::storage::longest_bytes}};
  for (const auto& [field, size] : storage.longest) {
    std::cout << field << ": " << size << " bytes\n";
    CAPTURE(field);
    CHECK(size <= most.at(field));
    if (most.at(field) < mfa::storage::longest_bytes) CHECK(size == most.at(field)); // nor is more asked for
  }
  CHECK(storage.longest.size() == most.size());

  std::ifstream file(MFA_SOURCE_DIRECTORY "/docs/policies.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  std::set<std::string> documented;
  const std::string_view row = "\n| `";
  for (auto at = page.find("| counter | lives |"); (at = page.find(row, at)) != std::string::npos;) {
    at += row.size();
    const std::string id = page.substr(at, page.find('`', at) - at);
    if (id.ends_with('_')) documented.insert(id);
  }
  std::set<std::string> written;
  for (const std::string& id : storage.counters) {
    CAPTURE(id);
    const auto kind =
        std::ranges::find_if(documented, [&](const auto& prefix) { return id.starts_with(prefix); });
    REQUIRE(kind != documented.end());
    written.insert(*kind);
  }
  CHECK(written == documented);
}
