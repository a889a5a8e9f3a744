#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mfa/types.hpp>

namespace mfa::storage {

/// How long what a record holds can be, in bytes. Ids and text are UTF-8 and compared byte by byte: no two
/// that differ in case, accents, normalisation or spaces at the end are the same.
inline constexpr std::size_t longest_factor_id = 38;      ///< ASCII
inline constexpr std::size_t longest_challenge_id = 41;   ///< ASCII
inline constexpr std::size_t longest_counter_id = 271;    ///< "trusted_devices_" and a user id
inline constexpr std::size_t longest_user_id = 255;       ///< no control characters
inline constexpr std::size_t longest_friendly_name = 200; ///< no control characters
/// What a storage must take of `parameters`, `sealed`, `answer`, `binding` and `CounterRecord::data`. Only a
/// `sealed` can be longer, for a user with more than 45 security keys that all have the longest ids; then
/// `commit` may throw.
inline constexpr std::size_t longest_bytes = 60'000;

/// When a record may be purged that must not be.
inline constexpr Time never{std::chrono::milliseconds(100'000'000'000'000)};

/// What a storage keeps of a factor. Text is UTF-8; `parameters` and `sealed` are arbitrary bytes.
struct FactorRecord {
  std::string id;            ///< "auth_factor_" + ULID
  std::uint64_t version = 0; ///< 0: not stored yet; the storage counts up by one with each write
  FactorType type{};
  FactorState state = FactorState::unverified;
  std::string user_id; ///< the host's identifier; empty: the factor is listed under no user
  std::string friendly_name;
  Time created_at{};
  Time updated_at{};
  std::optional<Time> last_used_at; ///< the last valid verification
  std::uint32_t failures = 0;       ///< wrong codes since the last valid one, over all challenges
  std::optional<Time> last_failure_at;
  std::string parameters; ///< the kind's own state
  std::string sealed;     ///< the kind's own secret, sealed under the key ring

  bool operator==(const FactorRecord&) const = default;
};

/// What a scan gives of a factor whose other contents cannot be read: one of no type, so that the scan goes
/// on, and whoever looks at the record finds it damaged.
[[nodiscard]] inline FactorRecord unreadable_factor(std::string id, std::uint64_t version = 0) {
  FactorRecord factor;
  factor.id = std::move(id);
  factor.version = version;
  return factor;
}

/// What a storage keeps of a challenge.
struct ChallengeRecord {
  std::string id; ///< "auth_challenge_" + ULID
  std::uint64_t version = 0;
  std::string factor_id;
  ChallengeState state = ChallengeState::pending;
  Time created_at{};
  Time updated_at{};
  std::optional<Time> expires_at; ///< none for TOTP
  Time purge_at{};                ///< from here on `purge_expired` may remove the record
  std::uint32_t attempts_left = 0;
  std::string answer;  ///< the kind's own: what a right answer is checked against, never in the clear
  std::string binding; ///< the host's bound value under the key ring's HMAC; empty: not bound

  bool operator==(const ChallengeRecord&) const = default;
};

/// What concerns more than one factor: the messages sent to a phone number, a user's trusted devices, a claim
/// to what only one factor may have. The id holds the user's, and tells nothing of the number.
struct CounterRecord {
  std::string id;
  std::uint64_t version = 0;
  std::string data; ///< arbitrary bytes
  Time purge_at{};

  bool operator==(const CounterRecord&) const = default;
};

/// Which table of a storage a `Removal` names.
enum class RecordKind : std::uint8_t { factor, challenge, counter };

/// One record to remove, if it still has this version.
struct Removal {
  RecordKind kind{};
  std::string id;
  std::uint64_t version = 0;
};

/// Writes that succeed together or not at all. A record's `version` is the one that was read: 0 means that no
/// record of that id may exist; any other must equal what is stored. The storage keeps it as version + 1.
/// A batch names no record twice, and removes no challenge together with its factor.
struct Batch {
  std::vector<FactorRecord> factors;
  std::vector<ChallengeRecord> challenges;
  std::vector<CounterRecord> counters;
  std::vector<Removal> removals;
};

/// A challenge and its factor from one read. `factor` is empty if the factor is gone.
struct ChallengeWithFactor {
  ChallengeRecord challenge;
  std::optional<FactorRecord> factor;
};

} // namespace mfa::storage
