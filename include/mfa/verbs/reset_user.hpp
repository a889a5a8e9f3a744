#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/authorization.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/decision/not_found.hpp>
#include <mfa/decision/user_record.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/options.hpp>
#include <mfa/remaining.hpp>
#include <mfa/search.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/authorize.hpp>
#include <mfa/verbs/delete_factor.hpp>
#include <mfa/verbs/device_records.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/sealed_records.hpp>
#include <mfa/verbs/user_record.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

inline void check_reset(const UserId& user, const ResetOptions& options) {
  check_user_id("the user_id", user);
  if (options.keep_factor.empty() && !options.keep_device.empty())
    throw Error(errc::invalid_argument,
                "ResetOptions::keep_device is given without keep_factor; a trusted device stands for a "
                "factor, so name the one that stays, too");
  if (!options.keep_factor.empty() && !detail::is_id(options.keep_factor, detail::factor_id_prefix))
    decision::throw_not_found("factor");
}

/// Throws unless one of the factors has this id and is verified.
inline void check_kept(const std::vector<storage::FactorRecord>& factors, std::string_view id) {
  const storage::FactorRecord* const kept =
      detail::find_if(factors, [&](const storage::FactorRecord& factor) { return factor.id == id; });
  if (kept == nullptr) decision::throw_not_found("factor");
  if (!is_verified(*kept))
    throw Error(errc::factor_not_verified,
                "factor " + kept->id +
                    " was never verified, so nobody can say that it is in its user's hand; "
                    "keep a verified one, or none");
}

/// Ends the challenges of a factor that stays, with the batch: all but the one that allows the reset. Those
/// of others go with their factors.
Verb<void> end_challenges_of(const VerbRun auto& run, std::string_view factor_id,
                             const decision::UserRecord& user, const Authorization& authorization, Time now,
                             storage::Batch& batch) {
  const std::string_view allowing = detail::stored_part_of(authorization.challenge_id());
  for (const decision::UserRecord::OpenChallenge& open : user.challenges)
    if (open.id != allowing) co_await end_challenge(run, open, factor_id, now, batch);
}

/// Has the challenge that allows the reset, if it is one of the factor that stays, allow what follows too.
Verb<void> renew(const VerbRun auto& run, const Authorization& authorization, const ResetOptions& options,
                 const decision::UserRecord& user, storage::Batch& batch) {
  auto challenge = co_await run.find_challenge(detail::stored_part_of(authorization.challenge_id()));
  if (!challenge || challenge->factor_id != options.keep_factor) co_return;
  decision::ChallengeTerms terms = decision::take_terms(*challenge);
  terms.generation = user.generation;
  decision::put_terms(*challenge, terms);
  batch.challenges.push_back(*std::move(challenge));
}

/// Leaves of the devices the one that is kept, which rests on the factor that is kept from now on. Returns in
/// how many the trust ended.
inline std::size_t reset_devices(std::vector<StoredDevice>& devices, const ResetOptions& options,
                                 std::string_view user_id, const factor::Context& context) {
  forget_expired(devices, context.now);
  std::string kept;
  if (!options.keep_device.empty())
    kept = device_to_keep(options.keep_device, devices, user_id, context.keys);
  const std::size_t ended =
      detail::erase_if(devices, [&](const StoredDevice& stored) { return stored.device.id != kept; });
  for (StoredDevice& stored : devices) stored.factor_id = options.keep_factor;
  return ended;
}

/// In place of a record that cannot be read: one of its version that says nothing.
Verb<storage::CounterRecord> blank_in_place_of(const VerbRun auto& run, std::string_view id) {
  const auto sealed = co_await run.find_sealed_counter(id);
  storage::CounterRecord blank;
  blank.id = id;
  if (sealed) blank.version = sealed->version;
  co_return blank;
}

/// What is recorded of a user who is reset.
struct ToReset {
  FoundUser user;
  storage::CounterRecord device_record;
  std::vector<StoredDevice> devices;
  std::exception_ptr broken; ///< what a record threw that cannot be read
};

/// `if_broken`: what cannot be read counts as nothing.
Verb<ToReset> find_to_reset(const VerbRun auto& run, std::string_view user_id, bool if_broken) {
  ToReset found;
  bool user_is_broken = false;
  try {
    found.user = co_await find_user(run, user_id, std::string_view());
  } catch (const Error& error) {
    if (!if_broken || !is_of_the_record(error)) throw;
    found.broken = std::current_exception();
    user_is_broken = true;
  }
  if (user_is_broken) {
    const std::string id = decision::user_record_id(user_id, std::string_view());
    found.user.record = co_await blank_in_place_of(run, id);
  }
  bool devices_are_broken = false;
  try {
    found.devices = co_await find_all_devices(run, user_id, found.device_record);
  } catch (const Error& error) {
    if (!if_broken || !is_of_the_record(error)) throw;
    found.broken = std::current_exception();
    devices_are_broken = true;
  }
  if (devices_are_broken) {
    const std::string id = devices_record_id(user_id);
    found.device_record = co_await blank_in_place_of(run, id);
  }
  co_return found;
}

/// See `Verifier::reset_user`.
Verb<UserReset> reset_user(const VerbRun auto& run, const UserId& user, const Authorization& authorization,
                           const ResetOptions& options) {
  check_reset(user, options);
  const std::string& user_id = user.text();
  for (Rounds rounds("what the user has");; rounds.next()) {
    const factor::Context context = co_await run.now();
    // Both before what allows it and the list of factors, and both are committed though nothing may be there:
    // whoever enrols, confirms, deletes, or remembers a device meanwhile has then read what is no more.
    // A broken one is in no operator's way, but that with a factor what was begun with it would stay: the
    // record says what.
    const bool keeps = !options.keep_factor.empty();
    ToReset recorded = co_await find_to_reset(run, user_id, authorization.is_by_operator() && !keeps);
    FoundUser& found = recorded.user;
    std::vector<StoredDevice>& devices = recorded.devices;
    (void)co_await authorize(run, authorization, user_id, found.user, context);
    const auto factors = co_await run.list_factors(user_id);
    if (keeps) check_kept(factors, options.keep_factor);

    storage::Batch batch;
    UserReset done;
    for (const storage::FactorRecord& factor : factors) {
      if (factor.id == options.keep_factor) continue;
      co_await remove_factor(run, factor, found.user, context, batch);
      ++done.factors;
    }
    if (keeps)
      co_await end_challenges_of(run, options.keep_factor, found.user, authorization, context.now, batch);
    decision::reset(found.user, keeps, context.now);
    if (keeps && !authorization.is_by_operator())
      co_await renew(run, authorization, options, found.user, batch);
    batch.counters.push_back(found.changed(context.now));
    done.devices = reset_devices(devices, options, user_id, context);
    encode_devices(devices, recorded.device_record, context.now);
    batch.counters.push_back(std::move(recorded.device_record));
    if (!co_await run.commit(batch)) continue;
    Event event;
    event.type = EventType::user_reset;
    event.at = context.now;
    event.user_id = user_id;
    event.count = done.factors;
    event.cause = recorded.broken;
    run.emit(std::move(event));
    co_return done;
  }
}

} // namespace mfa::verbs
