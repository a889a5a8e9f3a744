#pragma once

#include <string>
#include <vector>

#include <mfa/assurance.hpp>
#include <mfa/decision/context.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::factor {

/// What most kinds of factor have in common. A kind is a struct of static functions, derived from this, that
/// hides what it does otherwise, and has of its own:
///
///     using Request = ...;            // what the host gives to enrol; with user_id and friendly_name
///     using Details = ...;            // what may be shown of a factor
///     template <class Factor> struct Enrolled { Factor factor; Shown name; };
///     static constexpr FactorType type;
///     static Shown enroll(const Request&, storage::FactorRecord&, const decision::Context&);
///     static Details describe(const storage::FactorRecord&);
///     static decision::Answer check(storage::FactorRecord&, const storage::ChallengeRecord&,
///                                   std::string_view answer, const decision::Context&);
///
/// `enroll` may take the user's other factors, `const std::vector<storage::FactorRecord>&`, before the
/// context. `check` gets up to 64 KiB of whatever the client sent. What it changes in the record is committed
/// with a valid answer and with a counted refusal. What needs the key ring for longer than a challenge lives
/// is kept in `FactorRecord::sealed`, which a change of keys seals anew.
struct KindDefaults {
  /// The most that a verification of this kind can show.
  static constexpr Assurance best_assurance{};

  /// The counter to read before a new challenge and to commit with it; then where else it may have been kept,
  /// under a former key. None: nothing is counted.
  static std::vector<std::string> counter_ids(const storage::FactorRecord&, const decision::Context&) {
    return {};
  }

  /// Prepares a challenge, whose common fields are set. `counter` is null if `counter_ids` named none.
  static decision::ChallengeEffects challenge(storage::FactorRecord&, storage::ChallengeRecord&,
                                              storage::CounterRecord* /*counter*/, const ChallengeOptions&,
                                              const decision::Context&) {
    return {};
  }

  /// Whether no later challenge replaced this one.
  static bool is_current(const storage::FactorRecord&, const storage::ChallengeRecord&) { return true; }

  /// What an operator's `unlock_factor` forgets of the kind's own, beside the wrong codes.
  static void unlock(storage::FactorRecord&, const decision::Context&) {}

  /// Ids of what no two verified factors of the whole storage may have in common. Asked for once the first
  /// valid answer is in the record, and when the factor is deleted.
  static std::vector<std::string> claims(const storage::FactorRecord&) { return {}; }
};

} // namespace mfa::factor
