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

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/decision/lifetime.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/encoding/checked_text.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/verbs/ids.hpp>

namespace mfa {

/// A browser or device of a user on which a second factor was shown, and need not be shown again for a while.
struct TrustedDevice {
  std::string id; ///< "trusted_device_" + ULID: for `revoke_device`; opens nothing
  std::string label;
  Time remembered_at{};
  Time expires_at{};

  bool operator==(const TrustedDevice&) const = default;
};

/// A device that was just remembered, and the token that shows it later.
struct RememberedDevice {
  TrustedDevice device;
  /// To keep on the device: in a cookie that is `Secure`, `HttpOnly` and `SameSite`. Told this once.
  crypto::SecretString token;
};

/// The most devices of one user: a further one ends the trust in the oldest.
inline constexpr std::size_t most_trusted_devices = 20;

/// How long a device is remembered unless the host says otherwise, and how long at most.
inline constexpr std::chrono::seconds usual_device_lifetime = std::chrono::hours(24 * 30);
inline constexpr std::chrono::seconds longest_device_lifetime = std::chrono::hours(24 * 366);

namespace detail {

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
  FieldReader fields(record.data, 1, "record", record.id);
  const auto time = [&fields] {
    return Time(std::chrono::milliseconds(fields.number_up_to(200'000'000'000'000)));
  };
  std::vector<StoredDevice> devices(fields.number_up_to(most_trusted_devices));
  for (StoredDevice& stored : devices) {
    stored.device.id = fields.plain_text();
    stored.device.label = fields.plain_text();
    stored.device.remembered_at = time();
    stored.device.expires_at = time();
    stored.mac = fields.text();
  }
  fields.end();
  return devices;
}

inline void encode_devices(const std::vector<StoredDevice>& devices, storage::CounterRecord& record) {
  FieldWriter fields(1);
  const auto write = [&fields](Time time) {
    fields.number(static_cast<std::uint64_t>(time.time_since_epoch().count()));
  };
  fields.number(devices.size());
  record.purge_at = {};
  for (const StoredDevice& stored : devices) {
    fields.text(stored.device.id).text(stored.device.label);
    write(stored.device.remembered_at);
    write(stored.device.expires_at);
    fields.text(stored.mac);
    record.purge_at = std::max(record.purge_at, stored.device.expires_at);
  }
  record.data = fields.take();
}

[[nodiscard]] constexpr bool is_expired(const TrustedDevice& device, Time now) noexcept {
  return decision::is_over(device.remembered_at, device.expires_at, now);
}

/// All that are stored, those included whose time is over. Throws `errc::corrupt_record`.
template <class Verb>
std::vector<StoredDevice> find_all_devices(const Verb& verb, std::string_view user_id,
                                           storage::CounterRecord& record) {
  record = verb.storage->find_counter(devices_record_id(user_id)).value_or(storage::CounterRecord{});
  record.id = devices_record_id(user_id);
  return record.data.empty() ? std::vector<StoredDevice>() : decode_devices(record);
}

/// Those that are still trusted. Throws `errc::corrupt_record`.
template <class Verb>
std::vector<StoredDevice> find_devices(const Verb& verb, std::string_view user_id, Time now,
                                       storage::CounterRecord& record) {
  std::vector<StoredDevice> devices = find_all_devices(verb, user_id, record);
  std::erase_if(devices, [&](const StoredDevice& stored) { return is_expired(stored.device, now); });
  return devices;
}

/// Makes these all that the record holds; false if it was changed meanwhile. The record is stored already.
template <class Verb>
bool commit_devices(const Verb& verb, const std::vector<StoredDevice>& devices,
                    storage::CounterRecord record) {
  storage::Batch batch;
  if (devices.empty()) {
    batch.removals.push_back({storage::RecordKind::counter, record.id, record.version});
  } else {
    encode_devices(devices, record);
    batch.counters.push_back(std::move(record));
  }
  return verb.storage->commit(std::move(batch));
}

template <class Verb>
RememberedDevice remember_device(const Verb& verb, std::string_view user_id, std::string_view label,
                                 std::chrono::seconds lifetime) {
  constexpr std::size_t longest_label = 200;
  check_text("user_id", user_id, storage::longest_user_id);
  check_text("the label of a trusted device", label, longest_label);
  if (user_id.empty())
    throw Error(errc::invalid_argument, "a device is remembered for a user; give the user_id");
  if (lifetime < std::chrono::seconds(1) || lifetime > longest_device_lifetime)
    throw Error(errc::invalid_argument, "a trusted device's lifetime of " + std::to_string(lifetime.count()) +
                                            " s; it may be 1 s to 366 days");
  return verb.until_committed("the list of trusted devices", [&]() -> std::optional<RememberedDevice> {
    const factor::Context context = verb.now();
    storage::CounterRecord record;
    std::vector<StoredDevice> devices = find_devices(verb, user_id, context.now, record);
    std::optional<std::string> replaced;
    if (devices.size() >= most_trusted_devices) {
      replaced = std::move(devices.front().device.id);
      devices.erase(devices.begin());
    }

    StoredDevice added;
    added.device = {ulid(context.now, trusted_device_id_prefix), std::string(label), context.now,
                    context.now + lifetime};
    crypto::SecretBytes secret(32);
    crypto::random_bytes_for(device_context(added.device, user_id), secret);
    added.mac = context.keys.authenticate(crypto::text_of(secret), device_context(added.device, user_id));
    const auto id = crypto::bytes_of(added.device.id);
    crypto::SecretBytes content(id.begin(), id.end());
    content.insert(content.end(), secret.begin(), secret.end());
    const crypto::SecretString sealed = context.keys.seal(content, device_sealing_context(user_id));
    RememberedDevice remembered{added.device, crypto::SecretString(device_token_prefix) +
                                                  base64url<crypto::SecretString>(sealed)};

    devices.push_back(std::move(added));
    encode_devices(devices, record);
    storage::Batch batch;
    batch.counters.push_back(std::move(record));
    if (!verb.storage->commit(std::move(batch))) return std::nullopt;
    const auto emit = [&](EventType type, std::string_view device_id) {
      verb.emit({.type = type, .at = context.now, .user_id = user_id, .device_id = device_id});
    };
    if (replaced) emit(EventType::device_revoked, *replaced);
    emit(EventType::device_remembered, remembered.device.id);
    return remembered;
  });
}

/// A token's content: the device's id and the secret. Nothing for what is no token of this user under a key
/// that the ring still holds.
[[nodiscard]] inline std::optional<crypto::SecretBytes>
open_token(std::string_view token, std::string_view user_id, const KeyRing& keys) {
  constexpr std::size_t longest_token = 512;
  if (token.size() > longest_token || !token.starts_with(device_token_prefix)) return std::nullopt;
  const auto sealed = base64url_decode<crypto::SecretString>(token.substr(device_token_prefix.size()));
  if (!sealed) return std::nullopt;
  try {
    return keys.open(*sealed, device_sealing_context(user_id), "a device token");
  } catch (const Error& error) {
    if (error.code() != errc::seal_broken && error.code() != errc::unknown_key) throw;
    return std::nullopt;
  }
}

/// The device that a token is for, if it is trusted. `device_id` becomes the one that a token of this user
/// names. A device whose time is over is forgotten, so that it stays over if the clock goes
/// back.
template <class Verb>
std::optional<TrustedDevice> find_device(const Verb& verb, std::string_view token, std::string_view user_id,
                                         const factor::Context& context, std::string& device_id) {
  const auto content = open_token(token, user_id, context.keys);
  constexpr std::size_t id_size = trusted_device_id_prefix.size() + ulid_size;
  if (!content || content->size() <= id_size) return std::nullopt;
  const std::string_view id = crypto::text_of(*content).substr(0, id_size);
  const std::string_view secret = crypto::text_of(*content).substr(id_size);
  if (!is_id(id, trusted_device_id_prefix)) return std::nullopt;
  device_id = id;
  std::optional<TrustedDevice> trusted;
  verb.until_committed("the list of trusted devices", [&] {
    storage::CounterRecord record;
    std::vector<StoredDevice> devices = find_all_devices(verb, user_id, record);
    const auto found =
        std::ranges::find_if(devices, [&](const StoredDevice& stored) { return stored.device.id == id; });
    if (found == devices.end() ||
        !context.keys.matches(found->mac, secret, device_context(found->device, user_id), id))
      return true;
    if (!is_expired(found->device, context.now)) {
      trusted = std::move(found->device);
      return true;
    }
    std::erase_if(devices,
                  [&](const StoredDevice& stored) { return is_expired(stored.device, context.now); });
    return commit_devices(verb, devices, std::move(record));
  });
  return trusted;
}

template <class Verb>
std::optional<TrustedDevice> check_device(const Verb& verb, std::string_view token,
                                          std::string_view user_id) {
  const factor::Context context = verb.now();
  if (token.empty()) return std::nullopt;
  if (!is_plain_text(user_id, storage::longest_user_id)) user_id = {};
  std::string device_id;
  std::optional<TrustedDevice> found;
  if (!user_id.empty()) found = find_device(verb, token, user_id, context, device_id);
  verb.emit({.type = found ? EventType::device_accepted : EventType::device_refused,
             .at = context.now,
             .user_id = user_id,
             .device_id = device_id});
  return found;
}

template <class Verb> std::vector<TrustedDevice> list_devices(const Verb& verb, std::string_view user_id) {
  std::vector<TrustedDevice> listed;
  if (user_id.empty() || !is_plain_text(user_id, storage::longest_user_id)) return listed;
  storage::CounterRecord record;
  for (StoredDevice& stored : find_devices(verb, user_id, verb.now().now, record))
    listed.push_back(std::move(stored.device));
  return listed;
}

/// Removes those of the user's devices of which `revoked` is true, and returns how many.
template <class Verb, class Revoked>
std::size_t revoke_devices(const Verb& verb, std::string_view user_id, Revoked revoked) {
  if (user_id.empty() || !is_plain_text(user_id, storage::longest_user_id)) return 0;
  return verb.until_committed("the list of trusted devices", [&]() -> std::optional<std::size_t> {
    storage::CounterRecord record;
    const Time now = verb.now().now;
    std::vector<StoredDevice> devices = find_devices(verb, user_id, now, record);
    if (record.version == 0) return 0;
    std::vector<std::string> removed;
    std::erase_if(devices, [&](const StoredDevice& stored) {
      if (!revoked(stored.device)) return false;
      removed.push_back(stored.device.id);
      return true;
    });
    if (removed.empty() && !devices.empty()) return 0;
    if (!commit_devices(verb, devices, std::move(record))) return std::nullopt;
    for (const std::string& id : removed)
      verb.emit({.type = EventType::device_revoked, .at = now, .user_id = user_id, .device_id = id});
    return removed.size();
  });
}

} // namespace detail
} // namespace mfa
