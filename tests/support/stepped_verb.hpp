#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/verbs/challenge.hpp>
#include <mfa/verbs/delete_factor.hpp>
#include <mfa/verbs/devices.hpp>
#include <mfa/verbs/enroll.hpp>
#include <mfa/verbs/look_up.hpp>
#include <mfa/verbs/maintenance.hpp>
#include <mfa/verbs/passkey.hpp>
#include <mfa/verbs/recovery_codes.hpp>
#include <mfa/verbs/rename_factor.hpp>
#include <mfa/verbs/request.hpp>
#include <mfa/verbs/resend.hpp>
#include <mfa/verbs/reset_user.hpp>
#include <mfa/verbs/rotation.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/unlock.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/verbs/verify.hpp>

#include "plain_rules.hpp"
#include "views.hpp"

namespace mfa::test {

enum class Does {
  verify,    ///< or confirm, by the task's purpose
  challenge, ///< for whatever purpose
  enroll,    ///< a factor whose codes the host delivers, or a passkey
  remove,
  unlock,
  regenerate,
  reseal,
  remember,
  check_device,
  revoke_device,
  revoke_devices,
  password_changed,
  look_at_factor,
  look_at_challenge,
  list,
  purge,
  reset,             ///< all that the owner has but the factor and the device, where their ids are given
  rename,            ///< to what `code` says
  resend,            ///< the challenge's code, or a new one
  challenge_user,    ///< `owner`, whichever of his passkeys answers
  challenge_passkey, ///< whoever comes
};

/// One call of a verb: what the library is told, and the numbers by which the plain rules know what it is
/// about.
struct Task {
  Does does{};
  int factor = 0;
  int challenge = 0; ///< which to verify or look at, or the number of the one to be
  int device = 0;    ///< likewise
  std::string factor_id = {};
  std::string challenge_id = {};
  std::string device_id = {};
  std::string code = {};    ///< as typed; or a device's token
  std::string owner = {};   ///< whose devices, or the user of a factor to be
  std::string user_id = {}; ///< whose factor it must be; empty: any user's
  std::optional<std::string> binding = {};
  Purpose purpose = Purpose::sign_in;
  std::string action = {};
  std::optional<int> shown = {}; ///< the challenge whose verification allows it
  std::string shown_id = {};
  bool by_operator = false;
  bool but_this = false;            ///< `revoke_devices`: all but this device
  bool refuse_last = false;         ///< see `DeleteOptions`
  bool take_recovery_codes = false; ///< likewise
  bool enrolls_passkey = false;     ///< `enroll`
  bool conditional = false;         ///< see `ChallengeOptions`
  bool put_to_no_factor = false;    ///< the challenge to verify: which factor it is of is said by the answer
  bool of_record = false;           ///< of such a one, `challenge_id` is the part by which it is stored
  bool attacks = false;             ///< must not be valid
  bool outdated = false;            ///< what allows it was shown before the password changed
};

[[nodiscard]] inline Whose whose(const std::string& user_id) {
  return user_id.empty() ? Whose(any_user) : Whose(user_id);
}

[[nodiscard]] inline Authorization authorization_of(const Task& task) {
  if (task.by_operator) return by_operator;
  return task.shown ? Authorization::of_challenge(task.shown_id) : Authorization();
}

[[nodiscard]] inline DeleteOptions said_of(const Task& task) {
  DeleteOptions said;
  said.refuse_last = task.refuse_last;
  said.take_recovery_codes = task.take_recovery_codes;
  return said;
}

/// What a verb tells beside its answer.
struct Told {
  Answer answer;
  std::string id = {};        ///< of the new challenge, factor or device
  std::string secret = {};    ///< the code to deliver, what the client is given, or the device's token
  std::string factor_id = {}; ///< that answered
  std::vector<std::string> codes = {}; ///< new recovery codes
};

inline constexpr std::chrono::seconds device_lifetime{600};

inline void tell(const verbs::Created& created, Told& told) {
  told.answer.challenge = view(created.challenge);
  told.id = created.challenge.id();
  if (const auto* const to_user = created.delivery.get_if<factor::ToUser>()) told.secret = to_user->text;
  if (const auto* const to_client = created.delivery.get_if<factor::ToClient>())
    told.secret = to_client->text;
}

/// Runs the verb that the task says.
verbs::Verb<Told> play(const verbs::VerbRun auto& run, const Task& task) {
  Told told;
  switch (task.does) {
  case Does::verify: {
    VerifyOptions said;
    said.purpose = task.purpose;
    said.action = task.action;
    said.binding = task.binding;
    said.user = whose(task.user_id);
    if (task.purpose == Purpose::confirm_enrollment) {
      const Confirmation confirmed =
          co_await verbs::confirm_enrollment(run, task.challenge_id, task.code, said);
      told.answer.status = confirmed.status();
      told.answer.retry_after = confirmed.retry_after();
      told.answer.user_id = confirmed.user_id();
      told.factor_id = confirmed.factor_id();
      told.answer.challenge = view(confirmed.challenge());
      break;
    }
    const Verification verified = co_await verbs::verify_challenge(run, task.challenge_id, task.code, said);
    told.answer.status = verified.status();
    told.answer.retry_after = verified.retry_after();
    told.answer.user_id = verified.user_id();
    told.answer.verified_at = verified.verified_at();
    if (verified.valid()) told.answer.assurance = verified.assurance();
    told.factor_id = verified.factor_id();
    told.answer.challenge = view(verified.challenge());
    break;
  }
  case Does::challenge: {
    ChallengeOptions said;
    said.purpose = task.purpose;
    said.action = task.action;
    said.binding = task.binding;
    const Whose of = whose(task.user_id);
    const Authorization authorization = authorization_of(task);
    verbs::Verb<verbs::Created> creates =
        task.purpose == Purpose::confirm_enrollment
            ? verbs::challenge_enrollment(run, task.factor_id, of, said, authorization)
            : verbs::challenge_factor(run, task.factor_id, of, said);
    verbs::Created created = co_await creates;
    tell(created, told);
    break;
  }
  case Does::challenge_user:
  case Does::challenge_passkey: {
    ChallengeOptions said;
    said.purpose = task.purpose;
    said.action = task.action;
    said.binding = task.binding;
    said.conditional = task.conditional;
    const UserId owner = task.owner;
    verbs::Verb<verbs::Created> creates = task.does == Does::challenge_user
                                              ? verbs::challenge_user(run, owner, said)
                                              : verbs::challenge_passkey(run, said);
    verbs::Created created = co_await creates;
    tell(created, told);
    break;
  }
  case Does::enroll: {
    if (task.enrolls_passkey) {
      WebAuthn request;
      request.user = "alan";
      request.user_id = task.owner;
      const Authorization authorization = authorization_of(task);
      auto enrolled = co_await verbs::enroll_factor<factor::WebAuthnKind>(run, request, authorization);
      told.answer.factors.push_back(view(enrolled.factor));
      told.id = enrolled.factor.id();
      told.secret = std::move(enrolled.shown.creation_options);
      break;
    }
    GenericOtp request;
    request.user_id = task.owner;
    const Authorization authorization = authorization_of(task);
    const auto enrolled = co_await verbs::enroll_factor<factor::GenericOtpKind>(run, request, authorization);
    told.answer.factors.push_back(view(enrolled.factor));
    told.id = enrolled.factor.id();
    break;
  }
  case Does::remove: {
    const Whose of = whose(task.user_id);
    const Authorization authorization = authorization_of(task);
    const DeleteOptions said = said_of(task);
    told.answer.remaining = co_await verbs::delete_factor(run, task.factor_id, of, authorization, said);
    break;
  }
  case Does::unlock: {
    const Whose of = whose(task.user_id);
    const Authorization authorization = authorization_of(task);
    co_await verbs::unlock_factor(run, task.factor_id, of, authorization);
    break;
  }
  case Does::regenerate: {
    const Whose of = whose(task.user_id);
    const Authorization authorization = authorization_of(task);
    const auto regenerated =
        co_await verbs::regenerate_recovery_codes(run, task.factor_id, of, authorization);
    for (const auto& code : regenerated.shown.codes) told.codes.emplace_back(code);
    break;
  }
  case Does::reseal: {
    ResealOptions options;
    (void)co_await verbs::reseal_all(run, options);
    break;
  }
  case Does::remember: {
    const UserId owner = task.owner;
    const Authorization authorization = authorization_of(task);
    const RememberedDevice remembered =
        co_await verbs::remember_device(run, owner, "a browser", authorization, device_lifetime);
    told.answer.devices = 1;
    told.id = remembered.device.id;
    told.secret = remembered.token;
    break;
  }
  case Does::check_device: {
    const UserId owner = task.owner;
    told.answer.devices = (co_await verbs::check_device(run, task.code, owner)) ? 1 : 0;
    break;
  }
  case Does::revoke_device: {
    const UserId owner = task.owner;
    told.answer.devices = (co_await verbs::revoke_device(run, owner, task.device_id)) ? 1 : 0;
    break;
  }
  case Does::revoke_devices: {
    const UserId owner = task.owner;
    told.answer.devices = co_await verbs::revoke_devices(
        run, owner, std::nullopt, task.but_this ? std::string_view(task.code) : std::string_view());
    break;
  }
  case Does::password_changed: {
    const UserId owner = task.owner;
    told.answer.devices = co_await verbs::password_changed(run, owner);
    break;
  }
  case Does::look_at_factor: {
    const Whose of = whose(task.user_id);
    told.answer.factors.push_back(view(co_await verbs::get_factor(run, task.factor_id, of)));
    break;
  }
  case Does::look_at_challenge: {
    const Whose of = whose(task.user_id);
    told.answer.challenge = view(co_await verbs::get_challenge(run, task.challenge_id, of));
    break;
  }
  case Does::list: {
    const UserId owner = task.owner;
    for (const FactorDetails& factor : co_await verbs::list_factors(run, owner))
      told.answer.factors.push_back(view(factor));
    break;
  }
  case Does::purge: told.answer.purged = co_await verbs::purge_expired(run); break;
  case Does::reset: {
    const UserId owner = task.owner;
    const Authorization authorization = authorization_of(task);
    ResetOptions said;
    said.keep_factor = task.factor_id;
    said.keep_device = task.code;
    told.answer.reset = co_await verbs::reset_user(run, owner, authorization, said);
    break;
  }
  case Does::resend: {
    const Whose of = whose(task.user_id);
    ResendOptions said;
    said.binding = task.binding;
    verbs::Created created = co_await verbs::resend_challenge(run, task.challenge_id, of, said);
    tell(created, told);
    break;
  }
  case Does::rename: {
    const Whose of = whose(task.user_id);
    told.answer.factors.push_back(view(co_await verbs::rename_factor(run, task.factor_id, of, task.code)));
    break;
  }
  }
  co_return told;
}

/// A clock that a verb reads.
class ReadableClock {
 public:
  virtual std::chrono::system_clock::time_point now() = 0;

 protected:
  ~ReadableClock() = default;
};

/// One verb in flight. It stops at each request but those for the time; destroyed, it crashes there.
class SteppedVerb final : public verbs::Driver {
 public:
  SteppedVerb(Task asked, bool finds_both, const Options& options, std::shared_ptr<const KeyRing> keys,
              ReadableClock& clock)
      : Driver(finds_both), task(std::move(asked)), clock_(clock),
        run_(*this, options, std::move(keys), EventContext{}), verb_(play(run_, task)) {
    verb_.start();
  }

  const Task task;

  /// When it last read the clock.
  [[nodiscard]] Time read_at() const noexcept { return read_at_; }

  [[nodiscard]] bool done() const noexcept { return verb_.done(); }
  /// What it waits for.
  [[nodiscard]] verbs::Request& request() const noexcept { return *request_; }
  /// The request has its answer.
  void go_on() { resume(); }

  /// What it said in the end.
  Told take() {
    try {
      return verb_.take();
    } catch (const Error& error) {
      return {.answer = {.error = error.code(), .retry_after = error.retry_after()}};
    }
  }

  bool answer(verbs::Request& request) override {
    if (auto* const read = verbs::as<verbs::ReadClock>(request)) {
      read->answer = clock_.now();
      read_at_ = std::chrono::floor<std::chrono::milliseconds>(read->answer);
      return true;
    }
    request_ = &request;
    return false;
  }

 private:
  ReadableClock& clock_;
  Time read_at_{};
  verbs::Request* request_ = nullptr;
  verbs::Run run_;
  verbs::Verb<Told> verb_;
};

} // namespace mfa::test
