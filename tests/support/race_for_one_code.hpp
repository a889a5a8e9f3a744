#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>
#include <unistd.h>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "catch.hpp"
#include "child_process.hpp"
#include "shared_memory.hpp"

namespace mfa::test {

/// What came of `race_for_one_code`.
struct RaceResult {
  int good_rounds = 0;         ///< exactly one answer was `valid`, as is stored, and the others say why not
  std::uint64_t conflicts = 0; ///< commits that found a version moved: how often the racers really met
};

/// Has processes of several threads each, on one storage, verify one right code at once, in each of `rounds`
/// rounds with a fresh step of one factor. In every other round they race for one challenge, otherwise each
/// has its own; in every other two the clocks of the processes are 30 s apart. `open` opens the storage, in
/// each process anew.
template <class Open, std::size_t processes = 8, std::size_t threads = 8> class RaceForOneCode {
 public:
  explicit RaceForOneCode(Open open) : open_(std::move(open)) {
    pthread_barrierattr_t attributes;
    ::pthread_barrierattr_init(&attributes);
    ::pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    ::pthread_barrier_init(&shared_->gate, &attributes, processes * threads + 1);
    ::pthread_barrierattr_destroy(&attributes);
  }

  RaceResult run(int rounds) {
    std::vector<ChildProcess> children;
    for (std::size_t i = 0; i < processes; ++i)
      children.emplace_back([this, i, rounds](const Channel&) {
        ::alarm(longest_seconds);
        take_part(i, rounds);
      });
    ::alarm(longest_seconds);
    const RaceResult result = referee(rounds);
    for (ChildProcess& child : children) CHECK(child.wait() == 0);
    ::alarm(0);
    return result;
  }

  /// Checks that every round was good, and that the racers met in some.
  void run_and_check(int rounds) {
    const RaceResult result = run(rounds);
    std::printf("%d rounds; %llu commits lost a race and began anew\n", rounds,
                static_cast<unsigned long long>(result.conflicts));
    CHECK(result.good_rounds == rounds);
    CHECK(result.conflicts > 0);
  }

 private:
  using Storage = decltype(std::declval<Open&>()());
  static constexpr unsigned longest_seconds = 900; // if a process dies, the others would wait for ever
  static constexpr std::size_t longest_text = 64;
  using Text = std::array<char, longest_text>;

  /// What the processes share.
  struct Shared {
    pthread_barrier_t gate;
    std::array<Text, processes * threads> challenges;
    Text code;
    std::chrono::system_clock::time_point time;
    std::chrono::seconds apart;
    std::atomic<int> valid;
    std::atomic<int> late; // told that the code, or the challenge, was used, or to wait
    std::atomic<int> other;
    std::atomic<std::uint64_t> conflicts;
  };

  /// Counts the commits that found a version moved.
  struct Counting : Storage {
    Counting(Storage storage, std::atomic<std::uint64_t>& counter)
        : Storage(std::move(storage)), conflicts(counter) {}

    bool commit(const mfa::storage::Batch& batch) {
      const bool won = Storage::commit(batch);
      if (!won) ++conflicts;
      return won;
    }

    std::atomic<std::uint64_t>& conflicts;
  };

  static void write(Text& place, std::string_view text) {
    place.fill('\0');
    std::copy_n(text.begin(), std::min(text.size(), place.size() - 1), place.begin());
  }

  void gate() { ::pthread_barrier_wait(&shared_->gate); }

  /// Every racer has a challenge, and the losers' codes of a day stop nobody.
  [[nodiscard]] Options options() const {
    static_assert(processes * threads <= 100);
    return {.key_ring = keys_, .open_challenges_a_user = 100, .wrong_codes_a_user_a_day = 1000};
  }

  void take_part(std::size_t process, int rounds) {
    Counting storage(open_(), shared_->conflicts);
    testing::ManualClock clock;
    Verifier verifier{storage, clock, options()};
    std::vector<std::jthread> running;
    for (std::size_t thread = 0; thread < threads; ++thread)
      running.emplace_back([&, thread] {
        for (int round = 0; round < rounds; ++round) {
          gate();
          if (thread == 0) clock.set(shared_->time + (static_cast<int>(process % 3) - 1) * shared_->apart);
          gate();
          count([&] {
            return verifier
                .verify_challenge(shared_->challenges[process * threads + thread].data(),
                                  shared_->code.data())
                .status();
          });
          gate();
        }
      });
  }

  template <class Verify> void count(Verify verify) {
    try {
      const Status status = verify();
      const bool late = status == Status::already_verified || status == Status::code_already_used ||
                        status == Status::delayed;
      ++(status == Status::valid ? shared_->valid : late ? shared_->late : shared_->other);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      ++shared_->other;
    }
  }

  RaceResult referee(int rounds) {
    auto storage = open_();
    testing::ManualClock clock;
    Verifier verifier{storage, clock, options()};
    const auto enrolled = verifier.enroll_factor(Totp{.issuer = "Foo Corp", .user = "alan"});
    const auto secret = otp::base32_decode(enrolled.totp.secret);
    REQUIRE(enrolled.factor.confirm(otp::totp(secret, clock.now())).confirmed());
    RaceResult result;
    for (int round = 0; round < rounds; ++round) {
      clock.advance(std::chrono::hours(1)); // past every delay that the losers began
      const std::string one = enrolled.factor.challenge().id();
      for (Text& challenge : shared_->challenges)
        write(challenge, round % 2 == 0 ? one : enrolled.factor.challenge().id());
      write(shared_->code, otp::totp(secret, clock.now()));
      shared_->time = clock.now();
      shared_->apart = std::chrono::seconds(round % 4 < 2 ? 0 : 30);
      shared_->valid = shared_->late = shared_->other = 0;
      gate();
      gate(); // the clocks are set: here they begin
      gate();
      const auto verified = std::ranges::count_if(shared_->challenges, [&](const Text& challenge) {
        return verifier.get_challenge(challenge.data(), mfa::any_user).state() == ChallengeState::verified;
      });
      const bool stored = verified == (round % 2 == 0 ? std::ptrdiff_t{processes * threads} : 1);
      const bool good = shared_->valid == 1 && shared_->other == 0 && stored;
      result.good_rounds += good ? 1 : 0;
      if (!good)
        UNSCOPED_INFO("round " << round << ": " << shared_->valid << " valid, " << shared_->late << " late, "
                               << shared_->other << " other, " << verified << " stored as verified");
      verifier.unlock_factor(enrolled.factor.id(), mfa::any_user, mfa::by_operator);
    }
    result.conflicts = shared_->conflicts;
    return result;
  }

  Open open_;
  const KeyRing keys_ = KeyRing::generate();
  const SharedMemory<Shared> shared_ = in_shared_memory<Shared>();
};

} // namespace mfa::test
