#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <mfa/import.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_email.hpp>
#include <mfa/testing/recording_sms.hpp>

#include "call_sequence.hpp"
#include "host.hpp"
#include "no_sms_budgets.hpp"
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
    if (answer.clock_skew) ++answers["clock that is off"];
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
        verifier_(storage, clock_, gateway_, given_options(sequence.options, change)) {}

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
  Options given_options(Options options, const Change& change) {
    options.key_ring = KeyRing::generate(); // counts of phone numbers hang on it, and so begin anew
    options.sms_template = "{{code}}";
    options.email_link = "https://example.com/{{challenge}}#{{token}}";
    options.sms_allowed_country_codes = {"1"};
    options.sms_budgets = no_sms_budgets;
    options.observer = [this](const Event& event) {
      if (event.type == EventType::challenge_created) created_ = event.challenge_id;
    };
    if (change) change(options);
    return options;
  }

  void play(const Call& call, Tally& tally) {
    ++tally.verbs;
    switch (call.verb) {
    case Verb::import_totp: {
      ImportToken token;
      token.user_id = user(call.user);
      token.issuer = "Foo Corp";
      token.user = "alan";
      token.seed = secret_of(call);
      token.drift = call.drift;
      ImportOptions said;
      said.verified = call.verified;
      bool imported = false;
      said.report = [&](const ImportResult& result) {
        imported = result.outcome == ImportOutcome::imported;
        if (imported) factor_ids_[call.name] = result.factor_id;
        return true;
      };
      (void)import_factors(verifier_, std::vector{token}, said);
      Answer answer;
      if (imported) answer.factors = {view(verifier_.get_factor(factor_id(call.name), any_user))};
      ++tally.answers[imported ? "imported" : "there already"];
      PlainRules::Factor factor{.view = {.type = FactorType::totp, .user_id = user(call.user)},
                                .drift = call.drift};
      const auto secret = otp::base32_decode(secret_of(call));
      factor.secret.assign(secret.begin(), secret.end());
      compare("import", answer, rules_.import_totp(call.name, factor, call.verified));
      return list(call.user);
    }
    case Verb::enroll_totp: {
      PlainRules::Factor factor{.view = {.type = FactorType::totp, .user_id = user(call.user)}};
      Totp request{.issuer = "Foo Corp",
                   .user = "alan",
                   .user_id = of_user(call.user),
                   .secret = secret_of(call),
                   .qr_code = {.scale = 1, .error_correction = qr::ErrorCorrection::low}};
      const auto secret = otp::base32_decode(request.secret);
      factor.secret.assign(secret.begin(), secret.end());
      return enroll(call, request, factor, tally);
    }
    case Verb::enroll_sms: {
      const std::string phone_number = "+1415555012" + std::to_string(call.name % 2);
      const Sms request{.phone_number = phone_number, .user_id = of_user(call.user)};
      return enroll(
          call, request,
          {.view = {.type = FactorType::sms, .user_id = user(call.user)}, .phone_number = phone_number},
          tally);
    }
    case Verb::enroll_email: {
      static constexpr std::array spellings{"alan@example.com", "A.Lan+x@Example.com", "bob@example.com"};
      const auto which = static_cast<std::size_t>(call.name) % spellings.size();
      const Email request{.address = spellings[which], .user_id = of_user(call.user)};
      return enroll(call, request,
                    {.view = {.type = FactorType::email, .user_id = user(call.user)},
                     .mailbox = spellings[which / 2 * 2]},
                    tally);
    }
    case Verb::enroll_recovery_codes: {
      const RecoveryCodes request{.user_id = of_user(call.user), .count = 3};
      return enroll(call, request, {.view = {.type = FactorType::recovery_codes, .user_id = user(call.user)}},
                    tally);
    }
    case Verb::challenge: {
      ChallengeOptions said{.purpose = call.purpose, .action = action(call.action)};
      said.binding = binding(call.binding);
      if (call.strong) said.required.factors = 2;
      said.email_template = mail(call.mail);
      said.link_works_in_any_browser = call.any_browser;
      std::string code;
      std::string token;
      fail_next(call.undelivered ? 1 : 0);
      const auto answer = answer_of([&]() -> Answer {
        const std::string id = factor_id(call.target);
        const auto challenge = call.purpose == Purpose::confirm_enrollment
                                   ? verifier_.challenge_enrollment(id, whose(call.user), said, by_operator)
                                   : verifier_.challenge_factor(id, whose(call.user), said);
        challenge_ids_[call.name] = challenge.id();
        const FactorType type = rules_.factors.at(call.target).view.type;
        if (type == FactorType::sms) code = gateway_.RecordingSms::last().body;
        if (type == FactorType::email) {
          const std::string text(gateway_.RecordingEmail::last().text);
          code = call.mail == Mail::link ? "" : text.substr(0, text.find('\n'));
          token = call.mail == Mail::code ? "" : text.substr(text.find('#') + 1);
        }
        return {.challenge = view(challenge)};
      });
      tally.count(answer);
      compare("challenge", answer,
              rules_.challenge(call.name, call.target, said, user(call.user), !call.undelivered, code,
                               PlainRules::nothing, nullptr, token));
      return look_at_factor(call.target);
    }
    case Verb::resend: {
      const auto known = rules_.challenges.find(call.target);
      const PlainRules::Challenge before =
          known == rules_.challenges.end() ? PlainRules::Challenge() : known->second;
      const auto factor = rules_.factors.find(before.factor);
      const bool email = factor != rules_.factors.end() && factor->second.view.type == FactorType::email;
      fail_next(call.undelivered ? 1 : 0);
      const auto answer = answer_of([&]() -> Answer {
        ResendOptions said;
        said.email_template = mail(Mail::code);
        said.binding = binding(call.binding);
        return {.challenge =
                    view(verifier_.resend_challenge(challenge_id(call.target), whose(call.user), said))};
      });
      fail_next(0);
      tally.count(answer);
      Answer expected = rules_.resend(call.target, binding(call.binding), user(call.user));
      if (!expected.error && call.undelivered) {
        rules_.take_back(call.target, before.sends + 1, before.counts);
        expected = {.error = email ? errc::message_not_delivered : errc::sms_not_sent};
      } else if (!expected.error) {
        std::string code(email ? gateway_.RecordingEmail::last().text : gateway_.RecordingSms::last().body);
        code = code.substr(0, code.find('\n'));
        const bool same = sequence_.options.resend_same_code && !before.code.empty();
        if ((code == before.code) != same && difference_.empty())
          difference_ = "another code was sent again, or the same for a new one";
        rules_.tell_code(call.target, before.sends + 1, code);
      }
      compare("resend", answer, expected);
      look_at_challenge(call.target);
      return look_at_factor(before.factor);
    }
    case Verb::verify: {
      const std::string code = typed(call);
      const VerifyOptions said = verify_options(call);
      const auto answer = answer_of([&]() -> Answer {
        const std::string id = challenge_id(call.target);
        return call.purpose == Purpose::confirm_enrollment
                   ? answer_to(verifier_.confirm_enrollment(id, code, said))
                   : answer_to(verifier_.verify_challenge(id, code, said));
      });
      tally.count(answer);
      compare("verify", answer, rules_.verify(call.target, code, said));
      return look_after(call.target, answer, code);
    }
    case Verb::confirm: {
      const std::string code = typed(call);
      const VerifyOptions said = verify_options(call);
      created_.clear();
      const auto answer = answer_of([&]() -> Answer {
        return answer_to(verifier_.confirm_enrollment(factor_id(call.target), code, said));
      });
      if (!created_.empty()) challenge_ids_[call.name] = created_;
      tally.count(answer);
      compare("confirm", answer, rules_.confirm(call.name, call.target, code, said));
      return look_after(call.name, answer, code);
    }
    case Verb::remove: {
      const auto answer = answer_of([&]() -> Answer {
        return {.remaining = verifier_.delete_factor(factor_id(call.target), whose(call.user),
                                                     authorization(call), call.deletes)};
      });
      tally.count(answer);
      compare("delete", answer, rules_.remove(call.target, user(call.user), shown(call), call.deletes));
      look_at_factor(call.target);
      return list(call.user); // others may have gone with it
    }
    case Verb::reset: {
      const std::string user_id = owner(call.user);
      const auto answer = answer_of([&]() -> Answer {
        ResetOptions said;
        if (call.kept != 0) said.keep_factor = factor_id(call.kept);
        if (call.kept_device != 0) said.keep_device = device_to_keep(call.kept_device);
        return {.reset = verifier_.reset_user(user_id, authorization(call), said)};
      });
      tally.count(answer);
      const auto named = [](int name) { return name == 0 ? std::nullopt : std::optional(name); };
      compare("reset", answer,
              rules_.reset(user_id, shown_of(call, user_id), named(call.kept), named(call.kept_device),
                           call.shows == Shows::verification ? std::optional(call.shown) : std::nullopt));
      return list(call.user);
    }
    case Verb::rename: {
      const std::string name = "factor " + std::to_string(rules_.now.time_since_epoch().count() % 10);
      const auto answer = answer_of([&]() -> Answer {
        return {.factors = {view(verifier_.rename_factor(factor_id(call.target), whose(call.user), name))}};
      });
      tally.count(answer);
      compare("rename", answer, rules_.rename(call.target, user(call.user), name));
      return look_at_factor(call.target);
    }
    case Verb::regenerate: {
      std::map<std::string, bool> codes;
      const auto answer = answer_of([&]() -> Answer {
        const auto renewed = verifier_.regenerate_recovery_codes(factor_id(call.target), whose(call.user),
                                                                 authorization(call));
        codes = plain(renewed.recovery_codes.codes);
        return {};
      });
      tally.count(answer);
      compare("regenerate", answer, rules_.regenerate(call.target, user(call.user), shown(call)));
      if (!answer.error) rules_.factors.at(call.target).codes = codes;
      return look_at_factor(call.target);
    }
    case Verb::remember: {
      const std::string user_id = owner(call.user);
      const auto answer = answer_of([&]() -> Answer {
        tokens_[call.name] =
            verifier_.remember_device(user_id, "a browser", authorization(call), device_lifetime).token;
        return {.devices = 1};
      });
      tally.count(answer);
      return compare("remember", answer,
                     rules_.remember(call.name, user_id, shown_of(call, user_id), device_lifetime));
    }
    case Verb::check_device: {
      const std::string user_id = owner(call.user);
      const bool trusted = verifier_.check_device(tokens_[call.target], user_id).has_value();
      ++tally.answers[trusted ? "device trusted" : "device not trusted"];
      return compare("check a device", {.devices = trusted ? 1U : 0U},
                     rules_.check_device(call.target, user_id));
    }
    case Verb::password_changed: {
      const std::string user_id = owner(call.user);
      const Answer answer{.devices = verifier_.password_changed(user_id)};
      return compare("a new password", answer, rules_.password_changed(user_id));
    }
    case Verb::unlock: {
      const auto answer = answer_of([&]() -> Answer {
        verifier_.unlock_factor(factor_id(call.target), whose(call.user), authorization(call));
        return {};
      });
      tally.count(answer);
      compare("unlock", answer, rules_.unlock(call.target, user(call.user), shown(call)));
      return look_at_factor(call.target);
    }
    case Verb::look:
      look_at_challenge(call.target);
      compare("get_factor", answer_of([&]() -> Answer {
                return {.factors = {view(verifier_.get_factor(factor_id(call.target), whose(call.user)))}};
              }),
              rules_.get_factor(call.target, user(call.user)));
      return list(call.user);
    case Verb::purge: {
      const auto answer = answer_of([&]() -> Answer { return {.purged = verifier_.purge_expired()}; });
      return compare("purge", answer, rules_.purge());
    }
    case Verb::wait: --tally.verbs; return clock_.advance(call.by);
    }
  }

  void enroll(const Call& call, const auto& request, PlainRules::Factor factor, Tally& tally) {
    const auto answer = answer_of([&]() -> Answer {
      const auto enrolled = verifier_.enroll_factor(request, authorization(call));
      factor_ids_[call.name] = enrolled.factor.id();
      if constexpr (requires { enrolled.recovery_codes; })
        factor.codes = plain(enrolled.recovery_codes.codes);
      return {.factors = {view(enrolled.factor)}};
    });
    tally.count(answer);
    compare("enrol", answer, rules_.enroll(call.name, factor, shown_of(call, user(call.user))));
    list(call.user); // others may have gone for it
  }

  /// Of few, so that they meet.
  static std::string secret_of(const Call& call) {
    std::string secret(32, 'A');
    secret.back() = "ABCD"[call.name % 4];
    return secret;
  }

  static Answer answer_to(const Verification& said) {
    return {.status = said.status(),
            .retry_after = said.retry_after(),
            .user_id = said.user_id(),
            .verified_at = said.verified_at(),
            .challenge = view(said.challenge()),
            .assurance = said.valid() ? std::optional(said.assurance()) : std::nullopt,
            .clock_skew = said.clock_skew()};
  }
  static Answer answer_to(const Confirmation& said) {
    return {.status = said.status(),
            .retry_after = said.retry_after(),
            .user_id = said.user_id(),
            .challenge = view(said.challenge()),
            .clock_skew = said.clock_skew()};
  }

  void look_after(int challenge_name, const Answer& answer, const std::string& code) {
    if (answer.status == Status::valid) accepted_[rules_.challenges[challenge_name].factor] = code;
    look_at_challenge(challenge_name);
    if (const auto challenge = rules_.challenges.find(challenge_name); challenge != rules_.challenges.end())
      look_at_factor(challenge->second.factor);
  }

  void look_at_factor(int name) {
    compare("get_factor", answer_of([&]() -> Answer {
              return {.factors = {view(verifier_.get_factor(factor_id(name), any_user))}};
            }),
            rules_.get_factor(name));
  }

  void look_at_challenge(int name) {
    compare("get_challenge", answer_of([&]() -> Answer {
              return {.challenge = view(verifier_.get_challenge(challenge_id(name), any_user))};
            }),
            rules_.get_challenge(name));
  }

  void list(int number) {
    if (number == 0) return;
    std::map<std::string, FactorView> by_id;
    for (const auto& [name, factor] : rules_.factors)
      if (factor.view.user_id == user(number)) by_id[factor_id(name)] = factor.view;
    Answer expected;
    for (const auto& [id, factor] : by_id) expected.factors.push_back(factor);
    Answer listed;
    for (const auto& factor : verifier_.list_factors(user(number))) listed.factors.push_back(view(factor));
    compare("list_factors", listed, expected);
  }

  /// In the end: nothing is there that the rules do not know.
  void clear() {
    for (const auto& [name, id] : factor_ids_) look_at_factor(name);
    for (const auto& [name, id] : challenge_ids_) look_at_challenge(name);
    clock_.set(std::chrono::system_clock::time_point{std::chrono::hours(24 * 365 * 200)});
    rules_.now = std::chrono::floor<std::chrono::milliseconds>(clock_.now());
    const auto left = rules_.factors;
    for (const auto& [name, factor] : left) {
      verifier_.delete_factor(factor_id(name), any_user, by_operator);
      (void)rules_.remove(name, {}, PlainRules::by_operator);
    }
    clock_.advance(std::chrono::hours(72));
    rules_.now = std::chrono::floor<std::chrono::milliseconds>(clock_.now());
    compare("purge", {.purged = verifier_.purge_expired()}, rules_.purge());
  }

  void compare(const char* verb, const Answer& answer, const Answer& expected) {
    if (answer == expected || !difference_.empty()) return;
    difference_ = std::string(verb) + " says:  " + text(answer) + "\n  the rules say: " + text(expected);
  }

  /// Of this player alone: a user of whom an enrolment was never confirmed leaves a record.
  [[nodiscard]] std::string user(int number) const {
    return number == 0 ? "" : "u_" + std::to_string(number) + " of " + std::to_string(player_);
  }
  [[nodiscard]] std::optional<UserId> of_user(int number) const {
    return number == 0 ? std::nullopt : std::optional<UserId>(user(number));
  }
  [[nodiscard]] Whose whose(int number) const { return number == 0 ? Whose(any_user) : Whose(user(number)); }
  /// Of devices, which nobody's are not.
  [[nodiscard]] std::string owner(int number) const { return user(std::max(number, 1)); }
  static std::optional<std::string> binding(int number) {
    return number == 0 ? std::nullopt : std::optional("session " + std::to_string(number));
  }
  static std::string action(int number) { return number == 0 ? "" : "pay " + std::to_string(number); }

  [[nodiscard]] VerifyOptions verify_options(const Call& call) const {
    VerifyOptions said{.purpose = call.purpose, .action = action(call.action)};
    said.binding = binding(call.binding);
    said.user = whose(call.user);
    said.hint_clock_skew_after_password = call.hint;
    return said;
  }

  [[nodiscard]] Authorization authorization(const Call& call) const {
    if (call.shows == Shows::by_operator) return by_operator;
    if (call.shows == Shows::nothing) return {};
    return Authorization::of_challenge(challenge_id(call.shown));
  }
  [[nodiscard]] PlainRules::Shown shown_of(const Call& call, const std::string& user_id) const {
    if (call.shows == Shows::by_operator) return PlainRules::by_operator;
    if (call.shows == Shows::nothing) return PlainRules::nothing;
    return rules_.shown(call.shown, user_id);
  }
  /// For a change of a factor.
  [[nodiscard]] PlainRules::Shown shown(const Call& call) const {
    const auto factor = rules_.factors.find(call.target);
    return shown_of(call, factor == rules_.factors.end() ? std::string() : factor->second.view.user_id);
  }

  static std::map<std::string, bool> plain(const std::vector<crypto::SecretString>& shown) {
    std::map<std::string, bool> codes;
    for (std::string code : shown) {
      std::erase(code, '-');
      codes.emplace(std::move(code), false);
    }
    return codes;
  }

  [[nodiscard]] static std::string id(const std::map<int, std::string>& ids, const char* prefix, int name) {
    const auto known = ids.find(name);
    if (known != ids.end()) return known->second;
    return std::string(prefix) + "0000000000000000000000000" + std::to_string(std::abs(name) % 10);
  }
  [[nodiscard]] std::string factor_id(int name) const { return id(factor_ids_, "auth_factor_", name); }
  [[nodiscard]] std::string challenge_id(int name) const {
    return id(challenge_ids_, "auth_challenge_", name);
  }

  /// A token, or by the id, which is not told of a device of no token.
  [[nodiscard]] std::string device_to_keep(int name) const {
    const auto known = tokens_.find(name);
    return known == tokens_.end() || known->second.empty() ? "no token" : known->second;
  }

  /// What the user types.
  std::string typed(const Call& call) {
    static constexpr std::array<const char*, 6> no_codes{"",           "12345",       "abcdef",
                                                         "1234567890", "12345\u00B2", "+12345"};
    const auto challenge = rules_.challenges.find(call.code_of);
    const int factor_name = challenge == rules_.challenges.end() ? call.code_of : challenge->second.factor;
    const auto factor = rules_.factors.find(factor_name);
    std::string code = "000000";
    if (factor != rules_.factors.end() && factor->second.view.type == FactorType::totp) {
      const auto step = rules_.now.time_since_epoch() / std::chrono::seconds(30) + call.steps_off;
      code = otp::hotp(factor->second.secret, static_cast<std::uint64_t>(step));
      if (call.typed == Typed::two)
        return otp::hotp(factor->second.secret, static_cast<std::uint64_t>(step - 1)) + code;
    } else if (factor != rules_.factors.end() && !factor->second.codes.empty()) {
      const auto& codes = factor->second.codes;
      const auto unused = std::ranges::find(codes, false, [](const auto& entry) { return entry.second; });
      code = call.typed == Typed::wrong ? "000000000001"
                                        : (unused == codes.end() ? codes.begin() : unused)->first;
    } else if (challenge != rules_.challenges.end() &&
               !(challenge->second.code.empty() && challenge->second.token.empty())) {
      const auto& [sent, token] = std::tie(challenge->second.code, challenge->second.token);
      if (sent.empty() || (call.mail != Mail::code && !token.empty()))
        return clicked(call, token, factor_name);
      code = sent;
    }
    switch (call.typed) {
    case Typed::shown:
    case Typed::two: return code;
    case Typed::spaced: return " " + code.substr(0, 3) + " - " + code.substr(3);
    case Typed::again: return accepted_.contains(factor_name) ? accepted_[factor_name] : code;
    case Typed::wrong: return Host::other_code(code);
    case Typed::no_code: return no_codes[static_cast<std::size_t>(call.target + 1) % no_codes.size()];
    }
    return code;
  }

  /// What the browser brings of a link.
  std::string clicked(const Call& call, std::string token, int factor_name) {
    switch (call.typed) {
    case Typed::spaced: return " " + token + "\n";
    case Typed::again: return accepted_.contains(factor_name) ? accepted_[factor_name] : token;
    case Typed::wrong: token.front() = token.front() == 'A' ? 'B' : 'A'; break;
    case Typed::no_code: token.pop_back(); break;
    default: break;
    }
    return token;
  }

  void fail_next(int messages) {
    gateway_.RecordingSms::fail_next(messages);
    gateway_.RecordingEmail::fail_next(messages);
  }

  static email::Template mail(Mail has) {
    static constexpr std::array texts{"{{code}}", "{{link}}", "{{code}}\n{{link}}"};
    return {.subject = "Sign in", .text = texts[static_cast<std::size_t>(has)]};
  }

  static unsigned next_player() {
    static unsigned players = 0;
    return ++players;
  }

  static constexpr std::chrono::seconds device_lifetime{600};

  const Sequence& sequence_;
  testing::ManualClock clock_;
  struct Gateway : testing::RecordingSms, testing::RecordingEmail {
    using RecordingEmail::send;
    using RecordingSms::send;
  } gateway_;
  PlainRules rules_;
  Verifier<Storage, testing::ManualClock, Gateway> verifier_;
  std::map<int, std::string> factor_ids_;
  std::map<int, std::string> challenge_ids_;
  std::map<int, std::string> accepted_; ///< the last code that was, by factor
  std::map<int, std::string> tokens_;   ///< of devices
  std::string created_;                 ///< the id of the last challenge that was
  const unsigned player_ = next_player();
  std::string difference_;
};

} // namespace mfa::test
