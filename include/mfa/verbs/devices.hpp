#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/authorization.hpp>
#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/encoding/checked_text.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/search.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/trusted_device.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/authorize.hpp>
#include <mfa/verbs/device_records.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/look_up.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/sealed_records.hpp>
#include <mfa/verbs/user_record.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

inline void check_remembered(const UserId& user_id, std::string_view label, std::chrono::seconds lifetime) {
  constexpr std::size_t longest_label = 200;
  check_user_id("user_id", user_id);
  detail::check_text("the label of a trusted device", label, longest_label);
  if (lifetime < std::chrono::seconds(1) || lifetime > longest_device_lifetime)
    throw Error(errc::invalid_argument, "a trusted device's lifetime of " + std::to_string(lifetime.count()) +
                                            " s; it may be 1 s to 366 days");
}

/// Draws a token for a device that is to be remembered, and adds the device to those of its user.
[[nodiscard]] inline RememberedDevice add_device(std::vector<StoredDevice>& devices, TrustedDevice device,
                                                 std::string_view user_id, std::string_view factor_id,
                                                 const KeyRing& keys) {
  const std::string bound_to = device_context(device, user_id);
  crypto::SecretBytes secret(32);
  crypto::random_bytes_for(bound_to, secret);
  const auto id = crypto::bytes_of(device.id);
  crypto::SecretBytes content(id.begin(), id.end());
  content.insert(content.end(), secret.begin(), secret.end());
  const crypto::SecretString sealed = keys.seal(content, device_sealing_context(user_id));
  devices.push_back({device, keys.authenticate(crypto::text_of(secret), bound_to), std::string(factor_id)});
  return {std::move(device),
          crypto::SecretString(device_token_prefix) + detail::base64url<crypto::SecretString>(sealed)};
}

/// See `Verifier::remember_device`.
Verb<RememberedDevice> remember_device(const VerbRun auto& run, const UserId& user, std::string_view label,
                                       const Authorization& authorization, std::chrono::seconds lifetime) {
  check_remembered(user, label, lifetime);
  const std::string& user_id = user.text();
  for (Rounds rounds("the list of trusted devices");; rounds.next()) {
    const factor::Context context = co_await run.now();
    // The list first: it changes with each factor that is deleted, so one that vouches still stands when the
    // list is committed.
    storage::CounterRecord record;
    std::vector<StoredDevice> devices = co_await find_all_devices(run, user_id, record);
    const auto vouching = co_await authorize(run, authorization, user_id, context);
    forget_expired(devices, context.now);
    std::optional<std::string> replaced;
    if (devices.size() >= most_trusted_devices) {
      replaced = std::move(devices.front().device.id);
      devices.erase(devices.begin());
    }
    TrustedDevice device;
    device.id = detail::ulid(context.now, trusted_device_id_prefix);
    device.label = label;
    device.remembered_at = context.now;
    device.expires_at = context.now + lifetime;
    RememberedDevice remembered =
        add_device(devices, std::move(device), user_id, vouching.value_or(std::string()), context.keys);

    storage::Batch batch = keep_devices(devices, std::move(record), context.now);
    if (!co_await run.commit(batch)) continue;
    const auto emit = [&](EventType type, std::string_view device_id) {
      run.emit({.type = type, .at = context.now, .user_id = user_id, .device_id = device_id});
    };
    if (replaced) emit(EventType::device_revoked, *replaced);
    emit(EventType::device_remembered, remembered.device.id);
    co_return remembered;
  }
}

/// See `Verifier::check_device`.
Verb<std::optional<TrustedDevice>> check_device(const VerbRun auto& run, std::string_view token,
                                                const UserId& user) {
  const std::string_view user_id = can_be(user) ? std::string_view(user.text()) : std::string_view();
  const factor::Context context = co_await run.now();
  if (token.empty()) co_return std::nullopt;
  std::string device_id;
  std::optional<StoredDevice> found;
  if (!user_id.empty()) found = co_await find_device(run, token, user_id, context, device_id);
  run.emit({.type = found ? EventType::device_accepted : EventType::device_refused,
            .at = context.now,
            .user_id = user_id,
            .device_id = device_id});
  if (!found) co_return std::nullopt;
  co_return std::move(found->device);
}

/// See `Verifier::list_devices`.
Verb<std::vector<TrustedDevice>> list_devices(const VerbRun auto& run, const UserId& user) {
  std::vector<TrustedDevice> listed;
  if (!can_be(user)) co_return listed;
  const std::string& user_id = user.text();
  const Time now = co_await run.time();
  storage::CounterRecord record;
  std::vector<StoredDevice> devices = co_await find_all_devices(run, user_id, record);
  forget_expired(devices, now);
  for (StoredDevice& stored : devices) listed.push_back(std::move(stored.device));
  co_return listed;
}

/// Ends the trust in one device of the user, or, if `device_id` is none, in all of them but `keep`, a token
/// or an id, and returns in how many. With `even_if_none` the list is written in any case, so that no device
/// is added to what was read of it before.
Verb<std::size_t> revoke_devices(const VerbRun auto& run, const UserId& user,
                                 std::optional<std::string_view> device_id, std::string_view keep,
                                 bool even_if_none = false) {
  if (!can_be(user)) co_return std::size_t{0};
  const std::string& user_id = user.text();
  for (Rounds rounds("the list of trusted devices");; rounds.next()) {
    storage::CounterRecord record;
    const Time now = co_await run.time();
    std::vector<StoredDevice> devices = co_await find_all_devices(run, user_id, record);
    if (devices.empty() && !even_if_none) co_return std::size_t{0};
    forget_expired(devices, now);
    std::string kept;
    if (!keep.empty()) kept = device_to_keep(keep, devices, user_id, run.keys());
    std::vector<std::string> revoked;
    detail::erase_if(devices, [&](const StoredDevice& stored) {
      if (device_id ? stored.device.id != *device_id : stored.device.id == kept) return false;
      revoked.push_back(stored.device.id);
      return true;
    });
    if (revoked.empty() && !devices.empty()) co_return std::size_t{0};
    storage::Batch batch = keep_devices(devices, std::move(record), now);
    if (!co_await run.commit(batch)) continue;
    for (const std::string& id : revoked)
      run.emit({.type = EventType::device_revoked, .at = now, .user_id = user_id, .device_id = id});
    co_return revoked.size();
  }
}

/// Ends what a user has shown, and his open challenges. False if nothing is recorded of him: then nothing
/// that he has shown could count.
Verb<bool> end_what_was_shown(const VerbRun auto& run, const UserId& user) {
  for (Rounds rounds("the record of the user");; rounds.next()) {
    const Time now = co_await run.time();
    FoundUser found = co_await find_user(run, user.text(), std::string_view());
    if (found.record.version == 0) co_return false;
    storage::Batch batch;
    for (const decision::UserRecord::OpenChallenge& open : found.user.challenges)
      co_await end_challenge(run, open, std::string_view(), now, batch);
    decision::end_what_was_shown(found.user, now);
    batch.counters.push_back(found.changed(now));
    if (co_await run.commit(batch)) co_return true;
  }
}

/// See `Verifier::password_changed`.
Verb<std::size_t> password_changed(const VerbRun auto& run, const UserId& user) {
  check_user_id("the user_id", user);
  bool known = true;
  std::exception_ptr broken; // what the record of the user threw, which is not in the devices' way
  try {
    known = co_await end_what_was_shown(run, user);
  } catch (const Error& error) {
    if (!is_of_the_record(error)) throw;
    broken = std::current_exception();
  }
  const std::size_t revoked = co_await revoke_devices(run, user, std::nullopt, std::string_view(), known);
  if (broken) std::rethrow_exception(broken);
  co_return revoked;
}

/// See `Verifier::revoke_device`.
Verb<bool> revoke_device(const VerbRun auto& run, const UserId& user, std::string_view device_id) {
  co_return (co_await revoke_devices(run, user, device_id, std::string_view())) > 0;
}

} // namespace mfa::verbs
