#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/encoding/base64url.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/webauthn/relying_party.hpp>

#include "catch.hpp"
#include "software_authenticator.hpp"
#include "tampered_storage.hpp"
#include "webauthn_host.hpp"

/// Two users of a host, one of whom can write to its storage, and everything by which he might gain from it.
namespace mfa::test::hostile {

/// What an attempt came to. What lets somebody in or sends a message is `granted`.
struct Outcome {
  std::string text;
  bool granted = false;
  std::string user_id = {};
  Assurance assurance = {};

  bool operator==(const Outcome&) const = default;

  /// Whether this grants what `honest` does not.
  [[nodiscard]] bool gains_over(const Outcome& honest) const {
    return granted && (!honest.granted || user_id != honest.user_id || !honest.assurance.meets(assurance));
  }
};

/// One thing that the attacker tries, and what he would have if it were granted.
struct Probe {
  std::string name;
  std::string gain;
  std::function<Outcome()> attempt;
  /// With an answer for another kind, that only an edit with another record's contents could make right.
  bool crosses = false;
  /// With what is right, or was, and must be refused for another reason: a guess that hits, an old code.
  bool right = false;
  std::set<std::string, std::less<>> reads = {}; ///< on the records as they should be
  bool lists = false;
  Outcome honest = {};
};

/// The last message that was sent.
struct LastMessage {
  std::size_t sent = 0;
  SmsMessage last;
  void send(const SmsMessage& message) {
    ++sent;
    last = message;
  }
};

/// A user, and what he holds and remembers. Of each kind of factor he has a few, by name.
struct Account {
  std::string user_id;
  std::string phone;                                      ///< that of the factor "sms"
  std::string other_phone;                                ///< that of the factor "sms, just sent"
  std::map<std::string, std::string> factors = {};        ///< ids by name
  std::map<std::string, std::string> secrets = {};        ///< of authenticators, by the name of the factor
  std::map<std::string, SoftwareAuthenticator> keys = {}; ///< of security keys, alike
  std::map<std::string, std::string> challenges = {};     ///< ids by name
  std::map<std::string, std::string> options = {};        ///< of WebAuthn challenges, alike
  std::map<std::string, std::string> recorded = {};       ///< answers to passkey challenges, alike
  std::map<std::string, std::string> codes = {};          ///< right ones, by the name of the challenge
  std::vector<std::string> recovery_codes = {};
  std::map<std::string, std::string> tokens = {}; ///< of devices
};

template <class StoragePolicy> class Scene {
 public:
  using Storage = TamperedStorage<StoragePolicy>;
  using VerifierType = Verifier<Storage, testing::ManualClock, LastMessage>;

  /// Of his own factor by the right answer: all that he may gain there is to do so once more.
  static constexpr const char* own_again = "a sign-in of his own that was refused";

  /// `retired`: the epoch is over in which all of it was written, but for what `reseal_all` moved.
  template <class... Arguments>
  explicit Scene(bool retired, Arguments&&... arguments)
      : storage(std::forward<Arguments>(arguments)...), verifier_(storage, clock, sms, options(false)),
        rotated_(storage, clock, sms, options(true)),
        other_options_(storage, clock, sms, weaker(options(false))), current_(&verifier_) {
    begin(victim);
    begin(attacker);
    both([&](Account& account) { forget_challenges(account); });
    clock.advance(std::chrono::minutes(20));
    begin_bounded();
    use();
    storage.end_history();
    if (retired) retire_epoch();
    (void)storage.take_written();
    add_probes();
  }

  Storage storage;
  testing::ManualClock clock;
  LastMessage sms;
  Account victim{.user_id = "u_victim", .phone = "+14155550123", .other_phone = "+14155550124"};
  Account attacker{.user_id = "u_attacker", .phone = "+14155550198", .other_phone = "+14155550199"};
  Account guessed{.user_id = "u_guessed", .phone = "", .other_phone = ""}; ///< whose codes were wrong all day
  Account sent{.user_id = "u_sent", .phone = "", .other_phone = ""}; ///< who was sent all that he may be
  std::vector<Probe> probes;
  std::map<std::string, std::string, std::less<>> names; ///< of records, by id
  /// Of challenges that were put to no factor, whose ids say more than those of their records: whole, by the
  /// record's.
  std::map<std::string, std::string, std::less<>> passkey_challenges;

  /// What the host, its operators or its users may do with a record before the attacker's attempts, which
  /// must not make of a record that was edited one that counts.
  struct Use {
    std::string name;
    std::function<void(const std::string& id)> act;
    bool scans = false;
    bool rotates = false; ///< the host has another key from then on
  };
  std::vector<Use> uses;

  /// Which of two verifiers the attempts go to: that of the host, or one that seals under another key.
  void use_rotated(bool rotated) noexcept { current_ = rotated ? &rotated_ : &verifier_; }

  /// The attempts on a challenge of this id, with every answer that the attacker can give.
  [[nodiscard]] std::vector<Probe> probes_of_challenge(std::string id) {
    if (const auto whole = passkey_challenges.find(id); whole != passkey_challenges.end()) id = whole->second;
    std::vector<Probe> made;
    for (const auto& [name, answer] : answers_)
      made.push_back({.name = "verify, " + name,
                      .gain = own_again,
                      .attempt = [this, id, answer = answer] { return verify(id, answer); },
                      .crosses = true});
    made.push_back({.name = "confirm, own totp code",
                    .gain = own_again,
                    .attempt = [this, id] { return confirm(id, answers_.at("own totp code")); },
                    .crosses = true});
    return made;
  }

  /// The sign-ins with a factor of this id, and its confirmation, as whoever's it is taken for.
  [[nodiscard]] std::vector<Probe> probes_of_factor(const std::string& id) {
    std::vector<Probe> made;
    for (const Whose& whose : {Whose(attacker.user_id), Whose(victim.user_id), Whose(any_user)}) {
      const std::string as = " as " + (whose.user_id() ? whose.user_id()->text() : "anybody");
      made.push_back({.name = "challenge" + as + " and answer",
                      .gain = own_again,
                      .attempt = [this, id, whose] { return sign_in(id, whose); }});
      made.push_back({.name = "challenge the enrolment" + as + " and confirm",
                      .gain = own_again,
                      .attempt = [this, id, whose] { return enrol_again(id, whose); }});
    }
    return made;
  }

 private:
  // --- the host

  static crypto::SecretBytes key(std::size_t number) {
    crypto::SecretBytes bytes;
    for (std::size_t i = 0; i < KeyRing::key_size; ++i)
      bytes.push_back(static_cast<unsigned char>(number + i * i + 3 * i));
    return bytes;
  }

  static Options options(bool rotated) {
    Options options;
    options.key_ring = rotated ? KeyRing("new", key(2)).add_further("old", key(1)) : KeyRing("old", key(1));
    options.sms_template = code_only;
    options.webauthn = webauthn::relying_party(example_settings());
    options.failures_before_lockout = 7;
    options.attempts_a_challenge = 2;
    options.sms_sends_an_hour = options.generic_otps_an_hour = 20;
    options.sms_sends_a_day = options.generic_otps_a_day = 20;
    options.sms_allowed_country_codes = sms::every_country();
    options.open_challenges_a_user = 100;
    options.unverified_factors_a_user = 10;
    options.enrollment_lifetime = std::chrono::hours(2);
    options.sends_a_user_an_hour = options.sends_a_user_a_day = 20;
    options.wrong_codes_a_user_a_day = 20;
    return options;
  }

  static Options weaker(Options options) {
    options.failures_before_lockout = 100;
    return options;
  }

  void retire_epoch() {
    verifier_.replace_key_ring(options(false).key_ring.set_epochs({.current = 1, .oldest = 0}));
    REQUIRE(verifier_.reseal_all().failed == 0);
    verifier_.replace_key_ring(options(false).key_ring.set_epochs({.current = 1, .oldest = 1}));
  }

  [[nodiscard]] VerifierType& verifier() const noexcept { return *current_; }

  static Outcome said(const Verification& verification) {
    return {.text = std::string(to_string(verification.status())),
            .granted = verification.valid(),
            .user_id = verification.user_id(),
            .assurance = verification.assurance().value_or(Assurance{})};
  }

  /// An error refuses.
  template <class Call> static Outcome asked(Call call) {
    try {
      return call();
    } catch (const Error& error) {
      return {.text = error.code().message()};
    }
  }

  Outcome verify(const std::string& challenge_id, const std::string& answer,
                 const VerifyOptions& options = {}) {
    return asked([&] { return said(verifier().verify_challenge(challenge_id, answer, options)); });
  }

  Outcome confirm(const std::string& id, const std::string& answer) {
    return asked([&]() -> Outcome {
      const Confirmation confirmation = verifier().confirm_enrollment(id, answer);
      return {.text = std::string(to_string(confirmation.status())),
              .granted = confirmation.confirmed(),
              .user_id = confirmation.user_id()};
    });
  }

  /// What a factor of this kind asks for, as the attacker can give it. `code` is what reached him.
  std::string answer_to(FactorType type, const std::string& factor_id, const std::string& code,
                        const std::string& webauthn_options) {
    switch (type) {
    case FactorType::totp: {
      const auto own = secrets_.find(factor_id);
      return totp(own == secrets_.end() ? attacker.secrets.at("totp") : own->second, 1);
    }
    case FactorType::hotp: return hotp(attacker.secrets.at("hotp"), 2);
    case FactorType::sms:
    case FactorType::email:
    case FactorType::generic_otp: return code.empty() ? "000000" : code;
    case FactorType::recovery_codes: return attacker.recovery_codes[1];
    case FactorType::webauthn: return answer_with_key(webauthn_options);
    }
    return "000000";
  }

  /// By the attacker's own key, which says that it is the credential which is asked for.
  std::string answer_with_key(const std::string& webauthn_options) {
    if (webauthn_options.empty()) return answers_.at("own assertion of another challenge");
    const auto asked_for = nlohmann::json::parse(webauthn_options);
    if (asked_for.contains("user")) return stray_key_.create(webauthn_options).json();
    if (asked_for.at("allowCredentials").empty())
      return attacker.keys.at("passkey").get(webauthn_options).json();
    const auto id = detail::base64url_decode<std::string>(
        asked_for.at("allowCredentials").at(0).at("id").template get<std::string>());
    SoftwareAuthenticator authenticator = attacker.keys.at("key");
    for (const auto& [name, own] : attacker.keys)
      if (own.credential_id == *id) authenticator = own;
    authenticator.credential_id = *id;
    authenticator.sign_count = 1000;
    return authenticator.get(webauthn_options).json();
  }

  /// A session of `whose` challenges the factor, and what reaches the attacker is answered. The host delivers
  /// codes to the session's user, or to the owner that it knows of the factor.
  Outcome sign_in(const std::string& factor_id, const Whose& whose) {
    return asked([&] {
      const FactorType type = type_of(factor_id);
      const std::size_t sent_before = sms.sent;
      const auto challenge = verifier().challenge_factor(factor_id, whose);
      return said(verifier().verify_challenge(challenge.id(),
                                              answer_to(type, factor_id,
                                                        reached(sent_before, factor_id, whose, challenge),
                                                        std::string(challenge.webauthn_options())),
                                              {.user = whose}));
    });
  }

  Outcome enrol_again(const std::string& factor_id, const Whose& whose) {
    return asked([&] {
      const FactorType type = type_of(factor_id);
      const std::size_t sent_before = sms.sent;
      const auto challenge = verifier().challenge_enrollment(factor_id, whose, {}, by_operator);
      return confirm(challenge.id(),
                     answer_to(type, factor_id, reached(sent_before, factor_id, whose, challenge),
                               std::string(challenge.webauthn_options())));
    });
  }

  FactorType type_of(const std::string& factor_id) const {
    const auto stored = storage.StoragePolicy::find_factor(factor_id);
    return stored ? stored->type : FactorType::totp;
  }

  /// The code that reached the attacker, if one did.
  std::string reached(std::size_t sent_before, const std::string& factor_id, const Whose& whose,
                      const auto& challenge) const {
    const bool to_attacker =
        whose.user_id() ? whose.user_id()->text() == attacker.user_id : own_ids_.contains(factor_id);
    if (const std::string code(challenge.code()); !code.empty() && to_attacker) return code;
    if (sms.sent != sent_before && (sms.last.to == attacker.phone || sms.last.to == attacker.other_phone))
      return sms.last.body;
    return "";
  }

  // --- what users do

  std::string totp(const std::string& secret, int steps = 0) const {
    return otp::totp(otp::base32_decode(secret), clock.now() + steps * std::chrono::seconds(30));
  }
  static std::string hotp(const std::string& secret, std::uint64_t counter) {
    return otp::hotp(otp::base32_decode(secret), counter);
  }

  void challenge(Account& account, const std::string& factor, const std::string& name,
                 const ChallengeOptions& options = {}) {
    const std::string& factor_id = account.factors.at(factor);
    const bool verified = verifier().get_factor(factor_id, account.user_id).verified();
    const auto made = verified
                          ? verifier().challenge_factor(factor_id, account.user_id, options)
                          : verifier().challenge_enrollment(factor_id, account.user_id, options, by_operator);
    const std::string& id = account.challenges[name] = made.id();
    names[id] = account.user_id + "'s challenge '" + name + "'";
    if (const std::string code(made.code()); !code.empty()) account.codes[name] = code;
    if (factor.starts_with("sms")) account.codes[name] = sms.last.body;
    if (const std::string text(made.webauthn_options()); !text.empty()) account.options[name] = text;
  }

  /// Asks for a passkey of this account, or of whoever comes; `key` will answer.
  void challenge_passkey(Account& account, bool whoever, const std::string& name,
                         const ChallengeOptions& options = {}, const std::string& key = "passkey") {
    const auto made =
        whoever ? verifier().challenge_passkey(options) : verifier().challenge_user(account.user_id, options);
    const std::string& id = account.challenges[name] = made.id();
    const std::string stored(detail::stored_part_of(id));
    passkey_challenges[stored] = id;
    names[id] = names[stored] = account.user_id + "'s challenge '" + name + "'";
    account.options[name] = made.webauthn_options();
    account.recorded[name] = account.keys.at(key).get(account.options[name]).json();
  }

  void accept_passkey(Account& account, bool whoever, const std::string& name,
                      const ChallengeOptions& options = {}, const std::string& key = "passkey") {
    challenge_passkey(account, whoever, name, options, key);
    accept(account, name, account.recorded.at(name));
  }

  /// A right answer of the passkey to a challenge that was put to no factor, but for its signature.
  std::string wrong_passkey(const Account& account, const std::string& name) const {
    SoftwareAuthenticator key = account.keys.at("passkey");
    key.spoil_signature = [](std::string& signature) { signature.back() ^= 1; };
    return key.get(account.options.at(name)).json();
  }

  void accept(Account& account, const std::string& challenge, const std::string& code) {
    const auto status = verifier().verify_challenge(account.challenges.at(challenge), code).status();
    INFO(challenge << ": " << to_string(status));
    REQUIRE(status == Status::valid);
  }

  void accept_enrollment(Account& account, const std::string& factor, const std::string& code) {
    const auto status =
        verifier().confirm_enrollment(account.challenges.at("enrolment of " + factor), code).status();
    INFO(factor << ": " << to_string(status));
    REQUIRE(status == Status::valid);
  }

  void refuse(const std::string& challenge_id, const std::string& code) {
    REQUIRE_FALSE(verifier().verify_challenge(challenge_id, code).valid());
  }

  template <class Request>
  auto enroll(Account& account, const std::string& name, Request request,
              const Authorization& authorization = by_operator) {
    request.user_id = account.user_id;
    auto enrolled = verifier().enroll_factor(request, authorization);
    account.factors[name] = enrolled.factor.id();
    names[enrolled.factor.id()] = account.user_id + "'s factor '" + name + "'";
    if (&account == &attacker) own_ids_.insert(enrolled.factor.id());
    return enrolled;
  }

  std::string enroll_totp(Account& account, const std::string& name,
                          const Authorization& authorization = by_operator) {
    const auto enrolled =
        enroll(account, name, Totp{.issuer = "Foo Corp", .user = account.user_id}, authorization);
    return account.secrets[name] = std::string(enrolled.totp.secret);
  }

  void enroll_verified_totp(Account& account, const std::string& name) {
    const std::string secret = enroll_totp(account, name);
    challenge(account, name, "enrolment of " + name);
    accept_enrollment(account, name, totp(secret));
  }

  void enroll_mail(Account& account, const std::string& name) {
    enroll(account, name, GenericOtp{.destination = name + " of " + account.user_id});
    challenge(account, name, "enrolment of " + name);
    accept_enrollment(account, name, account.codes.at("enrolment of " + name));
  }

  void enroll_key(Account& account, const std::string& name, WebAuthn request, bool verifies_user,
                  std::uint32_t sign_count = 5) {
    request.user = account.user_id;
    enroll(account, name, request);
    SoftwareAuthenticator key;
    key.credential_id = "the " + name + " of " + account.user_id;
    key.sign_count = sign_count;
    if (verifies_user) key.flags |= SoftwareAuthenticator::user_verified;
    account.keys.emplace(name, key);
    challenge(account, name, "enrolment of " + name);
    const std::string& asked = account.options.at("enrolment of " + name);
    accept_enrollment(account, name, key.create(asked).json());
    account.keys.at(name).user_handle = detail::base64url_decode<std::string>(
        nlohmann::json::parse(asked).at("user").at("id").template get<std::string>());
  }

  std::string right(const Account& account, const std::string& factor) {
    if (factor == "hotp") return hotp(account.secrets.at("hotp"), 2);
    if (factor == "recovery codes") return account.recovery_codes[1];
    if (const auto key = account.keys.find(factor); key != account.keys.end()) {
      SoftwareAuthenticator next = key->second;
      next.sign_count = 1000;
      return next.get(account.options.at(factor)).json();
    }
    if (const auto code = account.codes.find(factor); code != account.codes.end()) return code->second;
    return totp(account.secrets.at(factor), 1);
  }

  /// What is not yet to be: a code that is wrong now and in the next minutes.
  std::string wrong(const Account& account, const std::string& factor) const {
    return totp(account.secrets.at(factor), 50);
  }

  /// Enrols everything.
  void begin(Account& account) {
    // A thief of the password was there first, and left what he may confirm one day.
    enroll_totp(account, "unverified totp", Authorization());
    enroll(account, "unverified key", WebAuthn{.user = account.user_id}, Authorization());
    for (const char* const name : {"totp", "delayed totp", "locked totp", "deleted totp"})
      enroll_verified_totp(account, name);
    for (const auto& [name, phone] : {std::pair<std::string, std::string>("sms", account.phone),
                                      {"sms, just sent", account.other_phone}}) {
      enroll(account, name, Sms{.phone_number = phone});
      challenge(account, name, "enrolment of " + name);
      accept_enrollment(account, name, account.codes.at("enrolment of " + name));
    }
    for (const char* const name : {"mail", "mail, just sent"}) enroll_mail(account, name);
    const auto token = enroll(account, "hotp", Hotp{.issuer = "Foo Corp", .user = account.user_id});
    account.secrets["hotp"] = std::string(token.hotp.secret);
    challenge(account, "hotp", "enrolment of hotp");
    accept_enrollment(account, "hotp", hotp(account.secrets["hotp"], 0));
    for (const auto& code : enroll(account, "recovery codes", RecoveryCodes{.count = 4}).recovery_codes.codes)
      account.recovery_codes.emplace_back(code);
    enroll_key(account, "key", {}, false);
    enroll_key(account, "verifying key", {.user_verification = webauthn::UserVerification::required}, true);
    enroll_key(account, "key with a PIN", {}, true);
    // A password manager's, which does not count.
    for (const char* const name : {"passkey", "deleted passkey"})
      enroll_key(account, name, {.resident_key = webauthn::ResidentKey::required}, true, 0);
    accept_passkey(account, true, "passkey before a new password", {.conditional = true});
    REQUIRE(verifier().password_changed(account.user_id) == 0);
    for (const auto& [label, lifetime] : {std::pair("laptop", usual_device_lifetime),
                                          {"phone", usual_device_lifetime},
                                          {"desktop", usual_device_lifetime},
                                          {"tablet", std::chrono::seconds(60)}})
      account.tokens[label] =
          std::string(verifier().remember_device(account.user_id, label, by_operator, lifetime).token);
  }

  /// Brings two users to their limits.
  void begin_bounded() {
    const auto every = [&](const std::string& kind, auto act) {
      for (const char* const number : {"first ", "second ", "third ", "fourth "}) act(number + kind);
    };
    every("totp", [&](const std::string& name) {
      enroll_verified_totp(guessed, name);
      fail(guessed, name, 5);
    });
    every("mail", [&](const std::string& name) { enroll_mail(sent, name); });
    for (int times = 1; times < 5; ++times) {
      clock.advance(std::chrono::seconds(31));
      every("mail",
            [&](const std::string& name) { challenge(sent, name, name + ' ' + std::to_string(times)); });
    }
    for (Account* const account : {&guessed, &sent}) forget_challenges(*account);
  }

  /// As `purge_expired` does one day, so that there are no more records than are needed.
  void forget_challenges(Account& account) {
    std::erase_if(account.challenges, [&](const auto& challenge) {
      if (names_passkey(challenge.second)) return false;
      REQUIRE(storage.write({storage::RecordKind::challenge, challenge.second, std::nullopt}));
      return true;
    });
  }

  [[nodiscard]] bool names_passkey(std::string_view challenge_id) const {
    return passkey_challenges.contains(detail::stored_part_of(challenge_id));
  }

  template <class Act> void both(Act act) {
    act(victim);
    act(attacker);
  }

  void fail(Account& account, const std::string& factor, const std::string& name) {
    refuse(account.challenges.at(name), wrong(account, factor));
  }

  /// As many wrong codes, on challenges that are gone then.
  void fail(Account& account, const std::string& factor, int times, const ChallengeOptions& options = {}) {
    const std::string name = "failures of " + factor;
    for (; times > 0; --times) {
      challenge(account, factor, name, options);
      fail(account, factor, name);
      REQUIRE(storage.write({storage::RecordKind::challenge, account.challenges.at(name), std::nullopt}));
    }
    account.challenges.erase(name);
  }

  /// Signs in, and leaves challenges of every state.
  void use() {
    using std::chrono::minutes;
    using std::chrono::seconds;
    both([&](Account& account) {
      for (const char* const name : {"sms", "mail", "key"})
        challenge(account, name, std::string("expired ") + name);
      challenge_passkey(account, true, "expired passkey");
      challenge(account, "totp", "stale totp");
      accept(account, "stale totp", totp(account.secrets.at("totp")));
      fail(account, "totp", 10, {.device_token = account.tokens.at("desktop")});
    });
    clock.advance(minutes(11));
    both([&](Account& account) {
      REQUIRE(verify(account.challenges.at("expired mail"), "000000").text == "expired");
      for (const TrustedDevice& device : verifier().list_devices(account.user_id))
        if (device.label == "phone") REQUIRE(verifier().revoke_device(account.user_id, device.id));
      for (const char* const name : {"deleted totp", "deleted passkey"})
        verifier().delete_factor(account.factors.at(name), account.user_id, by_operator);
      challenge(account, "locked totp", "locked totp");
      fail(account, "locked totp", 5);
    });
    for (const auto delay : {seconds(31), seconds(61)}) {
      clock.advance(delay);
      both([&](Account& account) { fail(account, "locked totp", 1); });
    }
    both([&](Account& account) {
      challenge(account, "sms", "superseded sms");
      challenge(account, "mail", "superseded mail");
    });
    clock.advance(seconds(31));
    both([&](Account& account) {
      challenge(account, "sms", "answered sms");
      accept(account, "answered sms", account.codes.at("answered sms"));
      challenge(account, "mail", "answered mail");
      accept(account, "answered mail", account.codes.at("answered mail"));
    });
    clock.set(std::chrono::ceil<minutes>(clock.now() + seconds(31)));
    both([&](Account& account) {
      challenge(account, "sms", "sms");
      challenge(account, "mail", "mail");
    });
    clock.advance(minutes(1));
    both([&](Account& account) { use_now(account); });
  }

  /// What is used now is still in its time when the attacker begins.
  void use_now(Account& account) {
    for (const std::string name : {"totp", "hotp", "recovery codes"})
      challenge(account, name, "answered " + name);
    accept(account, "answered totp", totp(account.secrets.at("totp")));
    accept(account, "answered hotp", hotp(account.secrets.at("hotp"), 1));
    accept(account, "answered recovery codes", account.recovery_codes[0]);
    for (const std::string name : {"key", "verifying key", "key with a PIN"}) {
      SoftwareAuthenticator& key = account.keys.at(name);
      key.sign_count = 6;
      challenge(account, name, "answered " + name);
      accept(account, "answered " + name, key.get(account.options.at("answered " + name)).json());
    }
    for (const char* const name : {"totp", "hotp", "recovery codes", "key", "verifying key", "unverified key",
                                   "unverified totp", "sms, just sent", "mail, just sent"})
      challenge(account, name, name);
    use_passkey(account);
    challenge(account, "totp", "bound totp", {.binding = "session of " + account.user_id});
    challenge(account, "totp", "totp for more", {.purpose = Purpose::step_up});
    challenge(account, "totp", "totp to pay", {.purpose = Purpose::action, .action = "pay 10 EUR"});
    challenge(account, "key with a PIN", "key with a PIN", {.required = {.factors = 2}});
    enroll(account, "pending key", WebAuthn{.user = account.user_id});
    challenge(account, "pending key", "pending key");
    challenge(account, "delayed totp", "totp of a laptop", {.device_token = account.tokens.at("laptop")});
    challenge(account, "totp", "one attempt left");
    fail(account, "totp", "one attempt left");
    challenge(account, "totp", "exhausted totp");
    for (int times = 0; times < 2; ++times) fail(account, "totp", "exhausted totp");
    fail(account, "delayed totp", 4);
    challenge(account, "delayed totp", "delayed totp");
    fail(account, "delayed totp", "delayed totp");
    verifier().compare_options();
    for (const char* const name : {"totp", "sms", "mail", "hotp", "recovery codes", "key", "verifying key"})
      right_answers_[account.challenges.at(name)] = right(account, name);
    const std::string begun = "passkey, one attempt left";
    right_answers_[std::string(detail::stored_part_of(account.challenges.at(begun)))] =
        account.recorded.at(begun);
    for (const auto& [name, secret] : account.secrets)
      if (&account == &attacker || name == "unverified totp") secrets_[account.factors.at(name)] = secret;
  }

  void use_passkey(Account& account) {
    accept_passkey(account, true, "answered passkey");
    accept_passkey(account, false, "answered passkey of the user");
    ++account.keys.at("key with a PIN").sign_count;
    accept_passkey(account, true, "answered passkey that counts", {}, "key with a PIN");
    for (const bool whoever : {true, false})
      challenge_passkey(account, whoever, whoever ? "passkey" : "passkey of the user");
    challenge_passkey(account, true, "bound passkey", {.binding = "session of " + account.user_id});
    for (const std::string name : {"passkey, one attempt left", "exhausted passkey"}) {
      challenge_passkey(account, true, name);
      for (int times = name.starts_with("exhausted") ? 2 : 1; times > 0; --times)
        refuse(account.challenges.at(name), wrong_passkey(account, name));
    }
  }

  // --- what the attacker tries

  template <class Attempt>
  void probe(std::string name, std::string gain, Attempt attempt, bool right = false) {
    probes.push_back(
        {.name = std::move(name), .gain = std::move(gain), .attempt = std::move(attempt), .right = right});
  }

  void add_probes() {
    answers_["own totp code"] = totp(attacker.secrets.at("totp"), 1);
    answers_["own sms code"] = attacker.codes.at("sms");
    answers_["own mailed code"] = attacker.codes.at("mail");
    answers_["own hotp code"] = hotp(attacker.secrets.at("hotp"), 2);
    answers_["own recovery code"] = attacker.recovery_codes[1];
    SoftwareAuthenticator own = attacker.keys.at("key");
    own.sign_count = 1000;
    answers_["own assertion of another challenge"] = own.get(attacker.options.at("key")).json();
    stray_key_.credential_id = "a key that nobody knows";

    for (Account* const account : {&victim, &attacker}) {
      for (const auto& [name, id] : account->challenges) {
        for (Probe& made : probes_of_challenge(id)) {
          made.name = names.at(id) + ": " + made.name;
          probes.push_back(std::move(made));
        }
        if (!reaches_attacker(*account, name)) continue;
        if (const auto asked_for = account->options.find(name); asked_for != account->options.end())
          for (const bool confirms : {false, true})
            probe(names.at(id) + (confirms ? ": confirm, own key" : ": verify, own key"), own_again,
                  [this, id = id, confirms, answer = answer_with_key(asked_for->second)] {
                    return confirms ? confirm(id, answer) : verify(id, answer);
                  });
      }
      for (const auto& [name, id] : account->factors) {
        if (!reaches_attacker(*account, name)) continue;
        for (Probe& made : probes_of_factor(id)) {
          made.name = names.at(id) + ": " + made.name;
          probes.push_back(std::move(made));
        }
      }
      add_refused(*account);
      add_purposes(*account);
      add_devices(*account);
      add_authorizations(*account);
    }
    add_bounds();
    add_uses();
  }

  /// What a session of the victim's began who had shown a factor is asked for in that session.
  bool reaches_attacker(const Account& account, const std::string& name) const {
    return &account == &attacker || name != "pending key";
  }

  /// Right answers, known or guessed, that must be refused, whoever gives them.
  void add_refused(Account& account) {
    const auto on_challenge = [&](const std::string& name, const std::string& gain, const std::string& answer,
                                  VerifyOptions options = {}) {
      const std::string& id = account.challenges.at(name);
      probe(
          names.at(id) + ": verify, " + gain, gain,
          [this, id, answer, options] { return verify(id, answer, options); }, true);
    };
    const auto fresh = [&](const std::string& name) { return totp(account.secrets.at(name), 1); };
    on_challenge("totp", "a used code", totp(account.secrets.at("totp")));
    on_challenge("hotp", "a used code", hotp(account.secrets.at("hotp"), 1));
    on_challenge("recovery codes", "a used code", account.recovery_codes[0]);
    on_challenge("answered totp", "an answered challenge", fresh("totp"));
    on_challenge("answered hotp", "an answered challenge", hotp(account.secrets.at("hotp"), 2));
    on_challenge("answered recovery codes", "an answered challenge", account.recovery_codes[2]);
    on_challenge("answered sms", "an answered challenge", account.codes.at("answered sms"));
    on_challenge("answered mail", "an answered challenge", account.codes.at("answered mail"));
    on_challenge("superseded sms", "a superseded code", account.codes.at("superseded sms"));
    on_challenge("superseded mail", "a superseded code", account.codes.at("superseded mail"));
    on_challenge("expired sms", "an expired code", account.codes.at("expired sms"));
    on_challenge("expired mail", "an expired code", account.codes.at("expired mail"));
    on_challenge("exhausted totp", "an exhausted challenge", fresh("totp"));
    on_challenge("delayed totp", "a guess before the delay is over", fresh("delayed totp"));
    on_challenge("locked totp", "a guess at a locked factor", fresh("locked totp"));
    on_challenge("unverified totp", "a factor that was never confirmed", fresh("unverified totp"));
    on_challenge("bound totp", "a challenge of another session", fresh("totp"));
    on_challenge("bound totp", "a challenge of another session", fresh("totp"),
                 {.binding = "session of a thief"});
    {
      const std::string& id = account.challenges.at("one attempt left");
      probe(
          names.at(id) + ": a wrong code, then the right one", "a guess more than the budget",
          [this, id, wrong = wrong(account, "totp"), right = fresh("totp")] {
            (void)verify(id, wrong);
            return verify(id, right);
          },
          true);
    }
    if (&account == &attacker) {
      const std::string& id = account.challenges.at("totp of a laptop");
      probe(
          names.at(id) + ": wrong codes, then the right one", "a guess more than the budget",
          [this, id, wrong = wrong(account, "delayed totp"), right = fresh("delayed totp")] {
            for (int times = 0; times < 2; ++times) (void)verify(id, wrong);
            return verify(id, right);
          },
          true);
    }
    // The key was cloned, or stolen without its PIN.
    SoftwareAuthenticator clone = account.keys.at("key");
    on_challenge("key", "a cloned key", clone.get(account.options.at("key")).json());
    SoftwareAuthenticator stolen = account.keys.at("verifying key");
    stolen.flags = SoftwareAuthenticator::user_present;
    stolen.sign_count = 1000;
    on_challenge("verifying key", "a stolen key without its PIN",
                 stolen.get(account.options.at("verifying key")).json());
    SoftwareAuthenticator plain = account.keys.at("key");
    plain.sign_count = 1000;
    on_challenge("expired key", "an expired challenge", plain.get(account.options.at("expired key")).json());
    on_challenge("answered key", "an answered challenge",
                 plain.get(account.options.at("answered key")).json());
    SoftwareAuthenticator without_pin = account.keys.at("key with a PIN");
    without_pin.flags = SoftwareAuthenticator::user_present;
    without_pin.sign_count = 1000;
    on_challenge("key with a PIN", "a stolen key without its PIN",
                 without_pin.get(account.options.at("key with a PIN")).json());
    // It got its PIN only after it was stolen.
    plain.flags |= SoftwareAuthenticator::user_verified;
    if (&account == &attacker)
      probe("u_attacker's challenge 'key': verify with a new PIN", "a PIN that nobody vouched for",
            [this, id = account.challenges.at("key"), answer = plain.get(account.options.at("key")).json()] {
              return verify(id, answer);
            });
    add_refused_passkeys(account);
    // A registration that a thief of the password began, or with what is another factor's already.
    const auto on_enrollment = [&](const std::string& name, const std::string& gain,
                                   const std::string& answer) {
      const std::string& id = account.challenges.at(name);
      probe(
          names.at(id) + ": confirm, " + gain, gain, [this, id, answer] { return confirm(id, answer); },
          true);
    };
    on_enrollment("unverified totp", "a factor that was not to be confirmed", fresh("unverified totp"));
    on_enrollment("unverified key", "a factor that was not to be confirmed",
                  stray_key_.create(account.options.at("unverified key")).json());
    on_challenge("unverified key", "a factor that was never confirmed",
                 stray_key_.create(account.options.at("unverified key")).json());
    on_enrollment("pending key", "a key of two factors",
                  account.keys.at("key").create(account.options.at("pending key")).json());
    const auto on_new_challenge = [&](const std::string& name, const std::string& gain, const auto& answer) {
      const std::string& id = account.factors.at(name);
      probe(
          names.at(id) + ": challenge and verify, " + gain, gain,
          [this, id, answer] {
            return asked([&] {
              const auto made = verifier().challenge_factor(id, any_user);
              return said(
                  verifier().verify_challenge(made.id(), answer(std::string(made.webauthn_options()))));
            });
          },
          true);
    };
    const auto always = [](std::string code) {
      return [code = std::move(code)](const std::string&) { return code; };
    };
    on_new_challenge("locked totp", "a guess at a locked factor", always(fresh("locked totp")));
    on_new_challenge("delayed totp", "a guess before the delay is over", always(fresh("delayed totp")));
    on_new_challenge("deleted totp", "a deleted factor", always(fresh("deleted totp")));
    on_new_challenge("totp", "a used code", always(totp(account.secrets.at("totp"))));
    on_new_challenge("hotp", "a used code", always(hotp(account.secrets.at("hotp"), 1)));
    on_new_challenge("recovery codes", "a used code", always(account.recovery_codes[0]));
    const auto assertion_of = [](const SoftwareAuthenticator& key) {
      return [key](const std::string& options) { return options.empty() ? "none" : key.get(options).json(); };
    };
    on_new_challenge("key", "a cloned key", assertion_of(clone));
    on_new_challenge("verifying key", "a stolen key without its PIN", assertion_of(stolen));
    on_new_challenge("unverified totp", "a factor that was never confirmed",
                     always(fresh("unverified totp")));
    on_new_challenge("unverified key", "a factor that was never confirmed",
                     [this](const std::string& options) {
                       return options.empty() ? "none" : stray_key_.create(options).json();
                     });
    for (const auto& [name, id] : account.factors) {
      if (name.starts_with("unverified") || name.starts_with("pending") || name.starts_with("deleted"))
        continue;
      probe(
          names.at(id) + ": delete", "a change without an authorization",
          [this, id = id, user = account.user_id] {
            return asked([&] {
              verifier().delete_factor(id, any_user);
              return Outcome{.text = "deleted", .granted = true, .user_id = user};
            });
          },
          true);
    }
    probe(
        names.at(account.factors.at("locked totp")) + ": challenge on a device of too many wrong codes",
        "a guess more from a device",
        [this, id = account.factors.at("locked totp"), token = account.tokens.at("desktop"),
         right = fresh("locked totp")] {
          return asked([&] {
            const auto made = verifier().challenge_factor(id, any_user, {.device_token = token});
            return said(verifier().verify_challenge(made.id(), right));
          });
        },
        true);
    add_another(account, "sms, just sent", "a message more than the limit");
    add_another(account, "mail, just sent", "a code more than the limit");
  }

  /// Answers that were recorded, or would be right, to challenges that were put to no factor.
  void add_refused_passkeys(const Account& account) {
    const auto on_challenge = [&](const std::string& name, const std::string& gain, const auto& attempt) {
      const std::string& id = account.challenges.at(name);
      probe(
          names.at(id) + ": verify, " + gain, gain, [id, attempt] { return attempt(id); }, true);
    };
    const auto once = [this](const std::string& answer, const VerifyOptions& options = {}) {
      return [this, answer, options](const std::string& id) { return verify(id, answer, options); };
    };
    for (const char* const name : {"answered passkey", "answered passkey of the user",
                                   "answered passkey that counts", "passkey before a new password"})
      on_challenge(name, "a recorded answer", once(account.recorded.at(name)));
    on_challenge("expired passkey", "an expired challenge", once(account.recorded.at("expired passkey")));
    on_challenge("exhausted passkey", "an exhausted challenge",
                 once(account.recorded.at("exhausted passkey")));
    on_challenge("passkey, one attempt left", "a guess more than the budget",
                 [this, wrong = wrong_passkey(account, "passkey, one attempt left"),
                  right = account.recorded.at("passkey, one attempt left")](const std::string& id) {
                   (void)verify(id, wrong);
                   return verify(id, right);
                 });
    on_challenge("bound passkey", "a challenge of another session",
                 once(account.recorded.at("bound passkey")));
    on_challenge("bound passkey", "a challenge of another session",
                 once(account.recorded.at("bound passkey"), {.binding = "session of a thief"}));
    for (const char* const name : {"passkey", "passkey of the user"}) {
      const std::string& options = account.options.at(name);
      SoftwareAuthenticator stolen = account.keys.at("passkey");
      stolen.flags = SoftwareAuthenticator::user_present;
      if (name == std::string_view("passkey"))
        on_challenge(name, "a stolen key without its PIN", once(stolen.get(options).json()));
      on_challenge(name, "a deleted factor", once(account.keys.at("deleted passkey").get(options).json()));
      SoftwareAuthenticator stray = stray_key_;
      stray.user_handle = account.keys.at("passkey").user_handle;
      stray.flags |= SoftwareAuthenticator::user_verified;
      on_challenge(name, "a factor that was never confirmed", once(stray.get(options).json()));
      // It says that it is the other's, or is of the other and says that it is this one's.
      const Account& other = &account == &victim ? attacker : victim;
      SoftwareAuthenticator posing = other.keys.at("passkey");
      posing.user_handle = account.keys.at("passkey").user_handle;
      on_challenge(name, "a sign-in as another user", once(posing.get(options).json()));
      posing.credential_id = account.keys.at("passkey").credential_id;
      on_challenge(name, "a sign-in as another user", once(posing.get(options).json()));
    }
  }

  void add_another(const Account& account, const std::string& name, const std::string& gain) {
    probe(
        names.at(account.factors.at(name)) + ": " + gain, gain,
        [this, id = account.factors.at(name), user = account.user_id] {
          return asked([&] {
            (void)verifier().challenge_factor(id, any_user);
            return Outcome{.text = "made", .granted = true, .user_id = user};
          });
        },
        true);
  }

  /// Right answers that are asked for as something else than what the user was told.
  void add_purposes(Account& account) {
    const VerifyOptions sign_in;
    const VerifyOptions more{.purpose = Purpose::step_up};
    const VerifyOptions little{.purpose = Purpose::action, .action = "pay 10 EUR"};
    const VerifyOptions much{.purpose = Purpose::action, .action = "pay 1000 EUR"};
    for (const auto& [name, meant] : {std::pair<std::string, const VerifyOptions*>("totp", &sign_in),
                                      {"totp for more", &more},
                                      {"totp to pay", &little}})
      for (const VerifyOptions* asked_for : {&sign_in, &more, &little, &much}) {
        const bool is_meant = asked_for == meant;
        if (is_meant && &account != &attacker) continue;
        const std::string& id = account.challenges.at(name);
        probe(
            names.at(id) + ": verify for " + std::string(to_string(asked_for->purpose)) + ' ' +
                asked_for->action,
            is_meant ? own_again : "an answer for another purpose",
            [this, id, options = *asked_for, answer = totp(account.secrets.at("totp"), 1)] {
              return verify(id, answer, options);
            },
            !is_meant);
      }
  }

  /// What the sessions of somebody with the password began allows no change, nor what is another's or old.
  void add_authorizations(Account& account) {
    for (Account* const of : {&victim, &attacker})
      for (const auto& [name, id] : of->challenges) {
        const bool shown = name.starts_with("answered");
        if (of == &victim && (shown || &account == &attacker)) continue;
        probe(
            account.user_id + "'s new device, by " + names.at(id), "a change without an authorization",
            [this, id = id, user = account.user_id] {
              return asked([&] {
                (void)verifier().remember_device(user, "x", Authorization::of_challenge(id));
                return Outcome{.text = "remembered", .granted = true, .user_id = user};
              });
            },
            name == "stale totp");
      }
  }

  void add_bounds() {
    add_another(sent, "first mail", "a code more than a user's limit");
    probe(
        "u_guessed's factor 'first totp': challenge and verify", "a guess more than a user's budget",
        [this, id = guessed.factors.at("first totp"), right = totp(guessed.secrets.at("first totp"), 1)] {
          return asked([&] {
            const auto made = verifier().challenge_factor(id, any_user);
            return said(verifier().verify_challenge(made.id(), right));
          });
        },
        true);
    names["options"] = "the record of the options";
    for (const Account* account : {&victim, &attacker, &guessed, &sent})
      names["user_" + account->user_id] = account->user_id + "'s record";
    probe(
        "a node with other options starts", "other options of a node that go unnoticed",
        [this] {
          return asked([&] {
            other_options_.compare_options();
            return Outcome{.text = "alike", .granted = true};
          });
        },
        true);
  }

  void add_devices(Account& account) {
    const auto check = [this](const std::string& token, const std::string& user_id) {
      return asked([&] {
        const auto device = verifier().check_device(token, user_id);
        return Outcome{.text = device ? "trusted" : "not trusted",
                       .granted = device.has_value(),
                       .user_id = device ? user_id : std::string()};
      });
    };
    const Account& other = &account == &victim ? attacker : victim;
    names[verbs::devices_record_id(account.user_id)] = account.user_id + "'s devices";
    for (const auto& [label, token] : account.tokens) {
      const bool is_over = label == "phone" || label == "tablet";
      if (is_over || &account == &attacker)
        probe(
            account.user_id + "'s " + label + ": check_device", "a device that is trusted no more",
            [=, user_id = account.user_id, token = token] { return check(token, user_id); }, is_over);
      probe(
          account.user_id + "'s " + label + ": check_device as the other", "a device of another user",
          [=, user_id = other.user_id, token = token] { return check(token, user_id); }, true);
    }
  }

  void add_uses() {
    const auto of_factor = [](const std::string& id) { return id.starts_with("auth_factor_"); };
    const auto quietly = [](auto call) {
      try {
        (void)call();
      } catch (const Error&) {
      }
    };
    const auto of_user = [this](const std::string& id, const std::string& prefix) -> const Account* {
      for (const Account* account : {&victim, &attacker})
        if (id == prefix + account->user_id) return account;
      return nullptr;
    };
    uses.push_back({"an operator unlocks it", [=, this](const std::string& id) {
                      if (of_factor(id))
                        quietly([&] {
                          verifier().unlock_factor(id, any_user, by_operator);
                          return 0;
                        });
                    }});
    uses.push_back({"its user challenges it", [=, this](const std::string& id) {
                      if (of_factor(id))
                        quietly([&] { return verifier().challenge_factor(id, any_user).id(); });
                    }});
    uses.push_back({"its user draws new recovery codes", [=, this](const std::string& id) {
                      if (of_factor(id))
                        quietly([&] {
                          return verifier().regenerate_recovery_codes(id, any_user, by_operator).factor.id();
                        });
                    }});
    uses.push_back({"its user answers it wrongly", [=, this](const std::string& id) {
                      if (id.starts_with("auth_challenge_"))
                        quietly([&] { return verifier().verify_challenge(id, "000000").valid(); });
                    }});
    uses.push_back({"its user answers it rightly", [=, this](const std::string& id) {
                      if (const auto answer = right_answers_.find(id); answer != right_answers_.end())
                        quietly([&] { return verifier().verify_challenge(id, answer->second).valid(); });
                    }});
    uses.push_back({"a device is remembered", [=, this](const std::string& id) {
                      if (const Account* const account = of_user(id, "trusted_devices_"))
                        quietly([&] {
                          return verifier().remember_device(account->user_id, "new", by_operator).device.id;
                        });
                    }});
    uses.push_back({"a factor is enrolled", [=, this](const std::string& id) {
                      if (const Account* const account = of_user(id, "user_"))
                        quietly([&] {
                          return verifier()
                              .enroll_factor(GenericOtp{.destination = "new", .user_id = account->user_id},
                                             by_operator)
                              .factor.id();
                        });
                    }});
    uses.push_back({"the password is changed", [=, this](const std::string& id) {
                      if (const Account* const account = of_user(id, "user_"))
                        quietly([&] { return verifier().password_changed(account->user_id); });
                    }});
    uses.push_back(
        {.name = "keys are replaced, and all is resealed",
         .act = [=, this](const std::string&) { quietly([&] { return rotated_.reseal_all().resealed; }); },
         .scans = true,
         .rotates = true});
  }

  VerifierType verifier_;
  VerifierType rotated_;
  VerifierType other_options_;
  VerifierType* current_;
  std::set<std::string, std::less<>> own_ids_;
  std::map<std::string, std::string> secrets_;       ///< of both, by the id of the factor
  std::map<std::string, std::string> answers_;       ///< the attacker's, by name
  std::map<std::string, std::string> right_answers_; ///< by the id of the challenge
  SoftwareAuthenticator stray_key_;
};

} // namespace mfa::test::hostile
