// One check of a TOTP code, key bytes in, beside what else offers it. The code is wrong, so that everybody
// computes every code of the window. "limit" is the bare compressions that the same codes take.
#include <array>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <liboath/oath.h>
#ifdef MFA_BENCHMARK_BOTAN
#include <botan/otp.h>
#endif
#ifdef MFA_BENCHMARK_LIBCOTP
#include <cotp.h>
#include <cstdlib>
#endif

#include <mfa/otp/hotp.hpp>
#include <mfa/otp/totp.hpp>

namespace {

constexpr std::array<unsigned char, 20> key{'1', '2', '3', '4', '5', '6', '7', '8', '9', '0',
                                            '1', '2', '3', '4', '5', '6', '7', '8', '9', '0'};
constexpr std::time_t now = 1'800'000'000;
constexpr std::uint64_t step = now / 30;

/// A code that no step near `now` has.
std::uint32_t wrong_code() {
  std::uint32_t code = 0;
  while (mfa::otp::find_in_window(key, code, step - 100, step + 100, 0).fresh) ++code;
  return code;
}

std::string wrong_text() {
  const std::string digits = std::to_string(wrong_code());
  return std::string(6 - digits.size(), '0') + digits;
}

void ours(benchmark::State& state) {
  const auto drift = static_cast<std::uint64_t>(state.range(0));
  const std::uint32_t code = wrong_code();
  for (auto _ : state)
    benchmark::DoNotOptimize(mfa::otp::find_in_window(key, code, step - drift, step + drift, 0));
}

void liboath(benchmark::State& state) {
  const auto drift = static_cast<std::size_t>(state.range(0));
  const std::string code = wrong_text();
  oath_init();
  for (auto _ : state)
    benchmark::DoNotOptimize(oath_totp_validate(reinterpret_cast<const char*>(key.data()), key.size(), now,
                                                30, 0, drift, code.c_str()));
  oath_done();
}

#ifdef MFA_BENCHMARK_BOTAN
void botan(benchmark::State& state) {
  const auto drift = static_cast<std::size_t>(state.range(0));
  const std::uint32_t code = wrong_code();
  for (auto _ : state) {
    Botan::TOTP totp(key.data(), key.size());
    benchmark::DoNotOptimize(totp.verify_totp(code, std::uint64_t{now}, drift));
  }
}
#endif

#ifdef MFA_BENCHMARK_LIBCOTP
/// It has no window and takes the secret in base32: one call for each code.
void libcotp(benchmark::State& state) {
  const auto drift = static_cast<long>(state.range(0));
  const char* const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"; // the same key
  for (auto _ : state)
    for (long i = -drift; i <= drift; ++i) {
      cotp_error_t error{};
      char* const code = get_totp_at(secret, now + 30 * i, 6, 30, SHA1, &error);
      if (code == nullptr) state.SkipWithError("libcotp gave no code");
      benchmark::DoNotOptimize(code);
      std::free(code);
    }
}
#endif

/// The codes of a window from whatever computes an HMAC of a counter.
template <class Hmac> void with_hmac(benchmark::State& state, Hmac hmac) {
  const auto drift = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state)
    for (std::uint64_t counter = step - drift; counter <= step + drift; ++counter) {
      std::array<unsigned char, 8> message{};
      for (std::size_t i = 0; i < 8; ++i) message[7 - i] = static_cast<unsigned char>(counter >> 8 * i);
      std::array<unsigned char, 20> digest{};
      if (!hmac(message, digest)) state.SkipWithError("OpenSSL computes no HMAC");
      const std::size_t offset = digest[19] & 15U;
      benchmark::DoNotOptimize(digest[offset]);
    }
}

void openssl_hmac(benchmark::State& state) {
  with_hmac(state, [](const auto& message, auto& digest) {
    unsigned size = 0;
    return HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
                digest.data(), &size) != nullptr;
  });
}

struct Free {
  void operator()(EVP_MAC* mac) const noexcept { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const noexcept { EVP_MAC_CTX_free(context); }
};

std::unique_ptr<EVP_MAC_CTX, Free> mac_context() {
  const std::unique_ptr<EVP_MAC, Free> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  return std::unique_ptr<EVP_MAC_CTX, Free>(EVP_MAC_CTX_new(mac.get()));
}

template <class Message, class Output>
bool compute(EVP_MAC_CTX* context, const Message& message, Output& digest, const OSSL_PARAM* parameters) {
  std::size_t size = 0;
  return EVP_MAC_init(context, key.data(), key.size(), parameters) == 1 &&
         EVP_MAC_update(context, message.data(), message.size()) == 1 &&
         EVP_MAC_final(context, digest.data(), &size, digest.size()) == 1;
}

char sha1_name[] = "SHA1";

void openssl_mac_fetched(benchmark::State& state) {
  const OSSL_PARAM sha1[]{OSSL_PARAM_construct_utf8_string("digest", sha1_name, 0),
                          OSSL_PARAM_construct_end()};
  with_hmac(state, [&](const auto& message, auto& digest) {
    return compute(mac_context().get(), message, digest, sha1);
  });
}

void openssl_mac_kept(benchmark::State& state) {
  const OSSL_PARAM sha1[]{OSSL_PARAM_construct_utf8_string("digest", sha1_name, 0),
                          OSSL_PARAM_construct_end()};
  const auto context = mac_context();
  if (EVP_MAC_CTX_set_params(context.get(), sha1) != 1) state.SkipWithError("OpenSSL has no HMAC-SHA-1");
  with_hmac(state, [&](const auto& message, auto& digest) {
    return compute(context.get(), message, digest, nullptr);
  });
}

/// Two compressions for the key, and two for each code.
void limit(benchmark::State& state) {
  const auto compressions = 2 + 2 * (2 * state.range(0) + 1);
  SHA_CTX hash;
  SHA1_Init(&hash);
  const std::array<unsigned char, 64> block{};
  for (auto _ : state) {
    for (auto i = compressions; i > 0; --i) SHA1_Transform(&hash, block.data());
    benchmark::DoNotOptimize(hash);
  }
}

constexpr std::array<std::int64_t, 3> drifts{1, 10, 100};

void subject(const char* name, void (*run)(benchmark::State&)) {
  for (const auto drift : drifts) benchmark::RegisterBenchmark(name, run)->Arg(drift);
}

} // namespace

int main(int argc, char** argv) {
  subject("code/mfa", ours);
  subject("code/liboath", liboath);
#ifdef MFA_BENCHMARK_BOTAN
  subject("code/Botan, new TOTP", botan);
#endif
#ifdef MFA_BENCHMARK_LIBCOTP
  subject("code/libcotp", libcotp);
#endif
  benchmark::RegisterBenchmark("code/OpenSSL HMAC()", openssl_hmac)->Arg(1);
  benchmark::RegisterBenchmark("code/OpenSSL EVP_MAC, fetched each time", openssl_mac_fetched)->Arg(1);
  benchmark::RegisterBenchmark("code/OpenSSL EVP_MAC, kept and re-keyed", openssl_mac_kept)->Arg(1);
  subject("code/bare SHA-1 compressions", limit);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
