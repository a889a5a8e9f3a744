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
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/lifetime.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/trusted_device.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/authorize.hpp>
#include <mfa/verbs/ids.hpp>
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
  std::string factor_id = {};    ///< by which it was remembered; none for an operator
  std::uint64_t wrong_codes = 0; ///< that came from it, within a day of the last
  Time last_wrong_code_at{};
};

/// Wrong codes from a device in a day, after which it is a stranger's.
inline constexpr std::uint64_t wrong_codes_a_device_a_day = 10;

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
  // Format 1, of records that carried no seal, knew no factor and no wrong codes.
  const std::uint64_t format = record.data.starts_with('\1') ? 1 : 2;
  detail::FieldReader fields(record.data, format, "record", record.id);
  std::vector<StoredDevice> devices(fields.number_up_to(most_trusted_devices));
  for (StoredDevice& stored : devices) {
    stored.device.id = fields.plain_text();
    stored.device.label = fields.plain_text();
    stored.device.remembered_at = fields.time();
    stored.device.expires_at = fields.time();
    stored.mac = fields.text();
    if (format == 1) continue;
    stored.factor_id = fields.plain_text();
    stored.wrong_codes = fields.number();
    stored.last_wrong_code_at = fields.time();
  }
  fields.end();
  return devices;
}

/// What makes these all that the record holds. It stays for a day after the last of them, and is not removed
/// when none is left: its versions would begin anew, and a verb that had read it before could take a later
/// one for that, and bring back devices that were revoked.
inline void encode_devices(const std::vector<StoredDevice>& devices, storage::CounterRecord& record,
                           Time now) {
  detail::FieldWriter fields(2);
  fields.number(devices.size());
  Time last = now;
  for (const StoredDevice& stored : devices) {
    fields.text(stored.device.id)
        .text(stored.device.label)
        .time(stored.device.remembered_at)
        .time(stored.device.expires_at)
        .text(stored.mac)
        .text(stored.factor_id)
        .number(stored.wrong_codes)
        .time(stored.last_wrong_code_at);
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
Verb<std::optional<StoredDevice>> find_device(const VerbRun auto& run, std::string_view token,
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
    if (!is_expired(found->device, context.now)) co_return std::move(*found);
    forget_expired(devices, context.now);
    storage::Batch batch = keep_devices(devices, std::move(record), context.now);
    if (co_await run.commit(batch)) co_return std::nullopt;
  }
}

/// Whether so many codes from this device were wrong that it counts as a stranger's.
[[nodiscard]] inline bool is_worn_out(const StoredDevice& stored, Time now) noexcept {
  return stored.wrong_codes >= wrong_codes_a_device_a_day &&
         stored.last_wrong_code_at > now - std::chrono::hours(24);
}

/// The id of the device that asks, if its token is good and not too many codes from it were wrong; else
/// empty.
Verb<std::string> asking_device(const VerbRun auto& run, std::string_view token, std::string_view user_id,
                                const factor::Context& context) {
  std::string device_id;
  std::optional<StoredDevice> found;
  if (!token.empty() && !user_id.empty())
    found = co_await find_device(run, token, user_id, context, device_id);
  if (!found || is_worn_out(*found, context.now)) device_id.clear();
  co_return device_id;
}

/// Counts a wrong code from this device; none if the device is not remembered any more.
Verb<std::optional<storage::CounterRecord>>
count_wrong_code(const VerbRun auto& run, std::string_view user_id, std::string_view device_id, Time now) {
  storage::CounterRecord record;
  std::vector<StoredDevice> devices = co_await find_all_devices(run, user_id, record);
  const auto found = std::ranges::find_if(
      devices, [&](const StoredDevice& stored) { return stored.device.id == device_id; });
  if (found == devices.end()) co_return std::nullopt;
  if (found->last_wrong_code_at <= now - std::chrono::hours(24)) found->wrong_codes = 0;
  ++found->wrong_codes;
  found->last_wrong_code_at = now;
  encode_devices(devices, record, now);
  co_return std::move(record);
}

/// Ends the trust that rests on a factor which is deleted, or on any if it is the user's last verified one;
/// the ids of the devices go into `ended`. The list is committed though it stays as it is: whoever remembers
/// a device by this factor, or deletes the one that seemed to be another, has then read what is no more.
Verb<storage::CounterRecord> end_trust(const VerbRun auto& run, const storage::FactorRecord& factor, Time now,
                                       std::vector<std::string>& ended) {
  storage::CounterRecord record;
  std::vector<StoredDevice> devices = co_await find_all_devices(run, factor.user_id, record);
  const auto factors = co_await run.list_factors(factor.user_id);
  const bool last = std::ranges::none_of(factors, [&](const storage::FactorRecord& other) {
    return is_verified(other) && other.id != factor.id;
  });
  std::erase_if(devices, [&](const StoredDevice& stored) {
    if (!last && stored.factor_id != factor.id) return false;
    ended.push_back(stored.device.id);
    return true;
  });
  encode_devices(devices, record, now);
  co_return std::move(record);
}

} // namespace mfa::verbs
