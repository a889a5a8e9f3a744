#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <mfa/import.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/requirement.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_email.hpp>
#include <mfa/testing/recording_sms.hpp>

#include "call_sequence.hpp"
#include "host.hpp"
#include "no_sms_budgets.hpp"
#include "plain_passkeys.hpp"
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
      : storage_(storage), sequence_(sequence), rules_(sequence_.options),
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
    case Verb::import_token: {
      ImportToken token;
      token.user_id = user(call.user);
      token.issuer = "Foo Corp";
      token.user = "alan";
      token.seed = secret_of(call);
      token.drift = call.drift;
      PlainRules::Factor factor{.drift = call.drift};
      if (call.counts) token.counter = factor.first_unused_step = static_cast<std::uint64_t>(call.brings % 3);
      const auto secret = otp::base32_decode(secret_of(call));
      factor.secret.assign(secret.begin(), secret.end());
      return import(call, token, call.counts ? FactorType::hotp : FactorType::totp, factor, tally);
    }
    case Verb::import_codes: {
      static constexpr std::array sets{
          std::array{"k3m9-x2p7", "ab0d-ef1h"}, // O and I are written for 0 and 1
          std::array{"K3M9X2P7", "q-r-s-t-5-6-7-8"}, std::array{"trustno1", "zz-yy-xx-ww-vv"}};
      ImportRecoveryCodes line;
      line.user_id = user(call.user);
      PlainRules::Factor factor{.foreign = true};
      for (const std::string code : sets[static_cast<std::size_t>(call.brings) % sets.size()]) {
        line.codes.emplace_back(code);
        std::string folded = code;
        std::erase(folded, '-');
        for (char& c : folded) c = folded_letter(c);
        factor.codes.emplace(std::move(folded), false);
      }
      return import(call, line, FactorType::recovery_codes, factor, tally);
    }
    case Verb::import_credential: { // of few, so that users bring each other's
      const std::string number = std::to_string(call.brings % 4);
      PlainRules::Factor factor{.credential = "credential " + number,
                                .key = "key " + number,
                                .handle = "handle of " + user(call.user),
                                .signatures = call.brings % 2 == 0 ? 0U : 5U,
                                .shows_pin = call.brings % 3 != 0};
      ImportCredential line;
      line.user_id = user(call.user);
      line.user = "alan";
      line.credential_id = factor.credential += player();
      line.public_key = factor.key;
      line.user_handle = factor.handle;
      line.encoding = TextEncoding::bytes;
      line.sign_count = factor.signatures;
      line.user_verified = factor.shows_pin;
      return import(call, line, FactorType::webauthn, factor, tally);
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
      std::string to_sign;
      fail_next(call.undelivered ? 1 : 0);
      const auto answer = answer_of([&]() -> Answer {
        const std::string id = factor_id(call.target);
        const auto challenge = call.purpose == Purpose::confirm_enrollment
                                   ? verifier_.challenge_enrollment(id, whose(call.user), said, by_operator)
                                   : verifier_.challenge_factor(id, whose(call.user), said);
        challenge_ids_[call.name] = challenge.id();
        const FactorType type = rules_.factors.at(call.target).view.type;
        to_sign = challenge.webauthn_options().substr(0, PasskeyAnswer::challenge_size);
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
      if (const auto made = rules_.challenges.find(call.name);
          made != rules_.challenges.end() && !to_sign.empty())
        made->second.code = to_sign;
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
      const Damage damage{damage_record(call, 1, "user_" + user_id),
                          damage_record(call, 2, "trusted_devices_" + user_id)};
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
                           call.shows == Shows::verification ? std::optional(call.shown) : std::nullopt,
                           damage));
      if (answer.error) restore_damaged();
      damaged_.clear();
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

  void import(const Call& call, const auto& line, FactorType type, PlainRules::Factor factor, Tally& tally) {
    ImportOptions said;
    said.verified = call.verified;
    ImportOutcome outcome{};
    said.report = [&](const ImportResult& result) {
      outcome = result.outcome;
      if (outcome == ImportOutcome::imported) factor_ids_[call.name] = result.factor_id;
      return true;
    };
    (void)import_factors(verifier_, std::vector{line}, said);
    Answer answer;
    if (outcome == ImportOutcome::imported)
      answer.factors = {view(verifier_.get_factor(factor_id(call.name), any_user))};
    if (outcome == ImportOutcome::refused) answer.error = errc::invalid_argument;
    ++tally.answers[std::string(to_string(type)) + ' ' + std::string(to_string(outcome))];
    factor.view = {.type = type, .user_id = user(call.user)};
    compare("import", answer, rules_.import(call.name, factor, call.verified));
    list(call.user);
  }

  /// As one of another system is compared.
  static char folded_letter(char c) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
  }

  /// Whether there was one to damage.
  bool damage_record(const Call& call, int bit, const std::string& id) {
    if ((call.damaged & bit) == 0) return false;
    auto record = storage_.find_counter(id);
    if (!record) return false;
    damaged_.push_back(*record);
    record->data.back() ^= 1;
    put(*record);
    return true;
  }
  void restore_damaged() {
    for (storage::CounterRecord record : damaged_) {
      record.version = storage_.find_counter(record.id)->version;
      put(record);
    }
  }
  void put(const storage::CounterRecord& record) {
    storage::Batch batch;
    batch.counters.push_back(record);
    if (!storage_.commit(std::move(batch))) throw std::logic_error("nobody else writes to the storage");
  }

  /// Of few, so that they meet.
  static std::string secret_of(const Call& call) {
    std::string secret(32, 'A');
    secret.back() = "ABCD"[(call.verb == Verb::import_token ? call.brings : call.name) % 4];
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
    const auto factors = verifier_.list_factors(user(number));
    for (const auto& factor : factors) listed.factors.push_back(view(factor));
    compare("list_factors", listed, expected);
    compare_requirement(factors, user(number));
  }

  /// By a policy that the moment draws.
  void compare_requirement(const auto& factors, const std::string& user_id) {
    std::minstd_rand drawn(
        static_cast<unsigned>(rules_.now.time_since_epoch().count() / 7 + std::ssize(factors)));
    drawn.discard(3);
    const auto below = [&drawn](unsigned end) { return static_cast<unsigned>(drawn() >> 8) % end; };
    const auto some_kinds = [&] {
      std::vector<FactorType> kinds;
      for (unsigned count = below(5); kinds.size() < count;)
        kinds.push_back(static_cast<FactorType>(1 + below(7)));
      return kinds;
    };
    const auto some_time = [&]() -> std::optional<Time> {
      if (below(2) == 0) return std::nullopt;
      return rules_.now + std::chrono::hours(static_cast<int>(below(5))) - std::chrono::hours(2);
    };
    FactorPolicy policy;
    policy.kinds = some_kinds();
    if (below(3) == 0) policy.assurance = {.factors = 2, .phishing_resistant = below(2) == 0};
    policy.factors = below(4);
    policy.recovery_codes = below(2) == 0;
    policy.deadline = some_time();
    policy.grace = std::chrono::hours(static_cast<int>(below(4)));
    if (below(2) == 0) policy.offered = some_kinds();
    const PolicyUser user{some_time(), some_time()};
    const auto expected = rules_.requirement(policy, user_id, user);
    std::optional<Requirement> said;
    try {
      said = requirement(policy, factors, clock_.now(), user);
    } catch (const Error& error) {
      if (error.code() != errc::invalid_argument) throw;
    }
    if (said != expected && difference_.empty())
      difference_ = "requirement says: " + told(said) + "\n  the rules say: " + told(expected);
  }

  static std::string told(const std::optional<Requirement>& said) {
    if (!said) return "nobody meets the policy";
    std::string all = std::string(to_string(said->standing)) + ", " + std::to_string(said->factors_lacking) +
                      " factors lack" + (said->recovery_codes_lacking ? " and recovery codes" : "");
    if (said->until) all += ", until " + std::to_string(said->until->time_since_epoch().count());
    for (const FactorType type : said->offer) all += ", offers " + std::string(to_string(type));
    return all;
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
    clock_.advance(std::chrono::hours(24 * 400)); // what a token's secret has used is kept for a year
    rules_.now = std::chrono::floor<std::chrono::milliseconds>(clock_.now());
    compare("purge", {.purged = verifier_.purge_expired()}, rules_.purge());
  }

  void compare(const char* verb, const Answer& answer, const Answer& expected) {
    if (answer == expected || !difference_.empty()) return;
    difference_ = std::string(verb) + " says:  " + text(answer) + "\n  the rules say: " + text(expected);
  }

  /// Of this player alone: a user of whom an enrolment was never confirmed leaves a record.
  [[nodiscard]] std::string user(int number) const {
    return number == 0 ? "" : "u_" + std::to_string(number) + player();
  }
  [[nodiscard]] std::string player() const { return " of " + std::to_string(player_); }
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
    } else if (factor != rules_.factors.end() && factor->second.view.type == FactorType::hotp) {
      const auto next = static_cast<std::int64_t>(factor->second.first_unused_step);
      const auto counter = static_cast<std::uint64_t>(std::max<std::int64_t>(0, next + call.steps_off));
      code = otp::hotp(factor->second.secret, counter);
      if (call.typed == Typed::two) return code + otp::hotp(factor->second.secret, counter + 1);
    } else if (factor != rules_.factors.end() && factor->second.view.type == FactorType::webauthn) {
      return signed_by(call, factor->second,
                       challenge == rules_.challenges.end() ? "" : challenge->second.code, factor_name);
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

  /// What a passkey answers, with a PIN or without, or a copy of it whose counter is behind.
  std::string signed_by(const Call& call, const PlainRules::Factor& factor, std::string challenge,
                        int factor_name) {
    challenge.resize(PasskeyAnswer::challenge_size, '0');
    PasskeyAnswer answer{.credential = factor.credential,
                         .signer = factor.key,
                         .count = factor.signatures + (factor.signatures != 0 && call.steps_off <= 2 ? 1 : 0),
                         .pin = call.steps_off % 2 == 0,
                         .challenge = std::move(challenge),
                         .handle = factor.handle};
    switch (call.typed) {
    case Typed::shown:
    case Typed::two: break;
    case Typed::spaced: answer.handle.clear(); break;
    case Typed::again: return accepted_.contains(factor_name) ? accepted_[factor_name] : answer.text();
    case Typed::wrong: answer.signer = "another key"; break;
    case Typed::no_code: return "{}";
    }
    return answer.text();
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

  Storage& storage_;
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
  std::map<int, std::string> accepted_;         ///< the last code that was, by factor
  std::map<int, std::string> tokens_;           ///< of devices
  std::string created_;                         ///< the id of the last challenge that was
  std::vector<storage::CounterRecord> damaged_; ///< as they were before
  const unsigned player_ = next_player();
  std::string difference_;
};

} // namespace mfa::test
