#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/factor/generic_otp.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/recovery_codes.hpp>
#include <mfa/factor/sms.hpp>
#include <mfa/factor/totp.hpp>
#include <mfa/factor/webauthn.hpp>
#include <mfa/mfa.hpp>
#include <mfa/verbs/enroll.hpp>
#include <mfa/verbs/request.hpp>
#include <mfa/verbs/sealed_records.hpp>

#include "ledger.hpp"
#include "plain_rules.hpp"
#include "plain_world.hpp"
#include "stepped_verb.hpp"

namespace mfa::test {

/// What is stored, and what the plain rules say of it: to be set up before verbs run on it at once.
class Stage {
 public:
  Stage(const Options& given, std::shared_ptr<const KeyRing> given_keys, ReadableClock& clock)
      : ledger(given, given_keys), options_(&given), keys_(std::move(given_keys)), clock_(&clock) {}

  PlainWorld world;
  Ledger ledger;

  // Each returns the factor's id. `name` is its number. Its user has shown it, unless `state` says otherwise.

  std::string enroll_totp(int name, const std::string& user_id, FactorState state = FactorState::verified) {
    Totp request;
    request.issuer = "Foo Corp";
    request.user = "alan";
    PlainRules::Factor factor;
    const auto record = made<factor::TotpKind>(user_id, [&](auto& made, const auto& context) {
      // Not by `enroll`, which draws a QR code.
      const auto secret = factor::keep(factor::account_of(request), false, made, context).secret;
      factor.secret.assign(secret.begin(), secret.end());
    });
    return put(name, record, std::move(factor), state);
  }

  std::string enroll_sms(int name, const std::string& user_id, const std::string& phone_number,
                         FactorState state = FactorState::verified) {
    Sms request;
    request.phone_number = phone_number;
    PlainRules::Factor factor;
    factor.phone_number = phone_number;
    return put(name, made<factor::SmsKind>(user_id, request), std::move(factor), state);
  }

  std::string enroll_generic_otp(int name, const std::string& user_id,
                                 FactorState state = FactorState::verified) {
    return put(name, made<factor::GenericOtpKind>(user_id, GenericOtp()), {}, state);
  }

  /// Unverified.
  std::string enroll_webauthn(int name, const std::string& user_id) {
    WebAuthn request;
    request.user = "alan";
    PlainRules::Factor factor;
    const auto record = made<factor::WebAuthnKind>(user_id, [&](auto& made, const auto& context) {
      factor::EnrollingUser user;
      (void)factor::WebAuthnKind::enroll(request, made, user, context);
      factor.register_until = made.created_at + options_->webauthn->timeout();
    });
    return put(name, record, std::move(factor), FactorState::unverified);
  }

  std::string enroll_recovery_codes(int name, const std::string& user_id, unsigned count) {
    RecoveryCodes request;
    request.count = count;
    PlainRules::Factor factor;
    const auto record = made<factor::RecoveryCodesKind>(user_id, [&](auto& made, const auto& context) {
      for (const auto& shown : factor::RecoveryCodesKind::enroll(request, made, context).codes) {
        std::string code(shown);
        std::erase(code, '-');
        factor.codes.emplace(std::move(code), false);
      }
    });
    return put(name, record, std::move(factor), FactorState::verified);
  }

  /// Runs a verb alone, from its beginning to its end.
  Told run(const Task& task) {
    Witness witness;
    SteppedVerb verb(task, true, *options_, keys_, *clock_);
    while (!verb.done()) {
      verbs::Request& request = verb.request();
      witness.now = verb.read_at();
      if (const auto* const commit = verbs::as<verbs::Commit>(request)) {
        const auto done = world.commit(*commit->batch);
        if (done.written) explained(ledger.commit(verb.task, witness, *commit->batch, world));
        give(request, done.answer);
      } else if (const auto* const send = verbs::as<verbs::Send>(request)) {
        explained(ledger.send(verb.task, witness, *send->message.get_if<SmsMessage>()));
        give(request, true);
      } else {
        ledger.read(verb.task, witness, request);
        give(request, look(world, request));
      }
      verb.go_on();
    }
    witness.now = verb.read_at();
    Told told = verb.take();
    explained(ledger.end(verb.task, witness, told));
    return told;
  }

 private:
  static void explained(const std::string& wrong) {
    if (!wrong.empty()) throw std::logic_error("the stage cannot be set up: " + wrong);
  }

  template <class Kind> storage::FactorRecord made(const std::string& user_id, const auto& fill_in) {
    const Time now = std::chrono::floor<std::chrono::milliseconds>(clock_->now());
    storage::FactorRecord record = verbs::new_factor(now, Kind::type, user_id, "");
    const factor::Context context{now, *options_, *keys_};
    if constexpr (requires { fill_in(record, context); })
      fill_in(record, context);
    else
      (void)Kind::enroll(fill_in, record, context);
    return record;
  }

  std::string put(int name, storage::FactorRecord record, PlainRules::Factor factor, FactorState state) {
    record.state = state;
    factor.view = {record.type,       record.state,        record.user_id,  record.created_at,
                   record.updated_at, record.last_used_at, record.failures, record.friendly_name};
    factor.codes_in_set = factor.codes_left = factor.codes.size();
    ledger.rules.factors[name] = std::move(factor);
    ledger.factor_names[record.id] = name;
    record.version = 1;
    verbs::seal(record, *keys_);
    std::string id = record.id;
    world.factors[id] = std::move(record);
    return id;
  }

  const Options* options_;
  std::shared_ptr<const KeyRing> keys_;
  ReadableClock* clock_;
};

} // namespace mfa::test
