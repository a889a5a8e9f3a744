#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
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
#include <mfa/encoding/fields.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/lifetime.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/trusted_device.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/authorize.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/look_up.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

inline constexpr std::string_view trusted_device_id_prefix = "trusted_device_";
inline constexpr std::string_view device_token_prefix = "mfa_device_1_";

/// A device as it is stored, all of a user in one counter record: the token's secret only as an HMAC that is
/// bound to everything else that the record says of the device.
struct StoredDevice {
  TrustedDevice device;
  std::string mac;
};

[[nodiscard]] inline std::string devices_record_id(std::string_view user_id) {
  return std::string("trusted_devices_").append(user_id);
}

[[nodiscard]] inline std::string device_context(const TrustedDevice& device, std::string_view user_id) {
  const auto number = [](Time time) { return std::to_string(time.time_since_epoch().count()); };
  // Labels and user ids have no control characters, so a line feed keeps them apart.
  return "trusted device " + device.id + ' ' + number(device.remembered_at) + ' ' +
         number(device.expires_at) + '\n' + device.label + '\n' + std::string(user_id);
}

/// What a token's seal is tied to: it opens for no other user.
[[nodiscard]] inline std::string device_sealing_context(std::string_view user_id) {
  return std::string("trusted device of ").append(user_id);
}

[[nodiscard]] inline std::vector<StoredDevice> decode_devices(const storage::CounterRecord& record) {
  detail::FieldReader fields(record.data, 1, "record", record.id);
  std::vector<StoredDevice> devices(fields.number_up_to(most_trusted_devices));
  for (StoredDevice& stored : devices) {
    stored.device.id = fields.plain_text();
    stored.device.label = fields.plain_text();
    stored.device.remembered_at = fields.time();
    stored.device.expires_at = fields.time();
    stored.mac = fields.text();
  }
  fields.end();
  return devices;
}

/// What makes these all that the record holds. It stays for a day after the last of them, and is not removed
/// when none is left: its versions would begin anew, and a verb that had read it before could take a later
/// one for that, and bring back devices that were revoked.
inline void encode_devices(const std::vector<StoredDevice>& devices, storage::CounterRecord& record,
                           Time now) {
  detail::FieldWriter fields(1);
  fields.number(devices.size());
  Time last = now;
  for (const StoredDevice& stored : devices) {
    fields.text(stored.device.id)
        .text(stored.device.label)
        .time(stored.device.remembered_at)
        .time(stored.device.expires_at)
        .text(stored.mac);
    last = std::max(last, stored.device.expires_at);
  }
  record.data = fields.take();
  record.purge_at = last + std::chrono::hours(24);
}

[[nodiscard]] constexpr bool is_expired(const TrustedDevice& device, Time now) noexcept {
  return factor::is_over(device.remembered_at, device.expires_at, now);
}

/// All that are stored, those included whose time is over. Throws `errc::corrupt_record`.
Verb<std::vector<StoredDevice>> find_all_devices(const VerbRun auto& run, std::string_view user_id,
                                                 storage::CounterRecord& record) {
  const std::string id = devices_record_id(user_id);
  auto found = co_await run.find_counter(id);
  record = found ? *std::move(found) : storage::CounterRecord();
  record.id = id;
  std::vector<StoredDevice> devices;
  if (!record.data.empty()) devices = decode_devices(record);
  co_return devices;
}

inline void forget_expired(std::vector<StoredDevice>& devices, Time now) {
  std::erase_if(devices, [&](const StoredDevice& stored) { return is_expired(stored.device, now); });
}

[[nodiscard]] inline storage::Batch keep_devices(const std::vector<StoredDevice>& devices,
                                                 storage::CounterRecord record, Time now) {
  encode_devices(devices, record, now);
  storage::Batch batch;
  batch.counters.push_back(std::move(record));
  return batch;
}

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
                                                 std::string_view user_id, const KeyRing& keys) {
  const std::string bound_to = device_context(device, user_id);
  crypto::SecretBytes secret(32);
  crypto::random_bytes_for(bound_to, secret);
  const auto id = crypto::bytes_of(device.id);
  crypto::SecretBytes content(id.begin(), id.end());
  content.insert(content.end(), secret.begin(), secret.end());
  const crypto::SecretString sealed = keys.seal(content, device_sealing_context(user_id));
  devices.push_back({device, keys.authenticate(crypto::text_of(secret), bound_to)});
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
    (void)co_await authorize(run, authorization, user_id, context);
    storage::CounterRecord record;
    std::vector<StoredDevice> devices = co_await find_all_devices(run, user_id, record);
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
    RememberedDevice remembered = add_device(devices, std::move(device), user_id, context.keys);

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

/// A token's content: the device's id and the secret. Nothing for what is no token of this user under a key
/// that the ring still holds.
[[nodiscard]] inline std::optional<crypto::SecretBytes>
open_token(std::string_view token, std::string_view user_id, const KeyRing& keys) {
  constexpr std::size_t longest_token = 512;
  if (token.size() > longest_token || !token.starts_with(device_token_prefix)) return std::nullopt;
  const auto sealed =
      detail::base64url_decode<crypto::SecretString>(token.substr(device_token_prefix.size()));
  if (!sealed) return std::nullopt;
  try {
    return keys.open(*sealed, device_sealing_context(user_id), "a device token");
  } catch (const Error& error) {
    if (error.code() != errc::seal_broken && error.code() != errc::unknown_key) throw;
    return std::nullopt;
  }
}

/// The device that a token is for, if it is trusted. `device_id` becomes the one that a token of this user
/// names. A device whose time is over is forgotten, so that it stays over if the clock goes back.
Verb<std::optional<TrustedDevice>> find_device(const VerbRun auto& run, std::string_view token,
                                               std::string_view user_id, const factor::Context& context,
                                               std::string& device_id) {
  const auto content = open_token(token, user_id, context.keys);
  constexpr std::size_t id_size = trusted_device_id_prefix.size() + detail::ulid_size;
  if (!content || content->size() <= id_size) co_return std::nullopt;
  const std::string_view id = crypto::text_of(*content).substr(0, id_size);
  const std::string_view secret = crypto::text_of(*content).substr(id_size);
  if (!detail::is_id(id, trusted_device_id_prefix)) co_return std::nullopt;
  device_id = id;
  for (Rounds rounds("the list of trusted devices");; rounds.next()) {
    storage::CounterRecord record;
    std::vector<StoredDevice> devices = co_await find_all_devices(run, user_id, record);
    const auto found =
        std::ranges::find_if(devices, [&](const StoredDevice& stored) { return stored.device.id == id; });
    if (found == devices.end() ||
        !context.keys.matches(found->mac, secret, device_context(found->device, user_id), id))
      co_return std::nullopt;
    if (!is_expired(found->device, context.now)) co_return std::move(found->device);
    forget_expired(devices, context.now);
    storage::Batch batch = keep_devices(devices, std::move(record), context.now);
    if (co_await run.commit(batch)) co_return std::nullopt;
  }
}

/// See `Verifier::check_device`.
Verb<std::optional<TrustedDevice>> check_device(const VerbRun auto& run, std::string_view token,
                                                const UserId& user) {
  const std::string_view user_id = can_be(user) ? std::string_view(user.text()) : std::string_view();
  const factor::Context context = co_await run.now();
  if (token.empty()) co_return std::nullopt;
  std::string device_id;
  std::optional<TrustedDevice> found;
  if (!user_id.empty()) found = co_await find_device(run, token, user_id, context, device_id);
  run.emit({.type = found ? EventType::device_accepted : EventType::device_refused,
            .at = context.now,
            .user_id = user_id,
            .device_id = device_id});
  co_return found;
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

/// Ends the trust in one device of the user, or in all of them if `device_id` is none, and returns in how
/// many.
Verb<std::size_t> revoke_devices(const VerbRun auto& run, const UserId& user,
                                 std::optional<std::string_view> device_id) {
  if (!can_be(user)) co_return 0;
  const std::string& user_id = user.text();
  for (Rounds rounds("the list of trusted devices");; rounds.next()) {
    storage::CounterRecord record;
    const Time now = co_await run.time();
    std::vector<StoredDevice> devices = co_await find_all_devices(run, user_id, record);
    if (devices.empty()) co_return 0;
    forget_expired(devices, now);
    std::vector<std::string> revoked;
    std::erase_if(devices, [&](const StoredDevice& stored) {
      if (device_id && stored.device.id != *device_id) return false;
      revoked.push_back(stored.device.id);
      return true;
    });
    if (revoked.empty() && !devices.empty()) co_return 0;
    storage::Batch batch = keep_devices(devices, std::move(record), now);
    if (!co_await run.commit(batch)) continue;
    for (const std::string& id : revoked)
      run.emit({.type = EventType::device_revoked, .at = now, .user_id = user_id, .device_id = id});
    co_return revoked.size();
  }
}

/// See `Verifier::revoke_device`.
Verb<bool> revoke_device(const VerbRun auto& run, const UserId& user, std::string_view device_id) {
  co_return (co_await revoke_devices(run, user, device_id)) > 0;
}

} // namespace mfa::verbs
