// A WebAuthn sign-in with a P-256 key, from the browser's JSON to the verdict, beside libfido2's bare
// fido_assert_verify, which starts from bytes that were taken apart before.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <fido.h>
#include <fido/es256.h>
#include <nlohmann/json.hpp>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/sha256.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/mfa.hpp>
#include <mfa/webauthn/relying_party.hpp>

#include "../support/cbor_writer.hpp"

namespace {

namespace cbor = mfa::test::cbor;
using mfa::crypto::bytes_of;
using mfa::crypto::text_of;
using mfa::detail::base64url;

/// A security key and the browser before it.
class Client {
 public:
  Client() : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free) {}

  const std::string credential_id = std::string(32, 'c');
  /// What its flags say beside that its user is there, and the handle that it gives back: a passkey's.
  char user_verified = 0;
  std::string user_handle = {};

  /// x and y.
  [[nodiscard]] std::string point() const {
    std::string value(65, '\0');
    std::size_t size = 0;
    EVP_PKEY_get_octet_string_param(key_.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                    reinterpret_cast<unsigned char*>(value.data()), value.size(), &size);
    return value.substr(1);
  }

  [[nodiscard]] std::string cose_key() const {
    return cbor::map({{cbor::integer(1), cbor::integer(2)},
                      {cbor::integer(3), cbor::integer(-7)},
                      {cbor::integer(-1), cbor::integer(1)},
                      {cbor::integer(-2), cbor::bytes(point().substr(0, 32))},
                      {cbor::integer(-3), cbor::bytes(point().substr(32))}});
  }

  [[nodiscard]] static std::string client_data(const std::string& type, const std::string& challenge) {
    return nlohmann::ordered_json{
        {"type", type}, {"challenge", challenge}, {"origin", "https://example.org"}, {"crossOrigin", false}}
        .dump();
  }

  [[nodiscard]] static std::string authenticator_data(char flags) {
    return std::string(text_of(mfa::crypto::sha256("example.org"))) + flags + std::string(4, '\0');
  }

  [[nodiscard]] std::string sign(const std::string& data, const std::string& client_data) const {
    const std::string message = data + std::string(text_of(mfa::crypto::sha256(client_data)));
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    std::string signature(80, '\0');
    std::size_t size = signature.size();
    EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key_.get(), nullptr);
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                   bytes_of(message).data(), message.size());
    signature.resize(size);
    return signature;
  }

  [[nodiscard]] std::string registration(const std::string& options) const {
    const std::string data = authenticator_data(static_cast<char>(0x41 | user_verified)) +
                             std::string(16, '\0') + '\0' + static_cast<char>(credential_id.size()) +
                             credential_id + cose_key();
    return json({{"clientDataJSON", base64url(client_data("webauthn.create", challenge_of(options)))},
                 {"attestationObject", base64url(cbor::map({{cbor::text("fmt"), cbor::text("none")},
                                                            {cbor::text("attStmt"), cbor::map({})},
                                                            {cbor::text("authData"), cbor::bytes(data)}}))}});
  }

  [[nodiscard]] std::string assertion(const std::string& options) const {
    const std::string data = authenticator_data(static_cast<char>(0x01 | user_verified));
    const std::string client = client_data("webauthn.get", challenge_of(options));
    nlohmann::json response{{"clientDataJSON", base64url(client)},
                            {"authenticatorData", base64url(data)},
                            {"signature", base64url(sign(data, client))}};
    if (!user_handle.empty()) response["userHandle"] = user_handle;
    return json(response);
  }

 private:
  static std::string challenge_of(const std::string& options) {
    return nlohmann::json::parse(options).at("challenge");
  }

  [[nodiscard]] std::string json(const nlohmann::json& response) const {
    return nlohmann::json{{"id", base64url(credential_id)},
                          {"rawId", base64url(credential_id)},
                          {"type", "public-key"},
                          {"authenticatorAttachment", "cross-platform"},
                          {"clientExtensionResults", nlohmann::json::object()},
                          {"response", response}}
        .dump();
  }

  std::shared_ptr<EVP_PKEY> key_;
};

mfa::Options options() {
  return {.webauthn = mfa::webauthn::relying_party(
              {.id = "example.org", .name = "Example", .origins = {"https://example.org"}})};
}

/// The verdict alone, without records.
void verdict(benchmark::State& state) {
  const Client client;
  const auto party = options().webauthn;
  const std::string challenge(32, 'x');
  const std::string json = client.assertion(nlohmann::json{{"challenge", base64url(challenge)}}.dump());
  const mfa::webauthn::Expectation expected{
      .is_challenge = [&](std::string_view bytes) { return bytes == challenge; }, .user_handle = {}};
  const mfa::webauthn::Credential credential{.id = client.credential_id, .public_key = client.cose_key()};
  for (auto _ : state)
    if (party->verify_assertion(json, expected, credential).status != mfa::Status::valid)
      state.SkipWithError("refused");
}
BENCHMARK(verdict)->Name("webauthn/mfa");

/// The whole verb, on memory storage: also find and open the records, and commit.
void verify_challenge(benchmark::State& state) {
  const Client client;
  mfa::storage::Memory storage;
  mfa::Verifier verifier{storage, mfa::clock::System{}, options()};
  const auto factor = verifier.enroll_factor(mfa::WebAuthn{.user = "alan"}).factor;
  const auto enrolment = factor.challenge_enrollment();
  if (!enrolment.confirm(client.registration(enrolment.webauthn_options())).confirmed())
    state.SkipWithError("not enrolled");
  struct Attempt {
    std::string challenge_id;
    std::string answer;
  };
  constexpr std::size_t open_at_once = 20;
  std::vector<Attempt> attempts;
  std::size_t next = 0;
  for (auto _ : state) {
    if (next == attempts.size()) {
      state.PauseTiming();
      attempts.clear();
      next = 0;
      for (std::size_t i = 0; i < open_at_once; ++i) {
        const auto challenge = factor.challenge();
        attempts.push_back({challenge.id(), client.assertion(challenge.webauthn_options())});
      }
      state.ResumeTiming();
    }
    const Attempt& attempt = attempts[next++];
    if (!verifier.verify_challenge(attempt.challenge_id, attempt.answer).valid())
      state.SkipWithError("refused");
  }
}
BENCHMARK(verify_challenge)->Name("webauthn/mfa verify_challenge, memory storage")->Iterations(1000);

/// A site with one user, who has a passkey, on memory storage.
struct Site {
  Site() {
    client.user_verified = 0x04;
    const mfa::WebAuthn request{
        .user = "alan", .user_id = "u_42", .resident_key = mfa::webauthn::ResidentKey::required};
    factor_id = verifier.enroll_factor(request, mfa::by_operator).factor.id();
    const auto asked = verifier.challenge_enrollment(factor_id, mfa::any_user, {}, mfa::by_operator);
    confirmed = asked.confirm(client.registration(asked.webauthn_options())).confirmed();
    client.user_handle = verifier.get_factor(factor_id, mfa::any_user).webauthn()->user_handle;
  }

  [[nodiscard]] auto challenge_of_page() const {
    mfa::ChallengeOptions conditional;
    conditional.conditional = true;
    return verifier.challenge_passkey(conditional);
  }

  Client client;
  mfa::storage::Memory storage;
  mfa::Verifier<mfa::storage::Memory> verifier{storage, mfa::clock::System{}, options()};
  std::string factor_id;
  bool confirmed = false;
};

/// What a page asks whoever comes, for the field of the user name.
void challenge_passkey(benchmark::State& state) {
  const Site site;
  if (!site.confirmed) state.SkipWithError("not enrolled");
  for (auto _ : state) benchmark::DoNotOptimize(site.challenge_of_page());
}
BENCHMARK(challenge_passkey)->Name("passkey/challenge_passkey");

void challenge_factor(benchmark::State& state) {
  const Site site;
  if (!site.confirmed) state.SkipWithError("not enrolled");
  for (auto _ : state)
    benchmark::DoNotOptimize(site.verifier.challenge_factor(site.factor_id, mfa::any_user));
}
BENCHMARK(challenge_factor)->Name("passkey/challenge_factor");

/// Answers, while so many challenges are open that nobody has answered: by a challenge of whoever comes, or
/// of the factor.
void sign_in(benchmark::State& state, bool of_factor) {
  const Site site;
  if (!site.confirmed) state.SkipWithError("not enrolled");
  for (std::int64_t i = 0; i < state.range(0); ++i) benchmark::DoNotOptimize(site.challenge_of_page());
  constexpr std::size_t open_at_once = 20;
  std::vector<std::pair<std::string, std::string>> attempts; // ids and answers
  for (auto _ : state) {
    if (attempts.empty()) {
      state.PauseTiming();
      for (std::size_t i = 0; i < open_at_once; ++i) {
        const auto asked = of_factor ? site.verifier.challenge_factor(site.factor_id, mfa::any_user)
                                     : site.challenge_of_page();
        attempts.emplace_back(asked.id(), site.client.assertion(asked.webauthn_options()));
      }
      state.ResumeTiming();
    }
    if (!site.verifier.verify_challenge(attempts.back().first, attempts.back().second).valid())
      state.SkipWithError("refused");
    attempts.pop_back();
  }
}
BENCHMARK_CAPTURE(sign_in, of_factor, true)->Name("passkey/verify, of a factor")->Arg(0)->Iterations(500);
BENCHMARK_CAPTURE(sign_in, of_anybody, false)
    ->Name("passkey/verify, of whoever comes, open")
    ->Arg(0)
    ->Arg(1'000'000)
    ->Iterations(500);

void libfido2(benchmark::State& state) {
  const Client client;
  const std::string client_data = Client::client_data("webauthn.get", base64url(std::string(32, 'x')));
  const std::string data = Client::authenticator_data(0x01);
  const std::string signature = client.sign(data, client_data);
  const auto hash = mfa::crypto::sha256(client_data);
  fido_assert_t* assertion = fido_assert_new();
  es256_pk_t* key = es256_pk_new();
  const std::string point = client.point();
  if (es256_pk_from_ptr(key, point.data(), point.size()) != FIDO_OK ||
      fido_assert_set_count(assertion, 1) != FIDO_OK ||
      fido_assert_set_rp(assertion, "example.org") != FIDO_OK ||
      fido_assert_set_clientdata_hash(assertion, hash.data(), hash.size()) != FIDO_OK ||
      fido_assert_set_authdata_raw(assertion, 0, bytes_of(data).data(), data.size()) != FIDO_OK ||
      fido_assert_set_sig(assertion, 0, bytes_of(signature).data(), signature.size()) != FIDO_OK)
    state.SkipWithError("libfido2 does not take the assertion");
  for (auto _ : state)
    if (fido_assert_verify(assertion, 0, COSE_ES256, key) != FIDO_OK) state.SkipWithError("refused");
  es256_pk_free(&key);
  fido_assert_free(&assertion);
}
BENCHMARK(libfido2)->Name("webauthn/libfido2 fido_assert_verify alone");

} // namespace

BENCHMARK_MAIN();
