#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/assurance.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/event.hpp>
#include <mfa/options.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::factor {

/// What a decision may know beside the records. Borrowed.
struct Context {
  Time now;
  const Options& options;
  const KeyRing& keys;
};

/// What a kind decided about a new challenge, beside the records that it changed.
struct ChallengeEffects {
  bool factor_changed = false;
  std::optional<SmsMessage> message = {}; ///< to send once the records are committed
  // For the host to pass on, told with the new challenge and never again:
  crypto::SecretString code = {};    ///< generic_otp: to deliver to the user
  std::string webauthn_options = {}; ///< webauthn: JSON for the browser
};

/// What a kind says of an answer. `Status::valid` accepts it, any other status refuses it.
struct Answer {
  Status status = Status::wrong_code;
  /// A refusal that is not counted leaves everything as it was: nothing was compared.
  bool counted = true;
  // Of a valid answer:
  std::span<const std::string_view> amr = {}; ///< RFC 8176; of static storage
  Assurance assurance = {};
  /// To emit after the verification's own event.
  std::optional<EventType> event = {};

  /// What cannot be an answer.
  static constexpr Answer malformed() { return {.status = Status::malformed_code, .counted = false}; }
};

/// What most kinds of factor have in common. A kind is a struct of static functions, derived from this, that
/// hides what it does otherwise, and has of its own:
///
///     using Request = ...;            // what the host gives to enrol; with user_id and friendly_name
///     using Details = ...;            // what may be shown of a factor
///     using Shown = ...;              // what its user is shown once, at enrolment
///     template <class Factor> struct Enrolled { Factor factor; Shown name; };
///     static constexpr FactorType type;
///     static Shown enroll(const Request&, storage::FactorRecord&, const Context&);
///     static Details describe(const storage::FactorRecord&);
///     static Answer check(storage::FactorRecord&, const storage::ChallengeRecord&,
///                                   std::string_view answer, const Context&);
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
  static std::vector<std::string> counter_ids(const storage::FactorRecord&, const Context&) { return {}; }

  /// Prepares a challenge, whose common fields are set. `counter` is null if `counter_ids` named none.
  static ChallengeEffects challenge(storage::FactorRecord&, storage::ChallengeRecord&,
                                    storage::CounterRecord* /*counter*/, const ChallengeOptions&,
                                    const Context&) {
    return {};
  }

  /// Whether no later challenge replaced this one.
  static bool is_current(const storage::FactorRecord&, const storage::ChallengeRecord&) { return true; }

  /// What an operator's `unlock_factor` forgets of the kind's own, beside the wrong codes.
  static void unlock(storage::FactorRecord&, const Context&) {}

  /// Ids of what no two verified factors of the whole storage may have in common. Asked for once the first
  /// valid answer is in the record, and when the factor is deleted.
  static std::vector<std::string> claims(const storage::FactorRecord&) { return {}; }
};

/// A kind whose `enroll` takes the user's other factors.
template <class Kind>
concept EnrollsBesideOthers = requires(const typename Kind::Request& request, storage::FactorRecord& record,
                                       const std::vector<storage::FactorRecord>& others,
                                       const Context& context) {
  Kind::enroll(request, record, others, context);
};

} // namespace mfa::factor
