// A virtual machine that is cloned while it runs has its random generator's state in every clone. No clone
// then gives another user's secret, code or token again, and no key seals two things under one nonce.
#define OPENSSL_SUPPRESS_DEPRECATED // a generator whose state can be turned back
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/rand.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/sha256.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

namespace {

using mfa::crypto::bytes_of;
using mfa::test::Host;

/// OpenSSL's generator for as long as this lives: a sequence that each clone begins anew.
class Snapshot {
 public:
  Snapshot() { RAND_set_rand_method(&method); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  ~Snapshot() { RAND_set_rand_method(nullptr); }

  /// What one clone does.
  template <class Work> auto clone(Work work) {
    state = 0;
    return work();
  }

 private:
  static int generate(unsigned char* out, int size) {
    for (int i = 0; i < size; ++i) {
      if (state % 32 == 0)
        block = mfa::crypto::sha256("the state in the snapshot " + std::to_string(state / 32));
      out[i] = block[state++ % 32];
    }
    return 1;
  }
  static int ready() { return 1; }

  static inline std::size_t state = 0;
  static inline std::array<unsigned char, 32> block{};
  static inline RAND_METHOD method{nullptr, generate, nullptr, nullptr, generate, ready};
};

const mfa::KeyRing keys{"shared", bytes_of("0123456789abcdef0123456789ABCDEF")};

} // namespace

TEST_CASE("The test's generator does come to the same again") {
  Snapshot snapshot;
  const auto draw = [] {
    std::array<unsigned char, 16> bytes{};
    mfa::crypto::random_bytes(bytes);
    return bytes;
  };
  CHECK(snapshot.clone(draw) == snapshot.clone(draw));
}

TEST_CASE("Clones seal different things, or for different records, under different nonces") {
  Snapshot snapshot;
  const auto nonce = [&](std::string_view plain, std::string_view record) {
    const std::string sealed = snapshot.clone([&] { return keys.seal(bytes_of(plain), record); });
    return sealed.substr(1 + std::string_view("shared").size(), mfa::crypto::nonce_size);
  };
  CHECK(nonce("a secret", "factor 1") != nonce("b secret", "factor 1"));
  CHECK(nonce("a secret", "factor 1") != nonce("a secret", "factor 2"));
  CHECK(nonce("a secret", "factor 1") != nonce("factor 1", "a secret"));
  CHECK(nonce("", "factor 1") != nonce("factor 1", ""));
  // One and the same seal twice tells nothing new.
  CHECK(nonce("a secret", "factor 1") == nonce("a secret", "factor 1"));
}

TEST_CASE("Clones that serve two users at the same moment give neither what is the other's") {
  struct Row {
    std::string_view what;
    std::string (*give)(Host& host, const std::string& user_id);
  };
  const Row rows[] = {
      {"the secret of a TOTP factor",
       [](Host& host, const std::string& user_id) -> std::string {
         return std::string(host.enroll_totp(user_id).totp.secret);
       }},
      {"the secret of an HOTP factor",
       [](Host& host, const std::string& user_id) -> std::string {
         return std::string(
             host.verifier.enroll_factor(mfa::Hotp{.issuer = "Foo Corp", .user = user_id}).hotp.secret);
       }},
      {"a recovery code",
       [](Host& host, const std::string& user_id) -> std::string {
         return std::string(
             host.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = user_id}, mfa::by_operator)
                 .recovery_codes.codes.front());
       }},
      {"the token of a device",
       [](Host& host, const std::string& user_id) -> std::string {
         return std::string(host.verifier.remember_device(user_id, "laptop", mfa::by_operator).token);
       }},
  };
  Snapshot snapshot;
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const auto given_to = [&](const std::string& user_id) {
      return snapshot.clone([&] {
        Host host(mfa::Options{.key_ring = keys});
        return row.give(host, user_id);
      });
    };
    CHECK(given_to("u_42") != given_to("u_43"));
  }
}

TEST_CASE("Clones that send two users codes send different ones") {
  mfa::storage::Memory storage; // of both
  mfa::testing::ManualClock clock;
  mfa::testing::RecordingSms sms;
  const mfa::Options options{
      .key_ring = keys, .sms_template = "{{code}}", .sms_allowed_country_codes = {"1"}};
  mfa::Verifier enroller{storage, clock, sms, options};
  const auto confirmed = [&](const auto& factor) {
    const auto challenge = factor.challenge_enrollment();
    const auto code = challenge.code().empty() ? sms.last().body : challenge.code();
    REQUIRE(challenge.confirm(code).confirmed());
    return factor.id();
  };
  const auto enroll = [&](const auto& request) {
    return confirmed(enroller.enroll_factor(request, mfa::by_operator).factor);
  };
  const std::string sms_a = enroll(mfa::Sms{.phone_number = "+14155550123", .user_id = "u_42"});
  const std::string sms_b = enroll(mfa::Sms{.phone_number = "+14155550124", .user_id = "u_43"});
  const std::string generic_a = enroll(mfa::GenericOtp{.user_id = "u_42"});
  const std::string generic_b = enroll(mfa::GenericOtp{.user_id = "u_43"});

  // Codes are short, so pairs are equal by chance: of these twenty, hardly two.
  Snapshot snapshot;
  int equal = 0;
  for (int i = 0; i < 10; ++i) {
    clock.advance(std::chrono::hours(25));
    const auto code_of = [&](const std::string& factor_id) {
      clock.advance(std::chrono::milliseconds(1));
      return snapshot.clone([&] {
        mfa::Verifier verifier{storage, clock, sms, options};
        const auto challenge = verifier.challenge_factor(factor_id, mfa::any_user);
        return challenge.code().empty() ? std::string(sms.messages().back().body)
                                        : std::string(challenge.code());
      });
    };
    equal += code_of(sms_a) == code_of(sms_b) ? 1 : 0;
    equal += code_of(generic_a) == code_of(generic_b) ? 1 : 0;
  }
  CHECK(equal <= 1);
}
