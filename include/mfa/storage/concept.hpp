#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include <mfa/storage/record.hpp>

namespace mfa {

namespace storage {

/// `find_factor`, `find_challenge` and `find_counter` return the record as last committed, or nothing. Ids
/// are compared byte by byte.
template <class S>
concept FindsFactor = requires(S& s, std::string_view id) {
  { s.find_factor(id) } -> std::same_as<std::optional<FactorRecord>>;
};

template <class S>
concept FindsChallenge = requires(S& s, std::string_view id) {
  { s.find_challenge(id) } -> std::same_as<std::optional<ChallengeRecord>>;
};

template <class S>
concept FindsCounter = requires(S& s, std::string_view id) {
  { s.find_counter(id) } -> std::same_as<std::optional<CounterRecord>>;
};

/// All factors of a user id, oldest first (which is the order of their ids).
template <class S>
concept ListsFactors = requires(S& s, std::string_view user_id) {
  { s.list_factors(user_id) } -> std::same_as<std::vector<FactorRecord>>;
};

/// All writes of the batch, or none and `false` because a version had moved, or because the database undid
/// the transaction, as in a deadlock: then the verifier decides again. Throws when it cannot tell. Once it
/// has returned `true`, every find anywhere sees the writes: all promises about races rest on this.
template <class S>
concept Commits = requires(S& s, const Batch& batch) {
  { s.commit(batch) } -> std::same_as<bool>;
};

/// Offered by a storage that reads a challenge and its factor in one round trip.
template <class S>
concept FindsChallengeWithFactor = requires(S& s, std::string_view id) {
  { s.find_challenge_with_factor(id) } -> std::same_as<std::optional<ChallengeWithFactor>>;
};

/// Offered by a storage that can list a user's factors by pages: as `list_factors`, but only those after this
/// id and at most `limit`. No factor needs to have the id; an empty one stands before all.
template <class S>
concept PagesFactors = requires(S& s, std::string_view user_id, std::string_view after_id,
                                std::size_t limit) {
  { s.list_factors(user_id, after_id, limit) } -> std::same_as<std::vector<FactorRecord>>;
};

/// Offered by a storage that can go through the factors of all users in the order of their ids: those after
/// this id, at most `limit`. No factor needs to have the id; an empty one stands before all. One that cannot
/// be read comes as an `unreadable_factor`, as the scan would otherwise end there.
template <class S>
concept ScansFactors = requires(S& s, std::string_view after_id, std::size_t limit) {
  { s.scan_factors(after_id, limit) } -> std::same_as<std::vector<FactorRecord>>;
};

/// Offered by a storage that can remove what is past its `purge_at`: at most `limit` records per call;
/// returns how many it removed.
template <class S>
concept Purges = requires(S& s, Time now, std::size_t limit) {
  { s.purge(now, limit) } -> std::same_as<std::size_t>;
};

/// Offered by a storage whose contents end with the process (`static constexpr bool ephemeral = true;`). Only
/// such a storage may go without a key ring.
template <class S>
concept Ephemeral = requires {
  requires S::ephemeral;
};

} // namespace storage

/// Where factors and challenges are kept. A model promises that `commit` is atomic and compares versions, and
/// that it is usable from as many threads as the `Verifier` is.
template <class S>
concept Storage = storage::FindsFactor<S> && storage::FindsChallenge<S> && storage::FindsCounter<S> &&
    storage::ListsFactors<S> && storage::Commits<S>;

} // namespace mfa
