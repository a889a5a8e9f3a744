#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <mfa/options.hpp>

namespace mfa::test {

enum class Verb { enroll_totp, enroll_sms, challenge, verify, remove, unlock, look, purge, wait };

/// What is typed at a verification.
enum class Typed {
  shown,  ///< what the authenticator shows or the message says
  spaced, ///< the same, as people write it
  again,  ///< what was last accepted from the factor
  wrong,
  no_code, ///< what cannot be one
};

/// One call of a verb, or a move of the clock. Factors and challenges go by numbers, and a number that names
/// none stands for an unknown id: so any part of a sequence is a sequence too.
struct Call {
  Verb verb{};
  int name = 0;    ///< of the factor or challenge that it makes
  int target = 0;  ///< the factor or challenge that it is about
  int user = 0;    ///< whose factor it is or must be; 0: not said
  int binding = 0; ///< 0: none
  bool verified_only = false;
  bool undelivered = false; ///< the SMS gateway fails
  Typed typed = Typed::shown;
  int code_of = 0;   ///< the challenge whose code is typed
  int steps_off = 0; ///< how far from now the authenticator's clock is
  std::chrono::milliseconds by{0};
};

struct Sequence {
  Options options;
  std::vector<Call> calls;
};

/// The options that sequences vary, with their names.
inline constexpr std::tuple varied_options{
    std::pair{"totp_drift_steps", &Options::totp_drift_steps},
    std::pair{"sms_code_digits", &Options::sms_code_digits},
    std::pair{"sms_code_lifetime", &Options::sms_code_lifetime},
    std::pair{"sms_send_interval", &Options::sms_send_interval},
    std::pair{"sms_sends_an_hour", &Options::sms_sends_an_hour},
    std::pair{"sms_sends_a_day", &Options::sms_sends_a_day},
    std::pair{"attempts_a_challenge", &Options::attempts_a_challenge},
    std::pair{"failures_before_delay", &Options::failures_before_delay},
    std::pair{"first_delay", &Options::first_delay},
    std::pair{"longest_delay", &Options::longest_delay},
    std::pair{"failures_before_lockout", &Options::failures_before_lockout},
    std::pair{"challenge_retention", &Options::challenge_retention},
};

/// One line a call, for people, after the options that are not the default.
inline std::vector<std::string> describe(const Sequence& sequence) {
  std::vector<std::string> lines;
  const auto describe_option = [&](const auto& option) {
    const auto value = sequence.options.*option.second;
    if (value == Options{}.*option.second) return;
    if constexpr (requires { value.count(); })
      lines.push_back(std::string("with ") + option.first + " = " + std::to_string(value.count()) + " s");
    else
      lines.push_back(std::string("with ") + option.first + " = " + std::to_string(value));
  };
  std::apply([&](const auto&... options) { (describe_option(options), ...); }, varied_options);

  std::map<int, std::string> names;
  const auto named = [&](int name) {
    const auto found = names.find(name);
    return found == names.end() ? std::string("unknown") : found->second;
  };
  const auto saying = [](const Call& call) {
    std::string text;
    if (call.user != 0) text += ", of user " + std::to_string(call.user);
    if (call.binding != 0) text += ", bound to " + std::to_string(call.binding);
    if (call.verified_only) text += ", if verified";
    if (call.undelivered) text += ", not delivered";
    return text;
  };
  int factors = 0;
  int challenges = 0;
  for (const Call& call : sequence.calls) {
    std::string line;
    switch (call.verb) {
    case Verb::enroll_totp:
    case Verb::enroll_sms:
      names[call.name] = "F" + std::to_string(++factors);
      line = std::string("enrol ") + (call.verb == Verb::enroll_totp ? "TOTP " : "SMS ") + named(call.name);
      break;
    case Verb::challenge: {
      const std::string factor = named(call.target);
      names[call.name] = "C" + std::to_string(++challenges);
      line = "challenge " + factor + " as " + named(call.name);
      break;
    }
    case Verb::verify: {
      static constexpr std::array typed{"the code", "the code with spaces", "the last accepted code again",
                                        "a wrong code", "no code"};
      line = "verify " + named(call.target) + " with " + typed[static_cast<std::size_t>(call.typed)];
      if (call.code_of != call.target) line += " of " + named(call.code_of);
      if (call.steps_off != 0) line += ", " + std::to_string(call.steps_off) + " steps off";
      break;
    }
    case Verb::remove: line = "delete " + named(call.target); break;
    case Verb::unlock: line = "unlock " + named(call.target); break;
    case Verb::look: line = "look at " + named(call.target); break;
    case Verb::purge: line = "purge"; break;
    case Verb::wait: line = "move the clock by " + std::to_string(call.by.count()) + " ms"; break;
    }
    lines.push_back(line + saying(call));
  }
  return lines;
}

/// Draws sequences that meet the interesting cases often: few users and numbers, small limits, codes of
/// neighbouring steps and of other challenges, waits that end at, just before and just after a limit.
class SequenceSource {
 public:
  explicit SequenceSource(std::uint64_t seed) : random_(seed) {}

  Sequence draw(std::size_t length) {
    Sequence drawn{.options = draw_options(), .calls = {}};
    factors_.clear();
    challenges_.clear();
    drawn.calls.push_back(draw_enrollment(0, Verb::enroll_totp));
    drawn.calls.push_back(draw_enrollment(1, Verb::enroll_sms));
    while (drawn.calls.size() < length)
      drawn.calls.push_back(draw_call(static_cast<int>(drawn.calls.size())));
    return drawn;
  }

 private:
  template <class T, std::size_t size> T any_of(const std::array<T, size>& values) {
    return values[random_() % size];
  }
  unsigned between(unsigned least, unsigned most) {
    return least + static_cast<unsigned>(random_() % (most - least + 1));
  }
  bool percent(unsigned chance) { return random_() % 100 < chance; }

  Options draw_options() {
    using std::chrono::seconds;
    Options options;
    options.totp_drift_steps = between(0, 2);
    options.sms_code_digits = between(6, 9);
    options.sms_code_lifetime = any_of(std::array{seconds(30), seconds(60), seconds(600)});
    options.sms_send_interval = any_of(std::array{seconds(0), seconds(0), seconds(30)});
    options.sms_sends_an_hour = between(2, 12);
    options.sms_sends_a_day = between(3, 20);
    options.attempts_a_challenge = between(1, 5);
    options.failures_before_delay = between(1, 10);
    options.first_delay = any_of(std::array{seconds(1), seconds(30), seconds(60)});
    options.longest_delay = any_of(std::array{seconds(60), seconds(300), seconds(3600)});
    options.failures_before_lockout = between(1, 14);
    options.challenge_retention = any_of(std::array{seconds(3600), seconds(86'400), seconds(2'592'000)});
    return options;
  }

  Call draw_enrollment(int name, Verb verb) {
    factors_.push_back({.verb = verb, .name = name, .user = static_cast<int>(between(0, 2))});
    return factors_.back();
  }

  Call draw_call(int name) {
    const unsigned drawn = between(1, 100);
    if (drawn <= 17) return draw_wait();
    if (drawn <= 62) return draw_verification();
    if (drawn <= 80) return draw_challenge(name);
    if (drawn <= 83) return draw_enrollment(name, percent(50) ? Verb::enroll_totp : Verb::enroll_sms);
    if (drawn <= 84) return draw_removal();
    if (drawn <= 88) return {.verb = Verb::unlock, .target = any_factor().name};
    if (drawn <= 89) return {.verb = Verb::purge};
    const Call factor = any_factor();
    return {.verb = Verb::look,
            .target = percent(50) ? factor.name : any_challenge().name,
            .user = any_user(factor)};
  }

  /// What is gone is mostly not spoken of any more.
  Call draw_removal() {
    const Call factor = any_factor();
    if (percent(90)) {
      std::erase_if(factors_, [&](const Call& other) { return other.name == factor.name; });
      std::erase_if(challenges_, [&](const Call& challenge) { return challenge.target == factor.name; });
    }
    return {.verb = Verb::remove, .target = factor.name, .user = any_user(factor)};
  }

  Call draw_wait() {
    using namespace std::chrono_literals;
    static constexpr std::array<std::chrono::milliseconds, 16> waits{
        1ms, 999ms, 1s, 29'999ms, 30s, 30s, 30s, 30'001ms, 1min, 1min, 5min, 10min, 1h, 1h, 24h, 30 * 24h};
    const auto by = any_of(waits);
    return {.verb = Verb::wait, .by = percent(15) ? -by : by};
  }

  Call draw_challenge(int name) {
    const Call factor = any_factor();
    Call call{.verb = Verb::challenge,
              .name = name,
              .target = factor.name,
              .user = any_user(factor),
              .binding = percent(10) ? 1 : 0,
              .verified_only = percent(10),
              .undelivered = percent(5)};
    challenges_.push_back(call);
    return call;
  }

  Call draw_verification() {
    static constexpr std::array ways{Typed::shown, Typed::shown, Typed::shown, Typed::shown,
                                     Typed::again, Typed::again, Typed::wrong, Typed::wrong,
                                     Typed::wrong, Typed::wrong, Typed::wrong, Typed::spaced};
    const Call challenge = any_challenge();
    return {.verb = Verb::verify,
            .target = challenge.name,
            .user = any_user(challenge),
            .binding = percent(95) ? challenge.binding : static_cast<int>(between(0, 2)),
            .typed = percent(3) ? Typed::no_code : any_of(ways),
            .code_of = percent(85) ? challenge.name : any_challenge().name,
            .steps_off = percent(50) ? 0 : static_cast<int>(between(0, 6)) - 3};
  }

  /// None mostly, or the one of the factor or of the challenge before.
  int any_user(const Call& of) {
    return percent(70) ? 0 : percent(85) ? of.user : static_cast<int>(between(1, 2));
  }

  /// Recent ones mostly.
  Call any_recent(const std::vector<Call>& all) {
    if (all.empty() || percent(1)) return {.name = -1};
    const std::size_t back = percent(80) ? random_() % 2 : random_() % all.size();
    return all[all.size() - 1 - std::min(back, all.size() - 1)];
  }
  Call any_factor() { return any_recent(factors_); }
  Call any_challenge() { return any_recent(challenges_); }

  std::mt19937_64 random_;
  std::vector<Call> factors_;
  std::vector<Call> challenges_;
};

} // namespace mfa::test
