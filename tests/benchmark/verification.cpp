// Whole calls of verify_challenge with a right code, on memory storage: find challenge and factor, open the
// sealed secret, compute the three codes, guard against replay, commit both records, answer. Each thread has
// factors of its own and answers each challenge once; with each round over its factors the time it sees moves
// on by one step. Beside it, in the same turns: libcotp's three codes alone.
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#ifdef MFA_BENCHMARK_LIBCOTP
#include <cotp.h>
#include <cstdlib>
#endif

#include <mfa/mfa.hpp>

namespace {

using Time = std::chrono::system_clock::time_point;

constexpr int most_threads = 2;
constexpr std::size_t attempts = 8192;
/// For the threads beside each other: long enough for the scheduler to give each a core of its own.
constexpr std::size_t attempts_beside = 65536;
constexpr std::size_t factors = 64;
constexpr Time start{std::chrono::seconds(1'800'000'000)};

/// What a thread's clock reads.
thread_local Time thread_time = start; // NOLINT(bugprone-throwing-static-initialization)

struct ThreadClock {
  [[nodiscard]] Time now() const noexcept { return thread_time; }
};

struct Attempt {
  std::string challenge_id;
  std::string code;
  Time time;
};

struct Scene {
  mfa::storage::Memory storage;
  mfa::Verifier<mfa::storage::Memory, ThreadClock> verifier{storage, ThreadClock{}};
  std::vector<Attempt> of_thread[most_threads];

  explicit Scene(std::size_t count) {
    for (auto& prepared : of_thread) {
      thread_time = start;
      std::vector<std::string> ids;
      std::vector<mfa::crypto::SecretBytes> secrets;
      for (std::size_t i = 0; i < factors; ++i) {
        auto enrolled =
            verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan.turing@example.com"});
        ids.push_back(enrolled.factor.id());
        secrets.push_back(mfa::otp::base32_decode(enrolled.totp.secret));
        (void)enrolled.factor.confirm(mfa::otp::totp(secrets.back(), start));
      }
      std::vector<Time> steps(factors, start + std::chrono::seconds(30));
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t factor = i % factors;
        const auto& secret = secrets[factor];
        Time& time = steps[factor];
        // Of two steps in a row with equal codes, which are one in a million, the first use spends both.
        while (mfa::otp::totp(secret, time) == mfa::otp::totp(secret, time + std::chrono::seconds(30)))
          time += std::chrono::seconds(30);
        thread_time = time; // as a challenge lives for ten minutes
        prepared.push_back(
            {verifier.challenge_factor(ids[factor], mfa::any_user).id(), mfa::otp::totp(secret, time), time});
        time += std::chrono::seconds(30);
      }
    }
  }
};

std::unique_ptr<Scene> scene;

template <std::size_t count> void set_up(const benchmark::State&) { scene = std::make_unique<Scene>(count); }
void tear_down(const benchmark::State&) { scene.reset(); }

void verify_challenge(benchmark::State& state) {
  const auto& prepared = scene->of_thread[static_cast<std::size_t>(state.thread_index())];
  std::size_t i = 0;
  for (auto _ : state) {
    const Attempt& attempt = prepared[i++];
    thread_time = attempt.time;
    if (!scene->verifier.verify_challenge(attempt.challenge_id, attempt.code).valid())
      state.SkipWithError("a right code was refused");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(i));
}

BENCHMARK(verify_challenge)
    ->Name("verify_challenge")
    ->Setup(set_up<attempts>)
    ->Teardown(tear_down)
    ->Iterations(attempts);
BENCHMARK(verify_challenge)
    ->Name("threads")
    ->Setup(set_up<attempts_beside>)
    ->Teardown(tear_down)
    ->Iterations(attempts_beside)
    ->Threads(1)
    ->Threads(2)
    ->UseRealTime();

#ifdef MFA_BENCHMARK_LIBCOTP
void libcotp(benchmark::State& state) {
  for (auto _ : state)
    for (long offset = -30; offset <= 30; offset += 30) {
      cotp_error_t error{};
      char* const code =
          get_totp_at("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 1'800'000'000 + offset, 6, 30, SHA1, &error);
      if (code == nullptr) state.SkipWithError("libcotp gave no code");
      std::free(code);
    }
}

BENCHMARK(libcotp)->Name("three codes/libcotp, the 3 codes alone");
#endif

} // namespace

BENCHMARK_MAIN();
