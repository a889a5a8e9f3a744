#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <mfa/options.hpp>
#include <mfa/purpose.hpp>

#include "plain_passkeys.hpp"

namespace mfa::test {

enum class Verb {
  enroll_totp,
  enroll_sms,
  enroll_email,
  enroll_recovery_codes,
  import_token,
  import_codes,
  import_credential,
  challenge,
  resend,
  verify,
  confirm, ///< by the factor's id
  remove,
  reset,
  rename,
  regenerate,
  remember,
  check_device,
  password_changed,
  unlock,
  look,
  purge,
  wait
};

/// What allows a change of a user's factors or devices.
enum class Shows { nothing, verification, by_operator };

/// What is typed at a verification.
enum class Typed {
  shown,  ///< what the authenticator shows or the message says
  spaced, ///< the same, as people write it
  two,    ///< of an authenticator, the code before and this one
  again,  ///< what was last accepted from the factor
  wrong,
  no_code, ///< what cannot be one
};

/// What an e-mail has, or which of it is brought back.
enum class Mail { code, link, both };

/// One call of a verb, or a move of the clock. Factors and challenges go by numbers, and a number that names
/// none stands for an unknown id: so any part of a sequence is a sequence too.
struct Call {
  Verb verb{};
  int name = 0;    ///< of the factor or challenge that it makes
  int target = 0;  ///< the factor or challenge that it is about
  int user = 0;    ///< whose factor it is or must be; 0: not said
  int binding = 0; ///< 0: none
  Purpose purpose = Purpose::sign_in;
  int action = 0;
  int brings = 0;           ///< an imported factor: which of few
  bool verified = false;    ///< likewise
  bool counts = false;      ///< likewise: HOTP
  int drift = 0;            ///< likewise
  bool strong = false;      ///< requires more than one factor
  bool undelivered = false; ///< the gateway fails
  Mail mail = Mail::code;   ///< has this; at a verification, of both the one
  bool any_browser = false; ///< may open its link
  Shows shows = Shows::nothing;
  int shown = 0; ///< the challenge of that verification
  DeleteOptions deletes = {};
  int kept = 0;        ///< of a reset: the factor; 0: none
  int kept_device = 0; ///< likewise
  int damaged = 0;     ///< before a reset: 1 the user's record, 2 his list of devices, 3 both
  Typed typed = Typed::shown;
  int code_of = 0;   ///< the challenge whose code is typed
  int steps_off = 0; ///< how far from now the authenticator's clock is
  bool hint = false; ///< asks how far that is, if the code is wrong
  std::chrono::milliseconds by{0};
};

struct Sequence {
  Options options;
  std::vector<Call> calls;
};

/// The options that sequences vary, with their names.
inline constexpr std::tuple varied_options{
    std::pair{"authorization_lifetime", &Options::authorization_lifetime},
    std::pair{"open_challenges_a_user", &Options::open_challenges_a_user},
    std::pair{"unverified_factors_a_user", &Options::unverified_factors_a_user},
    std::pair{"enrollment_lifetime", &Options::enrollment_lifetime},
    std::pair{"sends_a_user_an_hour", &Options::sends_a_user_an_hour},
    std::pair{"sends_a_user_a_day", &Options::sends_a_user_a_day},
    std::pair{"wrong_codes_a_user_a_day", &Options::wrong_codes_a_user_a_day},
    std::pair{"challenge_lifetime", &Options::challenge_lifetime},
    std::pair{"totp_drift_steps", &Options::totp_drift_steps},
    std::pair{"totp_learned_drift_steps", &Options::totp_learned_drift_steps},
    std::pair{"sms_code_digits", &Options::sms_code_digits},
    std::pair{"sms_code_lifetime", &Options::sms_code_lifetime},
    std::pair{"sms_send_interval", &Options::sms_send_interval},
    std::pair{"sms_sends_an_hour", &Options::sms_sends_an_hour},
    std::pair{"sms_sends_a_day", &Options::sms_sends_a_day},
    std::pair{"email_code_digits", &Options::email_code_digits},
    std::pair{"email_code_lifetime", &Options::email_code_lifetime},
    std::pair{"email_send_interval", &Options::email_send_interval},
    std::pair{"email_sends_an_hour", &Options::email_sends_an_hour},
    std::pair{"email_sends_a_day", &Options::email_sends_a_day},
    std::pair{"attempts_a_challenge", &Options::attempts_a_challenge},
    std::pair{"failures_before_delay", &Options::failures_before_delay},
    std::pair{"first_delay", &Options::first_delay},
    std::pair{"longest_delay", &Options::longest_delay},
    std::pair{"resend_same_code", &Options::resend_same_code},
    std::pair{"failures_before_lockout", &Options::failures_before_lockout},
    std::pair{"challenge_retention", &Options::challenge_retention},
    std::pair{"hotp_look_ahead", &Options::hotp_look_ahead},
    std::pair{"hotp_resynchronization_window", &Options::hotp_resynchronization_window},
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
  const auto saying = [&named](const Call& call) {
    std::string text;
    if (call.user != 0) text += ", of user " + std::to_string(call.user);
    if (call.binding != 0) text += ", bound to " + std::to_string(call.binding);
    if (call.purpose != Purpose::sign_in) text += ", to " + std::string(to_string(call.purpose));
    if (call.action != 0) text += " " + std::to_string(call.action);
    if (call.strong) text += ", with two factors";
    if (call.undelivered) text += ", not delivered";
    if (call.mail == Mail::link) text += ", if by mail, by link";
    if (call.mail == Mail::both) text += ", if by mail, by code and link";
    if (call.any_browser) text += ", in any browser";
    if (call.shows == Shows::by_operator) text += ", by an operator";
    if (call.shows == Shows::verification) text += ", after " + named(call.shown);
    return text;
  };
  int factors = 0;
  int challenges = 0;
  int devices = 0;
  for (const Call& call : sequence.calls) {
    std::string line;
    switch (call.verb) {
    case Verb::enroll_totp:
    case Verb::enroll_sms:
    case Verb::enroll_email:
    case Verb::enroll_recovery_codes: {
      static constexpr std::array kinds{"TOTP ", "SMS ", "e-mail ", "recovery codes "};
      names[call.name] = "F" + std::to_string(++factors);
      line = std::string("enrol ") + kinds[static_cast<std::size_t>(call.verb)] + named(call.name);
      break;
    }
    case Verb::import_token:
    case Verb::import_codes:
    case Verb::import_credential:
      names[call.name] = "F" + std::to_string(++factors);
      line = std::string("import ") + (call.verified ? "verified " : "") +
             (call.verb == Verb::import_codes        ? "recovery codes "
              : call.verb == Verb::import_credential ? "passkey "
              : call.counts                          ? "HOTP "
                                                     : "TOTP ") +
             named(call.name);
      if (call.drift != 0) line += ", " + std::to_string(call.drift) + " steps ahead";
      break;
    case Verb::challenge: {
      const std::string factor = named(call.target);
      names[call.name] = "C" + std::to_string(++challenges);
      line = "challenge " + factor + " as " + named(call.name);
      break;
    }
    case Verb::resend: line = "send " + named(call.target) + " again"; break;
    case Verb::confirm: names[call.name] = "C" + std::to_string(++challenges); [[fallthrough]];
    case Verb::verify: {
      static constexpr std::array typed{"the code",     "the code with spaces",
                                        "two codes",    "the last accepted code again",
                                        "a wrong code", "no code"};
      line = (call.verb == Verb::verify ? "verify " : "confirm ") + named(call.target) + " with " +
             typed[static_cast<std::size_t>(call.typed)];
      if (call.code_of != call.target) line += " of " + named(call.code_of);
      if (call.steps_off != 0) line += ", " + std::to_string(call.steps_off) + " steps off";
      if (call.hint) line += ", for a hint";
      break;
    }
    case Verb::remove:
      line = "delete " + named(call.target);
      if (call.deletes.refuse_last) line += " but not the last";
      if (call.deletes.take_recovery_codes) line += " with recovery codes";
      break;
    case Verb::reset:
      line = "reset";
      if (call.kept != 0) line += " all but " + named(call.kept);
      if (call.kept_device != 0) line += " and " + named(call.kept_device);
      if ((call.damaged & 1) != 0) line += ", with a damaged record of the user";
      if ((call.damaged & 2) != 0) line += ", with a damaged list of devices";
      break;
    case Verb::rename: line = "rename " + named(call.target); break;
    case Verb::regenerate: line = "regenerate " + named(call.target); break;
    case Verb::remember:
      names[call.name] = "D" + std::to_string(++devices);
      line = "remember " + named(call.name);
      break;
    case Verb::password_changed: line = "change the password"; break;
    case Verb::check_device: line = "check " + named(call.target); break;
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
    calls_.clear();
    factors_.clear();
    challenges_.clear();
    devices_.clear();
    confirmed_.clear();
    verified_.clear();
    enroll(Verb::enroll_totp);
    enroll(Verb::enroll_sms);
    if (percent(40)) enroll(Verb::enroll_email);
    while (calls_.size() < length) draw_calls();
    calls_.resize(length);
    drawn.calls = calls_;
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
    options.authorization_lifetime = any_of(std::array{seconds(60), seconds(600), seconds(3600)});
    options.open_challenges_a_user = any_of(std::array{1U, 2U, 3U, 20U, 100U});
    options.unverified_factors_a_user = between(1, 5);
    options.enrollment_lifetime = any_of(std::array{seconds(60), seconds(600), seconds(86'400)});
    options.sends_a_user_an_hour = between(4, 20);
    options.sends_a_user_a_day = between(8, 40);
    options.wrong_codes_a_user_a_day = between(10, 15);
    options.challenge_lifetime = any_of(std::array{seconds(60), seconds(600), seconds(3600)});
    options.totp_drift_steps = between(0, 2);
    options.totp_learned_drift_steps = any_of(std::array{0U, 1U, 3U, 4U});
    options.sms_code_digits = between(6, 9);
    options.sms_code_lifetime = any_of(std::array{seconds(30), seconds(60), seconds(600)});
    options.sms_send_interval = any_of(std::array{seconds(0), seconds(0), seconds(30)});
    options.sms_sends_an_hour = between(2, 12);
    options.sms_sends_a_day = between(3, 20);
    options.email_code_digits = between(6, 9);
    options.email_code_lifetime = any_of(std::array{seconds(30), seconds(60), seconds(600)});
    options.email_send_interval = any_of(std::array{seconds(0), seconds(0), seconds(30)});
    options.email_sends_an_hour = between(2, 12);
    options.email_sends_a_day = between(3, 20);
    options.attempts_a_challenge = between(1, 5);
    options.failures_before_delay = between(1, 10);
    options.first_delay = any_of(std::array{seconds(1), seconds(30), seconds(60)});
    options.longest_delay = any_of(std::array{seconds(60), seconds(300), seconds(3600)});
    options.failures_before_lockout = between(1, 14);
    options.challenge_retention = any_of(std::array{seconds(3600), seconds(86'400), seconds(2'592'000)});
    options.resend_same_code = percent(50);
    options.webauthn = std::make_shared<PlainRelyingParty>();
    options.hotp_look_ahead = static_cast<unsigned>(hints_() % 12);
    options.hotp_resynchronization_window = static_cast<unsigned>(hints_() % 120);
    return options;
  }

  [[nodiscard]] int next_name() const { return static_cast<int>(calls_.size()); }

  /// A factor, and mostly the call by which its user shows that he has it.
  void enroll(Verb verb) {
    Call call{.verb = verb, .name = next_name(), .user = static_cast<int>(between(0, 2))};
    show(call, call.user);
    if (verb == Verb::enroll_totp && hints_() % 3 == 0) {
      call.verb = Verb::import_token;
      call.verified = hints_() % 2 == 0;
      call.counts = hints_() % 2 == 0;
      call.drift = call.counts || hints_() % 2 == 0 ? 0 : static_cast<int>(hints_() % 9) - 4;
    }
    if ((verb == Verb::enroll_recovery_codes || verb == Verb::enroll_email) && hints_() % 3 == 0) {
      call.verb = verb == Verb::enroll_email ? Verb::import_credential : Verb::import_codes;
      call.verified = hints_() % 10 != 0;
    }
    const bool imports = call.verb != verb;
    if (imports) call.brings = static_cast<int>(hints_() % 12);
    calls_.push_back(call);
    factors_.push_back(call);
    if (imports && hints_() % 4 == 0) { // once more, or to another user
      calls_.push_back(call);
      calls_.back().name = next_name() - 1;
      if (hints_() % 3 == 0) calls_.back().user = static_cast<int>(hints_() % 2) + 1;
    }
    const bool at_once = call.verb == Verb::enroll_recovery_codes || call.verb == Verb::import_codes ||
                         call.verb == Verb::import_credential;
    if (at_once) confirmed_.insert(call.name);
    if (at_once || percent(25)) return;
    Call confirmation{.verb = Verb::confirm,
                      .name = next_name(),
                      .target = call.name,
                      .purpose = Purpose::confirm_enrollment,
                      .code_of = call.name};
    if (verb == Verb::enroll_sms || verb == Verb::enroll_email) {
      const Call asked{.verb = Verb::challenge,
                       .name = next_name(),
                       .target = call.name,
                       .purpose = Purpose::confirm_enrollment};
      calls_.push_back(asked);
      confirmation = {.verb = Verb::verify,
                      .name = asked.name,
                      .target = asked.name,
                      .purpose = Purpose::confirm_enrollment,
                      .code_of = asked.name};
    }
    calls_.push_back(confirmation);
    challenges_.push_back(
        {.name = confirmation.name, .target = call.name, .purpose = Purpose::confirm_enrollment});
    confirmed_.insert(call.name);
    verified_.push_back({.name = confirmation.name, .user = call.user});
    if (percent(60)) calls_.push_back({.verb = Verb::wait, .by = std::chrono::seconds(30)});
  }

  /// What allows a change for this user: mostly the last verification of his, or an operator.
  void show(Call& call, int user) {
    if (percent(10)) return;
    const auto last = std::find_if(verified_.rbegin(), verified_.rend(),
                                   [user](const Call& verified) { return verified.user == user; });
    const bool by_user = last != verified_.rend() && user != 0 && percent(50);
    call.shows = by_user || percent(10) ? Shows::verification : Shows::by_operator;
    if (call.shows == Shows::verification) call.shown = by_user ? last->name : any_challenge().name;
  }

  void draw_calls() {
    const unsigned drawn = between(1, 100);
    if (drawn <= 16) return calls_.push_back(draw_wait());
    if (drawn <= 48) return calls_.push_back(draw_verification());
    if (drawn <= 66) return calls_.push_back(draw_challenge());
    if (drawn <= 70) return calls_.push_back(draw_resend());
    if (drawn <= 75) {
      static constexpr std::array kinds{Verb::enroll_totp, Verb::enroll_totp, Verb::enroll_sms,
                                        Verb::enroll_email, Verb::enroll_recovery_codes};
      return enroll(any_of(kinds));
    }
    if (drawn <= 77) return hints_() % 2 == 0 ? import_again() : calls_.push_back(draw_removal());
    if (drawn <= 78) return calls_.push_back(percent(50) ? draw_reset() : draw_change(Verb::rename));
    if (drawn <= 82) return calls_.push_back(draw_device());
    if (drawn <= 84) return calls_.push_back(draw_change(Verb::regenerate));
    if (drawn <= 87) return calls_.push_back(draw_change(Verb::unlock));
    if (drawn <= 88) return calls_.push_back({.verb = Verb::purge});
    if (drawn <= 89)
      return calls_.push_back({.verb = Verb::password_changed, .user = static_cast<int>(between(1, 2))});
    if (drawn <= 94) return guess();
    const Call factor = any_factor();
    calls_.push_back({.verb = Verb::look,
                      .target = percent(50) ? factor.name : any_challenge().name,
                      .user = any_user(factor)});
  }

  /// Somebody with the password.
  void guess() {
    for (unsigned left = between(2, 6); left > 0; --left) {
      const Call challenge = draw_challenge();
      calls_.push_back(challenge);
      for (unsigned wrong = between(1, 4); wrong > 0; --wrong)
        calls_.push_back({.verb = Verb::verify,
                          .target = challenge.name,
                          .binding = challenge.binding,
                          .purpose = challenge.purpose,
                          .action = challenge.action,
                          .typed = Typed::wrong,
                          .code_of = challenge.name});
      if (percent(30)) calls_.push_back(draw_wait());
    }
  }

  Call draw_change(Verb verb) {
    const Call factor = any_factor();
    Call call{.verb = verb, .target = factor.name, .user = any_user(factor)};
    show(call, factor.user);
    return call;
  }

  Call draw_removal() {
    Call call = draw_change(Verb::remove);
    call.deletes.refuse_last = percent(30);
    call.deletes.take_recovery_codes = percent(30);
    if (percent(60)) forget([&](const Call& factor) { return factor.name == call.target; });
    return call;
  }

  /// A token is shown and goes, and comes back by an import; then it is shown what was shown before.
  void import_again() {
    std::vector<Call> tokens;
    for (const Call& factor : factors_)
      if (factor.user != 0 && (factor.verb == Verb::enroll_totp || factor.verb == Verb::import_token))
        tokens.push_back(factor);
    if (tokens.empty()) return calls_.push_back(draw_removal());
    const Call token = tokens[hints_() % tokens.size()];
    const bool was_imported = token.verb == Verb::import_token;
    const auto sign_in = [this](int factor, int steps_off) {
      const Call challenge{.verb = Verb::challenge, .name = next_name(), .target = factor};
      calls_.push_back(challenge);
      challenges_.push_back(challenge);
      calls_.push_back({.verb = Verb::verify,
                        .target = challenge.name,
                        .code_of = challenge.name,
                        .steps_off = steps_off});
    };
    sign_in(token.name, 0);
    calls_.push_back({.verb = Verb::remove, .target = token.name, .shows = Shows::by_operator});
    forget([&](const Call& factor) { return factor.name == token.name; });
    Call again{.verb = Verb::import_token, .name = next_name(), .user = token.user};
    again.brings = (was_imported ? token.brings : token.name) % 4; // which secret
    again.verified = hints_() % 10 != 0;
    again.counts = was_imported && token.counts;
    calls_.push_back(again);
    factors_.push_back(again);
    if (again.verified) confirmed_.insert(again.name);
    sign_in(again.name, again.counts ? -1 : 0);
  }

  Call draw_reset() {
    Call call{.verb = Verb::reset, .user = static_cast<int>(between(1, 2))};
    show(call, call.user);
    if (hints_() % 4 == 0) call.damaged = static_cast<int>(hints_() % 3) + 1;
    if (percent(50)) call.kept = any_factor().name;
    if (percent(percent(10) ? 100 : call.kept != 0 ? 50 : 0)) call.kept_device = any_recent(devices_).name;
    if (percent(60))
      forget([&](const Call& factor) { return factor.user == call.user && factor.name != call.kept; });
    return call;
  }

  /// What is gone is mostly not spoken of any more.
  void forget(auto is_gone) {
    std::set<int> gone;
    for (const Call& factor : factors_)
      if (is_gone(factor)) gone.insert(factor.name);
    std::erase_if(factors_, [&](const Call& factor) { return gone.contains(factor.name); });
    std::erase_if(challenges_, [&](const Call& challenge) { return gone.contains(challenge.target); });
  }

  Call draw_device() {
    if (!devices_.empty() && percent(50)) {
      const Call device = any_recent(devices_);
      return {.verb = Verb::check_device, .target = device.name, .user = device.user};
    }
    Call call{.verb = Verb::remember, .name = next_name(), .user = static_cast<int>(between(1, 2))};
    show(call, call.user);
    devices_.push_back(call);
    return call;
  }

  Call draw_wait() {
    using namespace std::chrono_literals;
    static constexpr std::array<std::chrono::milliseconds, 16> waits{
        1ms, 999ms, 1s, 29'999ms, 30s, 30s, 30s, 30'001ms, 1min, 1min, 5min, 10min, 1h, 1h, 24h, 30 * 24h};
    const auto by = any_of(waits);
    return {.verb = Verb::wait, .by = percent(15) ? -by : by};
  }

  Call draw_challenge() {
    const Call factor = any_factor();
    Call call{.verb = Verb::challenge,
              .name = next_name(),
              .target = factor.name,
              .user = any_user(factor),
              .binding = percent(10) ? 1 : 0,
              .purpose = purpose_for(factor.name),
              .strong = percent(2),
              .undelivered = percent(5)};
    if (factor.verb == Verb::import_credential && hints_() % 2 == 0) call.strong = true;
    if (call.purpose == Purpose::action) call.action = static_cast<int>(between(1, 2));
    call.mail = any_mail();
    call.any_browser = call.mail != Mail::code && percent(70);
    challenges_.push_back(call);
    return call;
  }

  Mail any_mail() {
    static constexpr std::array mails{Mail::code, Mail::link, Mail::both};
    return any_of(mails);
  }

  Call draw_resend() {
    const Call challenge = any_challenge();
    return {.verb = Verb::resend,
            .target = challenge.name,
            .user = any_user(challenge),
            .binding = percent(96) ? challenge.binding : static_cast<int>(between(0, 2)),
            .undelivered = percent(15)};
  }

  Purpose any_purpose() {
    static constexpr std::array purposes{Purpose::sign_in, Purpose::confirm_enrollment, Purpose::step_up,
                                         Purpose::action};
    return any_of(purposes);
  }
  /// Mostly one that can be: unverified factors are to be confirmed.
  Purpose purpose_for(int factor) {
    if (percent(8)) return any_purpose();
    if (!confirmed_.contains(factor)) return Purpose::confirm_enrollment;
    return percent(70) ? Purpose::sign_in : percent(50) ? Purpose::step_up : Purpose::action;
  }

  Call draw_verification() {
    static constexpr std::array ways{Typed::shown, Typed::shown,  Typed::shown, Typed::shown, Typed::again,
                                     Typed::again, Typed::wrong,  Typed::wrong, Typed::wrong, Typed::wrong,
                                     Typed::wrong, Typed::spaced, Typed::two};
    const bool by_factor = percent(8);
    const Call about = by_factor ? any_factor() : any_challenge();
    Call call{.verb = by_factor ? Verb::confirm : Verb::verify,
              .name = by_factor ? next_name() : 0,
              .target = about.name,
              .user = any_user(about),
              .binding = percent(96) ? about.binding : static_cast<int>(between(0, 2)),
              .purpose = percent(97) ? about.purpose : any_purpose(),
              .action = percent(97) ? about.action : static_cast<int>(between(1, 2)),
              .typed = percent(3) ? Typed::no_code : any_of(ways),
              .code_of = percent(88) ? about.name : any_challenge().name,
              .steps_off = percent(60) ? 0 : static_cast<int>(between(0, 10)) - 5};
    call.mail = any_mail();
    call.hint = hints_() % 10 < 3;
    if (call.hint && hints_() % 10 < 3) call.steps_off = static_cast<int>(hints_() % 245) - 122;
    if (by_factor) call.purpose = Purpose::confirm_enrollment;
    if (call.purpose != Purpose::action) call.action = 0;
    if (call.purpose == Purpose::action && call.action == 0) call.action = 1;
    const int factor = by_factor ? about.name : about.target;
    if (by_factor)
      challenges_.push_back({.name = call.name,
                             .target = factor,
                             .binding = call.binding,
                             .purpose = Purpose::confirm_enrollment});
    if (call.typed == Typed::shown && call.steps_off == 0 && call.code_of == about.name) {
      if (call.purpose == Purpose::confirm_enrollment) confirmed_.insert(factor);
      for (const Call& enrolled : factors_)
        if (enrolled.name == factor)
          verified_.push_back({.name = by_factor ? call.name : call.target, .user = enrolled.user});
    }
    return call;
  }

  /// None mostly, or the one of the factor or of the challenge before.
  int any_user(const Call& of) {
    return percent(80) ? 0 : percent(85) ? of.user : static_cast<int>(between(1, 2));
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
  std::mt19937_64 hints_{
      std::mt19937_64(random_)()}; ///< apart, so that who changes these changes nothing else
  std::vector<Call> calls_;
  std::vector<Call> factors_;
  std::vector<Call> challenges_;
  std::vector<Call> devices_;
  // What may have come of them:
  std::set<int> confirmed_;    ///< factors
  std::vector<Call> verified_; ///< challenges, with their users
};

} // namespace mfa::test
