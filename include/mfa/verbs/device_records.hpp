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
#include <mfa/search.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/trusted_device.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/authorize.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/sealed_records.hpp>
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
  std::uint64_t wrong_codes = 0; ///< that came from it, within a day of the first
  Time wrong_codes_since{};      ///< when the first came; of earlier releases, the last
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
    stored.wrong_codes_since = fields.time();
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
        .time(stored.wrong_codes_since);
    last = std::max(last, stored.device.expires_at);
  }
  record.data = fields.take();
  record.purge_at = last + std::chrono::hours(24);
}

[[nodiscard]] constexpr bool is_expired(const TrustedDevice& device, Time now) noexcept {
  return factor::is_over(device.remembered_at, device.expires_at, now);
}

/// All that are stored, those included whose time is over, but for those of a key that the ring does not
/// hold: their tokens open no more. Throws `errc::corrupt_record`.
Verb<std::vector<StoredDevice>> find_all_devices(const VerbRun auto& run, std::string_view user_id,
                                                 storage::CounterRecord& record) {
  const std::string id = devices_record_id(user_id);
  auto found = co_await run.find_counter(id);
  record = found ? *std::move(found) : storage::CounterRecord();
  record.id = id;
  std::vector<StoredDevice> devices;
  if (!record.data.empty()) devices = decode_devices(record);
  detail::erase_if(devices, [&](const StoredDevice& stored) { return !run.keys().holds_key_of(stored.mac); });
  co_return devices;
}

inline void forget_expired(std::vector<StoredDevice>& devices, Time now) {
  detail::erase_if(devices, [&](const StoredDevice& stored) { return is_expired(stored.device, now); });
}

[[nodiscard]] inline storage::Batch keep_devices(const std::vector<StoredDevice>& devices,
                                                 storage::CounterRecord record, Time now) {
  encode_devices(devices, record, now);
  storage::Batch batch;
  batch.counters.push_back(std::move(record));
  return batch;
}

/// What a token says: the device's id and the secret.
class TokenContent {
 public:
  explicit TokenContent(crypto::SecretBytes content) noexcept : content_(std::move(content)) {}

  [[nodiscard]] bool is_whole() const {
    return content_.size() > id_size && detail::is_id(id(), trusted_device_id_prefix);
  }
  [[nodiscard]] std::string_view id() const { return crypto::text_of(content_).substr(0, id_size); }
  [[nodiscard]] std::string_view secret() const { return crypto::text_of(content_).substr(id_size); }

 private:
  static constexpr std::size_t id_size = trusted_device_id_prefix.size() + detail::ulid_size;

  crypto::SecretBytes content_;
};

/// Nothing for what is no token of this user under a key that the ring still holds.
[[nodiscard]] inline std::optional<TokenContent> open_token(std::string_view token, std::string_view user_id,
                                                            const KeyRing& keys) {
  constexpr std::size_t longest_token = 512;
  if (token.size() > longest_token || !token.starts_with(device_token_prefix)) return std::nullopt;
  const auto sealed =
      detail::base64url_decode<crypto::SecretString>(token.substr(device_token_prefix.size()));
  if (!sealed) return std::nullopt;
  try {
    TokenContent content(keys.open(*sealed, device_sealing_context(user_id), "a device token"));
    return content.is_whole() ? std::optional(std::move(content)) : std::nullopt;
  } catch (const Error& error) {
    if (error.code() != errc::seal_broken && error.code() != errc::unknown_key) throw;
    return std::nullopt;
  }
}

/// The device that the token is for; the end if it is none of these.
[[nodiscard]] inline StoredDevice* device_of(const TokenContent& token, std::vector<StoredDevice>& devices,
                                             std::string_view user_id, const KeyRing& keys) {
  StoredDevice* const found =
      detail::find_if(devices, [&](const StoredDevice& stored) { return stored.device.id == token.id(); });
  const bool matches = found != nullptr && keys.matches(found->mac, token.secret(),
                                                        device_context(found->device, user_id), token.id());
  return matches ? found : nullptr;
}

/// The id of the device that `named`, a token or an id, stands for; empty if it is none of these.
[[nodiscard]] inline std::string device_to_keep(std::string_view named, std::vector<StoredDevice>& devices,
                                                std::string_view user_id, const KeyRing& keys) {
  if (const auto token = open_token(named, user_id, keys)) {
    const auto found = device_of(*token, devices, user_id, keys);
    return found == nullptr ? std::string() : found->device.id;
  }
  const bool known =
      detail::any_of(devices, [&](const StoredDevice& stored) { return stored.device.id == named; });
  return known ? std::string(named) : std::string();
}

/// The device that a token is for, if it is trusted. `device_id` becomes the one that a token of this user
/// names. A device whose time is over is forgotten, so that it stays over if the clock goes back.
Verb<std::optional<StoredDevice>> find_device(const VerbRun auto& run, std::string_view token,
                                              std::string_view user_id, const factor::Context& context,
                                              std::string& device_id) {
  const auto content = open_token(token, user_id, context.keys);
  if (!content) co_return std::nullopt;
  device_id = content->id();
  for (Rounds rounds("the list of trusted devices");; rounds.next()) {
    storage::CounterRecord record;
    std::vector<StoredDevice> devices = co_await find_all_devices(run, user_id, record);
    const auto found = device_of(*content, devices, user_id, context.keys);
    if (found == nullptr) co_return std::nullopt;
    if (!is_expired(found->device, context.now)) co_return std::move(*found);
    forget_expired(devices, context.now);
    storage::Batch batch = keep_devices(devices, std::move(record), context.now);
    if (co_await run.commit(batch)) co_return std::nullopt;
  }
}

/// Whether the day that began with this device's first wrong code is over, so that none of them count.
[[nodiscard]] inline bool is_forgiven(const StoredDevice& stored, Time now) noexcept {
  return factor::is_over(stored.wrong_codes_since, stored.wrong_codes_since + std::chrono::hours(24), now);
}

/// Whether so many codes from this device were wrong that it counts as a stranger's.
[[nodiscard]] inline bool is_worn_out(const StoredDevice& stored, Time now) noexcept {
  return stored.wrong_codes >= wrong_codes_a_device_a_day && !is_forgiven(stored, now);
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

/// Whether a device of a challenge that is stored is still trusted. A list that is damaged names none.
Verb<bool> is_still_trusted(const VerbRun auto& run, std::string_view user_id, std::string_view device_id,
                            Time now) {
  std::vector<StoredDevice> devices;
  try {
    storage::CounterRecord record;
    devices = co_await find_all_devices(run, user_id, record);
  } catch (const Error& error) {
    if (!is_of_the_record(error)) throw;
  }
  const StoredDevice* const found =
      detail::find_if(devices, [&](const StoredDevice& stored) { return stored.device.id == device_id; });
  co_return found != nullptr && !is_expired(found->device, now) && !is_worn_out(*found, now);
}

/// Counts a wrong code from this device, and says whether it was the last; none if the device is not
/// remembered any more.
Verb<std::optional<storage::CounterRecord>> count_wrong_code(const VerbRun auto& run,
                                                             std::string_view user_id,
                                                             std::string_view device_id, Time now,
                                                             bool& last) {
  storage::CounterRecord record;
  std::vector<StoredDevice> devices = co_await find_all_devices(run, user_id, record);
  StoredDevice* const found =
      detail::find_if(devices, [&](const StoredDevice& stored) { return stored.device.id == device_id; });
  if (found == nullptr) co_return std::nullopt;
  if (is_forgiven(*found, now)) {
    found->wrong_codes = 0;
    found->wrong_codes_since = now;
  }
  ++found->wrong_codes;
  last = is_worn_out(*found, now);
  encode_devices(devices, record, now);
  co_return std::move(record);
}

/// Ends the trust that rests on factors which are deleted, or on any if none of `others`, which stay, is
/// verified, and returns the ids of the devices. The list is committed with the deletion though it stays as
/// it is: whoever remembers a device by such a factor has then read what is no more.
[[nodiscard]] inline std::vector<std::string> end_trust(std::vector<StoredDevice>& devices,
                                                        const std::vector<storage::FactorRecord>& deleted,
                                                        const std::vector<storage::FactorRecord>& others) {
  const bool all = !detail::any_of(others, is_verified);
  std::vector<std::string> ended;
  detail::erase_if(devices, [&](const StoredDevice& stored) {
    const auto vouched = [&](const storage::FactorRecord& factor) { return factor.id == stored.factor_id; };
    if (!all && !detail::any_of(deleted, vouched)) return false;
    ended.push_back(stored.device.id);
    return true;
  });
  return ended;
}

} // namespace mfa::verbs
