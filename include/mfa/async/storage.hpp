#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>

namespace mfa::async {

/// Where factors and challenges are kept, for an `async::Verifier`: the functions of a blocking storage (see
/// storage/concept.hpp), each of which returns what a coroutine of the host's task type can await, with the
/// same result. What is given to them stays until the await is over. A model promises what a blocking one
/// does, and that a coroutine which is destroyed during an await leaves it usable: then its commit may have
/// happened.
template <class S>
concept Storage = requires(S& s, std::string_view id, storage::Batch& batch) {
  s.find_factor(id);
  s.find_challenge(id);
  s.find_counter(id);
  s.list_factors(id);
  s.commit(std::move(batch));
};

// What a storage may offer beside these: see storage/concept.hpp.

template <class S>
concept FindsChallengeWithFactor = requires(S& s, std::string_view id) {
  s.find_challenge_with_factor(id);
};

template <class S>
concept PagesFactors = requires(S& s, std::string_view user_id, std::string_view after_id,
                                std::size_t limit) {
  s.list_factors(user_id, after_id, limit);
};

template <class S>
concept ScansFactors = requires(S& s, std::string_view after_id, std::size_t limit) {
  s.scan_factors(after_id, limit);
};

template <class S>
concept Purges = requires(S& s, Time now, std::size_t limit) {
  s.purge(now, limit);
};

} // namespace mfa::async
