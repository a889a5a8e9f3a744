#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <mfa/crypto/key_ring.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/options.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/verbs/ids.hpp>

// Whoever writes to the storage and has no key can change nothing that a decision reads: each record carries
// a stamp, a MAC under the key ring of all that it says, in front of the bytes that storages do not look at.
// `Run` opens all that it reads and seals all that it commits.
namespace mfa::verbs {

/// What comes before a stamp, and begins no such bytes of a release that knew no stamps.
inline constexpr char stamp_mark = '\x81';

[[nodiscard]] inline bool is_sealed(std::string_view bytes) noexcept { return bytes.starts_with(stamp_mark); }

/// The stamp that sealed bytes carry; empty if they are cut off.
[[nodiscard]] inline std::string_view stamp_in(std::string_view bytes) noexcept {
  return KeyRing::stamp_of(bytes.substr(1)).value_or(std::string_view());
}

/// What a stamp is of: a record, by its table, or the id of a challenge that has no record yet.
enum class Stamped : std::uint8_t { factor = 1, challenge, counter, passkey_challenge };

/// An id that the verbs have checked, without the prefix that it has in common with others, so that the hash
/// has fewer blocks.
[[nodiscard]] inline std::string_view without_prefix(std::string_view id) noexcept {
  return id.size() > mfa::detail::ulid_size ? id.substr(id.size() - mfa::detail::ulid_size) : id;
}

/// A message in parts, so that nothing is copied and allocated for it: the numbers and the sizes of the
/// texts, then the texts, which it borrows.
class StampedParts {
 public:
  StampedParts& number(std::uint64_t value) noexcept { // as a varint
    for (; value >= 0x80; value >>= 7) numbers_[size_++] = static_cast<char>(value | 0x80);
    numbers_[size_++] = static_cast<char>(value);
    return *this;
  }

  template <class Enum> StampedParts& enumerator(Enum value) noexcept {
    return number(static_cast<std::uint64_t>(value));
  }

  StampedParts& time(Time value) noexcept {
    return number(static_cast<std::uint64_t>(value.time_since_epoch().count()));
  }

  StampedParts& optional_time(const std::optional<Time>& value) noexcept {
    number(value ? 1 : 0);
    return value ? time(*value) : *this;
  }

  StampedParts& text(std::string_view value) noexcept {
    parts_[count_++] = value;
    return number(value.size());
  }

  /// Of no more than 4 texts and 16 numbers, with those of optional times and of texts.
  [[nodiscard]] std::span<const std::string_view> view() noexcept {
    parts_[0] = {numbers_.data(), size_};
    return {parts_.data(), count_};
  }

 private:
  std::array<char, 160> numbers_{};
  std::size_t size_ = 0;
  std::array<std::string_view, 5> parts_{};
  std::size_t count_ = 1;
};

/// What a record's stamp is over, with the content of its opaque bytes: all but its version, when it may be
/// purged, and of a factor what the host may edit: `friendly_name` and `updated_at`.
[[nodiscard]] inline StampedParts stamped(const storage::FactorRecord& factor,
                                          std::string_view content) noexcept {
  StampedParts parts;
  parts.enumerator(Stamped::factor)
      .text(without_prefix(factor.id))
      .enumerator(factor.type)
      .enumerator(factor.state)
      .text(factor.user_id)
      .time(factor.created_at)
      .optional_time(factor.last_used_at)
      .number(factor.failures)
      .optional_time(factor.last_failure_at)
      .text(factor.parameters)
      .text(content);
  return parts;
}

[[nodiscard]] inline StampedParts stamped(const storage::ChallengeRecord& challenge,
                                          std::string_view content) noexcept {
  StampedParts parts;
  parts.enumerator(Stamped::challenge)
      .text(without_prefix(challenge.id))
      .text(without_prefix(challenge.factor_id))
      .enumerator(challenge.state)
      .time(challenge.created_at)
      .time(challenge.updated_at)
      .optional_time(challenge.expires_at)
      .number(challenge.attempts_left)
      .text(challenge.binding)
      .text(content);
  return parts;
}

[[nodiscard]] inline StampedParts stamped(const storage::CounterRecord& counter,
                                          std::string_view content) noexcept {
  StampedParts parts;
  parts.enumerator(Stamped::counter).text(counter.id).text(content);
  return parts;
}

/// The bytes of a record that no storage looks at, where its stamp is.
[[nodiscard]] inline std::string& opaque_bytes(storage::FactorRecord& factor) noexcept {
  return factor.sealed;
}
[[nodiscard]] inline std::string& opaque_bytes(storage::ChallengeRecord& challenge) noexcept {
  return challenge.answer;
}
[[nodiscard]] inline std::string& opaque_bytes(storage::CounterRecord& counter) noexcept {
  return counter.data;
}

[[nodiscard]] constexpr std::string_view name_of(const storage::FactorRecord&) noexcept { return "factor"; }
[[nodiscard]] constexpr std::string_view name_of(const storage::ChallengeRecord&) noexcept {
  return "challenge";
}
[[nodiscard]] constexpr std::string_view name_of(const storage::CounterRecord&) noexcept { return "counter"; }

/// Stamps a record for the storage.
template <class Record> void seal(Record& record, const KeyRing& keys) {
  std::string& bytes = opaque_bytes(record);
  const KeyRing::Stamp stamp = keys.stamp(stamped(record, bytes).view());
  bytes.insert(0, stamp.view()).insert(bytes.begin(), stamp_mark);
}

inline void seal(storage::Batch& batch, const KeyRing& keys) {
  for (storage::FactorRecord& factor : batch.factors) seal(factor, keys);
  for (storage::ChallengeRecord& challenge : batch.challenges) seal(challenge, keys);
  for (storage::CounterRecord& counter : batch.counters) seal(counter, keys);
}

/// Whether it says of a record that it cannot be read.
[[nodiscard]] inline bool is_of_the_record(const Error& error) {
  return error.code() == errc::seal_broken || error.code() == errc::unknown_key ||
         error.code() == errc::corrupt_record;
}

[[noreturn]] inline void throw_broken(std::string_view name, std::string_view id) {
  throw Error(errc::seal_broken, "the seal of " + std::string(name) + ' ' + std::string(id) +
                                     " is broken: the record was changed, cut off or moved by something else "
                                     "than this library; restore it, or remove it from the storage");
}

/// Of a factor that a release without stamps wrote: its secret, which was sealed to its id and kind alone, is
/// sealed as it is today.
inline void adopt(storage::FactorRecord& factor, const KeyRing& keys) {
  if (!factor.sealed.empty()) factor::adopt_secret(factor, keys);
}
/// Of a challenge: it was for signing in.
inline void adopt(storage::ChallengeRecord& challenge, const KeyRing&) {
  decision::put_terms(challenge, decision::ChallengeTerms());
}
inline void adopt(storage::CounterRecord&, const KeyRing&) {}

/// Checks the stamp of what the storage returned and takes it off. Throws `errc::seal_broken` and
/// `errc::unknown_key`.
template <class Record> void open(Record& record, const KeyRing& keys, UnsealedRecords unsealed) {
  std::string& bytes = opaque_bytes(record);
  if (!is_sealed(bytes)) {
    if (unsealed != UnsealedRecords::accept)
      throw Error(errc::seal_broken,
                  std::string(name_of(record)) + ' ' + record.id +
                      " carries no seal: something else than this library wrote it, or an earlier release, "
                      "whose records are sealed with Options::unsealed_records (docs/keys.md)");
    return adopt(record, keys);
  }
  const std::string_view stamp = stamp_in(bytes);
  const std::string_view content = std::string_view(bytes).substr(1 + stamp.size());
  if (stamp.empty() ||
      !keys.matches_stamp(stamp, stamped(record, content).view(), {name_of(record), record.id}))
    throw_broken(name_of(record), record.id);
  bytes.erase(0, 1 + stamp.size());
}

/// The same for a counter, but empties one that carries no seal, or that of a key which the ring does not
/// hold or of an epoch which it does not take: nobody moves counters to another key before the old one is
/// retired, nor seals those of earlier releases that are only read, and whoever writes to the storage could
/// as well have removed it.
inline void open_or_empty(storage::CounterRecord& counter, const KeyRing& keys, UnsealedRecords unsealed) {
  const bool sealed = is_sealed(counter.data);
  if (!sealed && unsealed != UnsealedRecords::accept) return counter.data.clear();
  if (sealed && keys.is_retired_stamp(stamp_in(counter.data))) return counter.data.clear();
  try {
    open(counter, keys, unsealed);
  } catch (const Error& error) {
    if (error.code() != errc::unknown_key) throw;
    counter.data.clear();
  }
}

} // namespace mfa::verbs
