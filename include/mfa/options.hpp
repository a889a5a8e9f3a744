#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/assurance.hpp>
#include <mfa/channel.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/email/message_template.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/fwd.hpp>
#include <mfa/purpose.hpp>
#include <mfa/sms/autofill.hpp>
#include <mfa/sms/budgets.hpp>
#include <mfa/sms/country.hpp>
#include <mfa/sms/message_template.hpp>
#include <mfa/sms/phone_number.hpp>
#include <mfa/user_id.hpp>
#include <mfa/voice/spoken_template.hpp>
#include <mfa/webauthn_extensions.hpp>

namespace mfa {

/// What becomes of records that carry no seal: those of releases that sealed secrets alone.
enum class UnsealedRecords : std::uint8_t {
  refuse, ///< with `errc::seal_broken`
  accept, ///< and seals them with the next write. Unsafe: whoever writes to the storage can make such records
};

/// What a host may set, with safe defaults; give those that differ as designated initialisers. A `Verifier`
/// refuses values outside the ranges with `errc::invalid_argument`.
struct Options {
  /// What seals secrets, to begin with: see `Verifier::replace_key_ring`. Required unless the storage ends
  /// with the process. `Verifier::options()` returns none.
  KeyRing key_ring = {};

  /// To upgrade a database of a release that sealed secrets alone: accept, `reseal_all`, and refuse again.
  UnsealedRecords unsealed_records = UnsealedRecords::refuse;

  /// How long a verification allows changes of the user's factors and devices (`Authorization`): 1 min to
  /// 1 day.
  std::chrono::seconds authorization_lifetime = std::chrono::minutes(10);
  /// Unsafe: lets factors sign in whose enrolment was never confirmed, and the first valid verification
  /// confirms it. So a password alone makes the second factor that it needs. For WorkOS's API, which knows no
  /// difference.
  bool unverified_factors_sign_in = false;

  // What a caller who has no second factor can make, for each user; a factor of no user counts for itself.
  /// Open challenges: 1 to 100. A further one ends the oldest.
  unsigned open_challenges_a_user = 20;
  /// Unverified factors: 1 to 50. A further one removes the oldest.
  unsigned unverified_factors_a_user = 5;
  /// How long an enrolment can be confirmed: 1 min to 30 days.
  std::chrono::seconds enrollment_lifetime = std::chrono::minutes(10);
  /// Codes sent or given to the host to deliver, by whatever factors, in an hour and in a day: 1 to 500.
  unsigned sends_a_user_an_hour = 10;
  unsigned sends_a_user_a_day = 20;
  /// Wrong codes of verified factors whose codes can be guessed, in a day: 10 to 1,000. Then none of them is
  /// challenged, with `errc::user_delayed`, until the first is a day old.
  unsigned wrong_codes_a_user_a_day = 50;
  /// How long a challenge can be answered whose kind says nothing of it (TOTP, HOTP, recovery codes): 30 s to
  /// 1 h.
  std::chrono::seconds challenge_lifetime = std::chrono::minutes(10);

  /// How long a challenge for a passkey that waits in the sign-in page (`ChallengeOptions::conditional`) can
  /// be answered: 1 min to 1 day.
  std::chrono::seconds conditional_challenge_lifetime = std::chrono::hours(1);

  /// TOTP steps accepted before and after the current one, for clocks that differ: 0 to 10 (RFC 6238
  /// section 5.2).
  unsigned totp_drift_steps = 1;
  /// For tokens, whose clocks nobody sets: how many steps theirs may come to be off, 0 to 500 (RFC 6238
  /// section 6). Each valid code tells by how much, and the next is looked for as far around that as around
  /// our own time otherwise; two consecutive codes in one answer are looked for this far. 0: no drift is
  /// learnt, and no two codes are taken.
  unsigned totp_learned_drift_steps = 0;

  /// Digits of a code sent by SMS: 6 to 9.
  unsigned sms_code_digits = 6;
  /// How long such a code lives: 30 s to 10 min, the most that NIST SP 800-63B allows.
  std::chrono::seconds sms_code_lifetime = std::chrono::minutes(10);
  /// The message, unless a challenge brings its own: `{{code}}` stands for the code, `{{company}}` and the
  /// like for what `sms_values` says. Never build it of what users write.
  std::string sms_template = std::string(sms::default_message_template);
  /// The values of named tokens, of up to 100 characters without line ends: those of users' making, a
  /// company's name say, belong here and not in the template. Each that `sms_template` names needs one; a
  /// challenge may bring its own.
  sms::MessageValues sms_values = {};
  /// Last lines that every message gets: by them browsers and Android apps fill in the code, and know whose
  /// it is.
  sms::Autofill sms_autofill = {};
  /// How many segments a message may have, each of which is paid for: 1 to 24. One of the GSM 7-bit alphabet
  /// holds 160 characters, or 153 if there are several; of any other, 70 or 67. A message that would have
  /// more is refused with `errc::invalid_sms_template`.
  unsigned sms_most_segments = 3;
  /// How many characters a message must begin with before the code, that a notification on a locked phone
  /// does not show it: 0 to 160.
  unsigned sms_characters_before_code = 0;
  /// Whether a segment may end within the code. What the phone puts together may wait for one of them.
  bool sms_code_may_be_split = false;
  /// The countries that may be sent to, by their codes of ISO 3166 ("US", "GB") or by what their numbers
  /// begin with ("1", which the Caribbean shares, "447"), or `sms::every_country()`. Required with an SMS
  /// transport: fraud lives in countries that you do not serve.
  std::vector<std::string> sms_allowed_country_codes = {};
  /// Country codes, likewise, that nothing is sent to, whatever the other list says.
  std::vector<std::string> sms_denied_country_codes = {};
  /// Sends to neighbouring numbers, to a country and at all.
  SmsBudgets sms_budgets = {};
  /// Sends to one phone number, by whatever factor: the time between two (0 s to 1 h), and how many in an
  /// hour and in a day (1 to 100). Factors that were never verified have half of these, rounded up, of what
  /// goes there for whatever factors, so that who enrols somebody else's number leaves its owner the rest.
  std::chrono::seconds sms_send_interval = std::chrono::seconds(30);
  unsigned sms_sends_an_hour = 5;
  unsigned sms_sends_a_day = 10;

  /// By what codes of SMS factors may go, if a challenge or a resend asks for it: calls are as good as text
  /// messages, but what goes by e-mail or to your app shows the mailbox or the app, and not the phone.
  std::vector<Channel> sms_channels = {Channel::sms};
  /// What a call says, unless a challenge brings its own: `{{code}}` stands for the digits, each apart, and
  /// `{{company}}` and the like for what `sms_values` says. `voice::spoken_texts` has some languages.
  std::string voice_template = std::string(voice::default_template);
  /// The language of that, as BCP 47 has it, for the gateway's voice; empty: not known.
  std::string voice_language = "en";

  /// Digits of a code sent by e-mail: 6 to 9.
  unsigned email_code_digits = 6;
  /// How long such a code, or a link, lives: 30 s to 10 min, the most that NIST SP 800-63B allows of any that
  /// is sent.
  std::chrono::seconds email_code_lifetime = std::chrono::minutes(10);
  /// The message, unless a challenge brings its own: `{{code}}`, `{{link}}` or both stand for what answers,
  /// `{{company}}` and the like for what `email_values` says. Never build it of what users write.
  email::Template email_template = email::default_template();
  /// The values of named tokens, of up to 100 characters without line ends and `://`.
  MessageValues email_values = {};
  /// Where `{{link}}` leads, as "https://example.com/sign-in?challenge={{challenge}}&token={{token}}".
  /// Required with it. What is there must not answer the challenge until the user presses a button
  /// (docs/email.md).
  std::string email_link = {};
  /// Sends to one address, in whatever spelling, by whatever factor: the time between two (0 s to 1 h), and
  /// how many in an hour and in a day (1 to 100); half, as for phone numbers, before a factor was verified.
  std::chrono::seconds email_send_interval = std::chrono::seconds(30);
  unsigned email_sends_an_hour = 5;
  unsigned email_sends_a_day = 10;

  /// Digits and lifetime of a code that the host delivers (`GenericOtp`): 6 to 9, 30 s to 10 min.
  unsigned generic_otp_digits = 6;
  std::chrono::seconds generic_otp_lifetime = std::chrono::minutes(10);
  /// Such codes to one address or destination: the time between two (0 s to 1 h), and how many in an hour and
  /// in a day (1 to 100); half, as for phone numbers, before a factor was verified.
  std::chrono::seconds generic_otp_interval = std::chrono::seconds(30);
  unsigned generic_otps_an_hour = 5;
  unsigned generic_otps_a_day = 10;

  /// Whether `resend_challenge` sends the same code again, and not a new one. For that the code is kept with
  /// its challenge, sealed under the key ring, where otherwise only its HMAC is.
  bool resend_same_code = false;

  /// HOTP counters looked at beyond the next one: 0 to 100 (RFC 4226 section 7.4).
  unsigned hotp_look_ahead = 10;
  /// How far ahead two consecutive codes are looked for: 0 to 1,000.
  unsigned hotp_resynchronization_window = 100;

  /// What WebAuthn factors are enrolled with: `mfa::webauthn::relying_party` of
  /// <mfa/webauthn/relying_party.hpp>.
  std::shared_ptr<const webauthn::RelyingParty> webauthn = {};

  /// Wrong codes that a challenge takes: 1 to 10.
  unsigned attempts_a_challenge = 5;
  /// Wrong codes in a row, over all challenges of a factor, before it makes the next one wait: 1 to 10.
  unsigned failures_before_delay = 5;
  /// The first wait (1 s to 1 h), doubled by each further wrong code, and the longest wait (up to 1 day).
  std::chrono::seconds first_delay = std::chrono::seconds(30);
  std::chrono::seconds longest_delay = std::chrono::hours(1);
  /// Wrong codes in a row that lock the factor until `unlock_factor`: up to 100 (NIST SP 800-63B-4
  /// section 3.2.2).
  unsigned failures_before_lockout = 100;

  /// How long a challenge's record is kept for `get_challenge` before `purge_expired` may remove it: 1 h to
  /// 366 days. One of recovery codes or WebAuthn that was answered wrongly to its end, a day after its time.
  std::chrono::seconds challenge_retention = std::chrono::hours(24 * 30);

  /// Told of what the verbs do, and of the messages, codes, devices and lines of an import that they refuse.
  Observer observer = {};
};

/// What a caller may say about one challenge.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct ChallengeOptions {
  /// SMS: the message in place of `Options::sms_template`. Ignored by other kinds.
  std::string sms_template = {};
  /// SMS: values of the template's named tokens, before those of `Options::sms_values`.
  sms::MessageValues sms_values = {};
  /// E-mail: the message in place of `Options::email_template`. Ignored by other kinds.
  email::Template email_template = {};
  /// E-mail: values of the template's named tokens, before those of `Options::email_values`.
  MessageValues email_values = {};
  /// E-mail: where `{{link}}` leads, in place of `Options::email_link`.
  std::string email_link = {};
  /// Unsafe: a link without a `binding` signs in whoever opens it. So a stranger who begins a sign-in as the
  /// user, and has him click in the mail that comes of it, is signed in if your page signs in the browser
  /// that asked.
  bool link_works_in_any_browser = false;
  /// SMS: by what the code goes, the first that takes it: if one surely does not, the next is tried with the
  /// same code, but never after one of which nobody knows. Of those in `Options::sms_channels`; none: by a
  /// text message alone. Ignored by other kinds.
  std::vector<Channel> channels = {};
  /// SMS, for calls: the text in place of `Options::voice_template`, with its language.
  std::string voice_template = {};
  std::string voice_language = {};
  /// SMS, for e-mails: an address that is known to be the user's. Not kept.
  std::string email_address = {};
  /// What it is for, which its verification must ask for again.
  Purpose purpose = Purpose::sign_in;
  /// With `Purpose::action`: what is to be done, in words of the host's ("pay 100 EUR to Foo Corp"), which
  /// the verification must bring again. 1 to 4,096 bytes; kept as an HMAC only.
  std::string action = {};
  /// A value of the host's (a session id, say) that the verification must bring again. 1 to 4,096 bytes;
  /// kept as an HMAC only.
  std::optional<std::string> binding = {};
  /// What the verification will have to show, or is refused with `Status::insufficient_assurance`. A factor
  /// whose kind never can is refused at once, with `errc::insufficient_assurance`.
  Assurance required = {};
  /// The token of a device that the user has remembered (`Verifier::remember_device`), if the browser has
  /// one. Wrong codes from elsewhere, their delays and locks, do not count here then, and those from here
  /// count for the device alone. Messages count as without one. Any other text counts as none, and so
  /// does any for the confirmation of an enrolment.
  crypto::SecretString device_token = {};
  /// WebAuthn: asks for the PIN or biometric of a credential that was registered without, and lets it count
  /// as a second factor from the next sign-in on. Unless the user has just shown another factor, a thief of
  /// the authenticator may be setting his own PIN (WebAuthn section 7.2 step 24). Ignored by other kinds.
  bool initialize_user_verification = false;
  /// WebAuthn: what the user will most likely sign in with, the likeliest first.
  std::vector<webauthn::Hint> webauthn_hints = {};
  /// WebAuthn: what to ask of the authenticator beside an answer. Ignored by other kinds.
  webauthn::SignInExtensions webauthn_extensions = {};
  /// `challenge_passkey`: the page gives the options to the browser with `mediation: "conditional"`, which
  /// shows the user's passkeys among the user names it fills in, whenever he comes to it.
  bool conditional = false;
  /// For the observer.
  EventContext event_context = {};
};

/// What a caller may say about a code that is sent again.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct ResendOptions {
  /// SMS: as in `ChallengeOptions`. What was said there is not kept.
  std::string sms_template = {};
  sms::MessageValues sms_values = {};
  /// E-mail: the same. A link is drawn anew.
  email::Template email_template = {};
  MessageValues email_values = {};
  std::string email_link = {};
  bool link_works_in_any_browser = false; ///< unsafe: see `ChallengeOptions`
  /// SMS: by what it goes this time ("send it another way"), of those in `Options::sms_channels`; none: as
  /// the last one did.
  std::optional<Channel> channel = {};
  /// SMS: as in `ChallengeOptions`. What was said there is not kept.
  std::string voice_template = {};
  std::string voice_language = {};
  std::string email_address = {};
  /// Must equal the challenge's binding; none if there is none. Otherwise the challenge is not found.
  std::optional<std::string> binding = {};
  /// For the observer.
  EventContext event_context = {};
};

/// What a caller may say about one attempt.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct VerifyOptions {
  /// What the challenge must be for, and with `Purpose::action` in which words; otherwise
  /// `errc::wrong_purpose`.
  Purpose purpose = Purpose::sign_in;
  std::string action = {};
  /// Must equal the challenge's binding; none if there is none. Otherwise the challenge is not found.
  std::optional<std::string> binding = {};
  /// The factor must be this user's; otherwise the challenge is not found. The challenge's id names one
  /// factor or one user, but for `challenge_passkey`, so it need not be said.
  Whose user = any_user;
  /// For a caller who has shown the password, and no other: says of a wrong TOTP code whether it is that of a
  /// clock which is off by up to an hour (`Verification::clock_skew`). What is told is never accepted.
  bool hint_clock_skew_after_password = false;
  /// For the observer.
  EventContext event_context = {};
};

/// What a caller may say about the deletion of a factor.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct DeleteOptions {
  /// Refuses to delete the user's last verified factor, and his last that is no set of recovery codes, with
  /// `errc::last_factor`. Of a factor of no user nobody knows others: it is the last.
  bool refuse_last = false;
  /// With the user's last verified factor that is no set of recovery codes, removes those sets too, which
  /// stand in for what he has no more.
  bool take_recovery_codes = false;
  /// For the observer.
  EventContext event_context = {};
};

/// What a caller may say about the end of the trust in a user's devices.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct RevokeOptions {
  /// But in this one, by its token, as the cookie has it, or its id. Any other text counts as none.
  crypto::SecretString keep_device = {};
  /// For the observer.
  EventContext event_context = {};
};

/// What a caller may say about the reset of a user.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct ResetOptions {
  /// The id of a verified factor of the user's that stays, the one in his hand say.
  std::string keep_factor = {};
  /// A trusted device that stays as well, and rests on that factor from now on: its token, as the cookie has
  /// it, or its id. Any other text counts as none.
  crypto::SecretString keep_device = {};
  /// For the observer.
  EventContext event_context = {};
};

/// Calls `visit` with the name, value, least, most and unit of each option that is a number.
template <class Visit> void visit_limits(const Options& options, Visit visit) {
  const auto seconds = [&](std::string_view name, std::chrono::seconds value, std::int64_t least,
                           std::int64_t most) { visit(name, value.count(), least, most, " s"); };
  const auto number = [&](std::string_view name, unsigned value, std::int64_t least, std::int64_t most) {
    visit(name, std::int64_t{value}, least, most, "");
  };
  seconds("authorization_lifetime", options.authorization_lifetime, 60, 86'400);
  number("open_challenges_a_user", options.open_challenges_a_user, 1, 100);
  number("unverified_factors_a_user", options.unverified_factors_a_user, 1, 50);
  seconds("enrollment_lifetime", options.enrollment_lifetime, 60, std::int64_t{30} * 86'400);
  number("sends_a_user_an_hour", options.sends_a_user_an_hour, 1, 500);
  number("sends_a_user_a_day", options.sends_a_user_a_day, 1, 500);
  number("wrong_codes_a_user_a_day", options.wrong_codes_a_user_a_day, 10, 1000);
  seconds("challenge_lifetime", options.challenge_lifetime, 30, 3600);
  seconds("conditional_challenge_lifetime", options.conditional_challenge_lifetime, 60, 86'400);
  number("totp_drift_steps", options.totp_drift_steps, 0, 10);
  number("totp_learned_drift_steps", options.totp_learned_drift_steps, 0, 500);
  number("sms_code_digits", options.sms_code_digits, 6, 9);
  seconds("sms_code_lifetime", options.sms_code_lifetime, 30, 600);
  number("sms_most_segments", options.sms_most_segments, 1, 24);
  number("sms_characters_before_code", options.sms_characters_before_code, 0, 160);
  seconds("sms_send_interval", options.sms_send_interval, 0, 3600);
  number("sms_sends_an_hour", options.sms_sends_an_hour, 1, 100);
  number("sms_sends_a_day", options.sms_sends_a_day, 1, 100);
  constexpr std::int64_t most_sends = 1'000'000;
  const SmsBudgets& budgets = options.sms_budgets;
  number("sms_budgets.a_prefix_an_hour", budgets.a_prefix_an_hour, 0, most_sends);
  number("sms_budgets.a_prefix_a_day", budgets.a_prefix_a_day, 0, most_sends);
  number("sms_budgets.a_country_an_hour", budgets.a_country_an_hour, 0, most_sends);
  number("sms_budgets.a_country_a_day", budgets.a_country_a_day, 0, most_sends);
  for (const SmsCountryBudget& own : budgets.of_countries) {
    const std::string name = "sms_budgets.of_countries." + own.country + ".";
    number(name + "an_hour", own.an_hour, 0, most_sends);
    number(name + "a_day", own.a_day, 0, most_sends);
    number(name + "unanswered", own.unanswered, 0, most_sends);
  }
  number("sms_budgets.an_hour", budgets.an_hour, 0, most_sends);
  number("sms_budgets.a_day", budgets.a_day, 0, most_sends);
  number("sms_budgets.unanswered_a_prefix", budgets.unanswered_a_prefix, 0, most_sends);
  number("sms_budgets.unanswered_a_country", budgets.unanswered_a_country, 0, most_sends);
  number("sms_budgets.unanswered", budgets.unanswered, 0, most_sends);
  number("sms_budgets.shards", budgets.shards, 1, 64);
  number("email_code_digits", options.email_code_digits, 6, 9);
  seconds("email_code_lifetime", options.email_code_lifetime, 30, 600);
  seconds("email_send_interval", options.email_send_interval, 0, 3600);
  number("email_sends_an_hour", options.email_sends_an_hour, 1, 100);
  number("email_sends_a_day", options.email_sends_a_day, 1, 100);
  number("generic_otp_digits", options.generic_otp_digits, 6, 9);
  seconds("generic_otp_lifetime", options.generic_otp_lifetime, 30, 600);
  seconds("generic_otp_interval", options.generic_otp_interval, 0, 3600);
  number("generic_otps_an_hour", options.generic_otps_an_hour, 1, 100);
  number("generic_otps_a_day", options.generic_otps_a_day, 1, 100);
  number("hotp_look_ahead", options.hotp_look_ahead, 0, 100);
  number("hotp_resynchronization_window", options.hotp_resynchronization_window, 0, 1000);
  number("attempts_a_challenge", options.attempts_a_challenge, 1, 10);
  number("failures_before_delay", options.failures_before_delay, 1, 10);
  seconds("first_delay", options.first_delay, 1, 3600);
  seconds("longest_delay", options.longest_delay, options.first_delay.count(), 86'400);
  number("failures_before_lockout", options.failures_before_lockout, 1, 100);
  seconds("challenge_retention", options.challenge_retention, 3600, std::int64_t{366} * 86'400);
}

/// The message of a challenge, within what the options allow. `text` and `values` are the challenge's own, if
/// it has any. Throws `errc::invalid_sms_template`.
[[nodiscard]] inline sms::MessageTemplate message_template(const Options& options, std::string_view text = {},
                                                           const sms::MessageValues& values = {}) {
  sms::MessageTemplate message(
      sms::with_autofill(text.empty() ? std::string_view(options.sms_template) : text, options.sms_autofill),
      values, options.sms_values);
  message.check(
      {.code_digits = options.sms_code_digits,
       .most_segments = options.sms_most_segments,
       .most_bytes = options.sms_autofill.android_app_hash.empty() ? 0 : sms::longest_retrieved_message,
       .characters_before_code = options.sms_characters_before_code,
       .code_may_be_split = options.sms_code_may_be_split});
  return message;
}

/// Throws `errc::invalid_argument`, `errc::invalid_sms_template` or `errc::invalid_email_template`, naming
/// the option.
inline void check_options(const Options& options) {
  visit_limits(options, [](std::string_view name, std::int64_t value, std::int64_t least, std::int64_t most,
                           std::string_view unit) {
    if (value < least || value > most)
      throw Error(errc::invalid_argument, "Options::" + std::string(name) + " is " + std::to_string(value) +
                                              std::string(unit) + "; it may be " + std::to_string(least) +
                                              " to " + std::to_string(most) + std::string(unit));
  });
  (void)message_template(options);
  if (options.sms_channels.empty())
    throw Error(errc::invalid_argument,
                "Options::sms_channels is empty; name by what codes of SMS factors may go: Channel::sms");
  (void)voice::SpokenTemplate(options.voice_template, {}, options.sms_values);
  voice::check_language(options.voice_language);
  if (email::MessageTemplate(options.email_template, options.email_values).has_link() ||
      !options.email_link.empty())
    (void)email::LinkTemplate(options.email_link);
  sms::check_country_codes(options.sms_allowed_country_codes);
  sms::check_country_codes(options.sms_denied_country_codes, "denied");
  for (const SmsCountryBudget& own : options.sms_budgets.of_countries)
    if (!sms::is_country(own.country))
      throw Error(errc::invalid_argument,
                  "SmsBudgets::of_countries names \"" + own.country +
                      "\", which is no country that has phone numbers; write its code of ISO 3166 in "
                      "capitals, \"GB\" of the United Kingdom");
}

} // namespace mfa
