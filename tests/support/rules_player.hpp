#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_sms.hpp>

#include "call_sequence.hpp"
#include "host.hpp"
#include "plain_rules.hpp"
#include "views.hpp"

namespace mfa::test {

using Change = std::function<void(Options&)>; ///< of options, that the rules are not told of

/// How often each kind of answer was given.
struct Tally {
  std::map<std::string, std::uint64_t> answers;
  std::uint64_t verbs = 0;

  void count(const Answer& answer) {
    if (answer.error) ++answers[make_error_code(*answer.error).message()];
    if (answer.status) ++answers[std::string(to_string(*answer.status))];
    ++verbs;
  }
};

template <class Ask> Answer answer_of(Ask&& ask) {
  try {
    return ask();
  } catch (const Error& error) {
    return {.error = error.code(), .retry_after = error.retry_after()};
  }
}

/// Plays a sequence to the library on a storage, and to the rules, and compares all that either says.
template <class Storage> class Player {
 public:
  Player(Storage& storage, const Sequence& sequence, const Change& change)
      : sequence_(sequence), rules_(sequence.options),
        verifier_(storage, clock_, sms_, given_options(sequence.options, change)) {}

  /// What differed, or an empty text, and after how many calls. Leaves the storage empty if nothing differed.
  std::pair<std::string, std::size_t> play(Tally& tally) {
    std::size_t i = 0;
    try {
      for (; i < sequence_.calls.size() && difference_.empty(); ++i) {
        rules_.now = std::chrono::floor<std::chrono::milliseconds>(clock_.now());
        play(sequence_.calls[i], tally);
      }
      if (difference_.empty()) clear();
    } catch (const std::exception& error) {
      difference_ = error.what();
    }
    return {difference_, i};
  }

 private:
  static Options given_options(Options options, const Change& change) {
    options.key_ring = KeyRing::generate(); // counts of phone numbers hang on it, and so begin anew
    options.sms_template = "{{code}}";
    if (change) change(options);
    return options;
  }

  void play(const Call& call, Tally& tally) {
    const ChallengeOptions said{
        .binding = binding(call.binding), .user_id = user(call.user), .verified_only = call.verified_only};
    switch (call.verb) {
    case Verb::enroll_totp: {
      PlainRules::Factor factor{.view = {.type = FactorType::totp, .user_id = user(call.user)}};
      const auto answer = answer_of([&]() -> Answer {
        const auto enrolled = verifier_.enroll_factor(
            Totp{.issuer = "Foo Corp",
                 .user = "alan",
                 .user_id = user(call.user),
                 .secret = std::string(31, 'A') + "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[call.name % 32],
                 .qr_code = {.scale = 1, .error_correction = qr::ErrorCorrection::low}});
        factor_ids_[call.name] = enrolled.factor.id();
        const auto secret = otp::base32_decode(enrolled.totp.secret);
        factor.secret.assign(secret.begin(), secret.end());
        return {.factors = {view(enrolled.factor)}};
      });
      tally.count(answer);
      return compare("enrol", answer, rules_.enroll(call.name, factor));
    }
    case Verb::enroll_sms: {
      const std::string phone_number = "+1415555012" + std::to_string(call.name % 2);
      const auto answer = answer_of([&]() -> Answer {
        const auto enrolled =
            verifier_.enroll_factor(Sms{.phone_number = phone_number, .user_id = user(call.user)});
        factor_ids_[call.name] = enrolled.factor.id();
        return {.factors = {view(enrolled.factor)}};
      });
      tally.count(answer);
      return compare("enrol", answer,
                     rules_.enroll(call.name, {.view = {.type = FactorType::sms, .user_id = user(call.user)},
                                               .phone_number = phone_number}));
    }
    case Verb::challenge: {
      std::string code;
      sms_.fail_next(call.undelivered ? 1 : 0);
      const auto answer = answer_of([&]() -> Answer {
        const auto challenge = verifier_.challenge_factor(factor_id(call.target), mfa::any_user, said);
        challenge_ids_[call.name] = challenge.id();
        if (challenge.expires_at()) code = sms_.last().body;
        return {.challenge = view(challenge)};
      });
      tally.count(answer);
      compare("challenge", answer, rules_.challenge(call.name, call.target, said, !call.undelivered, code));
      return look_at_factor(call.target);
    }
    case Verb::verify: {
      const std::string code = typed(call);
      const std::string user_id = user(call.user);
      const VerifyOptions say{.binding = said.binding, .user_id = user_id};
      const auto answer = answer_of([&]() -> Answer {
        const auto said_back = verifier_.verify_challenge(challenge_id(call.target), code, say);
        return {.status = said_back.status(),
                .retry_after = said_back.retry_after(),
                .user_id = said_back.user_id(),
                .verified_at = said_back.verified_at(),
                .challenge = view(said_back.challenge())};
      });
      tally.count(answer);
      compare("verify", answer, rules_.verify(call.target, code, say));
      if (answer.status == Status::valid) accepted_[rules_.challenges[call.target].factor] = code;
      look_at_challenge(call.target);
      if (const auto challenge = rules_.challenges.find(call.target); challenge != rules_.challenges.end())
        look_at_factor(challenge->second.factor);
      return;
    }
    case Verb::remove: {
      const auto answer = answer_of([&]() -> Answer {
        verifier_.delete_factor(factor_id(call.target), user(call.user), mfa::by_operator);
        return {};
      });
      tally.count(answer);
      compare("delete", answer, rules_.remove(call.target, user(call.user)));
      return look_at_factor(call.target);
    }
    case Verb::unlock: {
      const auto answer = answer_of([&]() -> Answer {
        verifier_.unlock_factor(factor_id(call.target), mfa::any_user, mfa::by_operator);
        return {};
      });
      tally.count(answer);
      compare("unlock", answer, rules_.unlock(call.target));
      return look_at_factor(call.target);
    }
    case Verb::look:
      ++tally.verbs;
      look_at_challenge(call.target);
      compare("get_factor", answer_of([&]() -> Answer {
                return {.factors = {view(verifier_.get_factor(factor_id(call.target), user(call.user)))}};
              }),
              rules_.get_factor(call.target, user(call.user)));
      return list(user(call.user));
    case Verb::purge: {
      ++tally.verbs;
      const auto answer = answer_of([&]() -> Answer { return {.purged = verifier_.purge_expired()}; });
      return compare("purge", answer, rules_.purge());
    }
    case Verb::wait: return clock_.advance(call.by);
    }
  }

  void look_at_factor(int name) {
    compare("get_factor", answer_of([&]() -> Answer {
              return {.factors = {view(verifier_.get_factor(factor_id(name), mfa::any_user))}};
            }),
            rules_.get_factor(name, mfa::any_user));
  }

  void look_at_challenge(int name) {
    compare("get_challenge", answer_of([&]() -> Answer {
              return {.challenge = view(verifier_.get_challenge(challenge_id(name), mfa::any_user))};
            }),
            rules_.get_challenge(name, mfa::any_user));
  }

  void list(const std::string& user_id) {
    std::map<std::string, FactorView> by_id;
    for (const auto& [name, factor] : rules_.factors)
      if (!user_id.empty() && factor.view.user_id == user_id) by_id[factor_id(name)] = factor.view;
    Answer expected;
    for (const auto& [id, factor] : by_id) expected.factors.push_back(factor);
    Answer listed;
    for (const auto& factor : verifier_.list_factors(user_id)) listed.factors.push_back(view(factor));
    compare("list_factors", listed, expected);
  }

  /// In the end: nothing is there that the rules do not know.
  void clear() {
    for (const auto& [name, id] : factor_ids_) look_at_factor(name);
    for (const auto& [name, id] : challenge_ids_) look_at_challenge(name);
    clock_.set(std::chrono::system_clock::time_point{std::chrono::hours(24 * 365 * 200)});
    rules_.now = std::chrono::floor<std::chrono::milliseconds>(clock_.now());
    for (const auto& [name, factor] : rules_.factors)
      verifier_.delete_factor(factor_id(name), mfa::any_user, mfa::by_operator);
    compare("purge", {.purged = verifier_.purge_expired()}, rules_.purge());
  }

  void compare(const char* verb, const Answer& answer, const Answer& expected) {
    if (answer == expected || !difference_.empty()) return;
    difference_ = std::string(verb) + " says:  " + text(answer) + "\n  the rules say: " + text(expected);
  }

  static std::string user(int number) { return number == 0 ? "" : "u_" + std::to_string(number); }
  static std::string binding(int number) { return number == 0 ? "" : "session " + std::to_string(number); }

  [[nodiscard]] static std::string id(const std::map<int, std::string>& ids, const char* prefix, int name) {
    const auto known = ids.find(name);
    if (known != ids.end()) return known->second;
    return std::string(prefix) + "0000000000000000000000000" + std::to_string(std::abs(name) % 10);
  }
  [[nodiscard]] std::string factor_id(int name) const { return id(factor_ids_, "auth_factor_", name); }
  [[nodiscard]] std::string challenge_id(int name) const {
    return id(challenge_ids_, "auth_challenge_", name);
  }

  /// What the user types.
  std::string typed(const Call& call) {
    static constexpr std::array<const char*, 6> no_codes{"",           "12345",       "abcdef",
                                                         "1234567890", "12345\u00B2", "+12345"};
    const auto challenge = rules_.challenges.find(call.code_of);
    std::string code = "000000";
    int factor_name = 0;
    if (challenge != rules_.challenges.end()) {
      factor_name = challenge->second.factor;
      const auto factor = rules_.factors.find(factor_name);
      if (factor != rules_.factors.end() && factor->second.view.type == FactorType::totp) {
        const auto step = rules_.now.time_since_epoch() / std::chrono::seconds(30) + call.steps_off;
        code = otp::hotp(factor->second.secret, static_cast<std::uint64_t>(step));
      } else if (!challenge->second.code.empty()) {
        code = challenge->second.code;
      }
    }
    switch (call.typed) {
    case Typed::shown: return code;
    case Typed::spaced: return " " + code.substr(0, 3) + " - " + code.substr(3);
    case Typed::again: return accepted_.contains(factor_name) ? accepted_[factor_name] : code;
    case Typed::wrong: return Host::other_code(code);
    case Typed::no_code: return no_codes[static_cast<std::size_t>(call.target + 1) % no_codes.size()];
    }
    return code;
  }

  const Sequence& sequence_;
  testing::ManualClock clock_;
  testing::RecordingSms sms_;
  PlainRules rules_;
  Verifier<Storage, testing::ManualClock, testing::RecordingSms> verifier_;
  std::map<int, std::string> factor_ids_;
  std::map<int, std::string> challenge_ids_;
  std::map<int, std::string> accepted_; ///< the last code that was, by factor
  std::string difference_;
};

} // namespace mfa::test
