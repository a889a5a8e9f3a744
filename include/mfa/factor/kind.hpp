#pragma once

#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/assurance.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/used_secret.hpp>
#include <mfa/message.hpp>
#include <mfa/options.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/webauthn_extensions.hpp>

namespace mfa::factor {

/// What a decision may know beside the records. Borrowed.
struct Context {
  Time now;
  const Options& options;
  const KeyRing& keys;
  bool hints_clock_skew = false; ///< see `VerifyOptions::hint_clock_skew_after_password`
  /// The user's factors, where the enrolment of one that is `MadeByClient` is asked for; null otherwise.
  const std::vector<storage::FactorRecord>* factors_of_user = nullptr;
};

/// For the host to deliver to the user by a channel of its own.
struct ToUser {
  crypto::SecretString text;
};

/// For the host to pass on to the user's browser or app. No secret.
struct ToClient {
  std::string text;
};

/// What is to reach the user with a challenge: nothing, a message (`SmsMessage`, `EmailMessage` ...) that
/// the host's transport sends once the records are committed, or what the host passes on (`ToUser`,
/// `ToClient`). Told once and never again. A std::variant of all these would have every program compile how
/// each of them is moved and destroyed, hundreds of functions.
class Delivery {
 public:
  Delivery() = default;
  template <class Content>
    requires(!std::same_as<Content, Delivery>)
  Delivery(Content content) : held_(new Holding<Content>(std::move(content))) {}
  Delivery(Delivery&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  Delivery& operator=(Delivery&& other) noexcept {
    delete std::exchange(held_, std::exchange(other.held_, nullptr));
    return *this;
  }
  ~Delivery() { delete held_; }

  /// Null if it holds something else.
  template <class Content> [[nodiscard]] Content* get_if() const noexcept {
    const bool is_held = held_ != nullptr && held_->type == &type_of<Content>;
    return is_held ? &static_cast<Holding<Content>&>(*held_).content : nullptr;
  }

  /// The message, if it holds one, borrowed.
  [[nodiscard]] OutgoingMessage message() const noexcept {
    return held_ != nullptr ? held_->message : OutgoingMessage();
  }

 private:
  template <class Content> static constexpr char type_of = 0; ///< its address stands for the type

  struct Held {
    explicit Held(const char* content_type) noexcept : type(content_type) {}
    virtual ~Held() = default;
    const char* type;
    OutgoingMessage message;
  };

  template <class Content> struct Holding final : Held {
    explicit Holding(Content&& held) : Held(&type_of<Content>), content(std::move(held)) {
      if constexpr (requires { channel_of(content); }) message = &content;
    }
    Content content;
  };

  Held* held_ = nullptr;
};

/// A challenge that a limit or a rule of the host's refuses.
struct Refusal {
  EventType event; ///< that tells of it
  Error error;     ///< what `challenge_factor` throws
  std::optional<SendLimit> limit = {};
  std::string_view country = {}; ///< of a phone number
};

/// Where it is noted that a message was answered, by the commit of the right answer.
struct Credit {
  std::vector<std::string> counters = {}; ///< their ids
  bool enrollment = false;                ///< of a factor that was not verified when the message was sent
};

/// What a kind decided about a challenge, beside the records that it changed.
struct ChallengeEffects {
  bool factor_changed = false;
  Delivery delivery = {};
  /// Of a kind that sends codes: how long the next one has to wait.
  std::optional<std::chrono::seconds> resend_after = {};
  /// If there is one, there is no challenge. The counters that were changed are committed, and nothing else.
  std::optional<Refusal> refusal = {};
  Credit credit = {};
  /// The same code in other messages, one after the other if those before were surely not sent.
  std::vector<Delivery> further = {};
};

/// What a kind says of an answer. `Status::valid` accepts it, any other status refuses it.
struct Answer {
  Status status = Status::wrong_code;
  /// A refusal that is not counted leaves everything as it was: nothing was compared.
  bool counted = true;
  /// Of a refusal: see `Verification::clock_skew`.
  std::optional<std::chrono::seconds> clock_skew = {};
  // Of a valid answer:
  std::span<const std::string_view> amr = {}; ///< RFC 8176; of static storage
  Assurance assurance = {};
  /// To emit after the verification's own event.
  std::vector<EventType> events = {};
  std::shared_ptr<const webauthn::Outputs> webauthn_outputs = {};

  /// What cannot be an answer.
  static Answer malformed() { return {.status = Status::malformed_code, .counted = false}; }
};

// What a kind that has no use for one of its functions derives from, so that a function which is misspelt is
// missed by `FactorKind` and not replaced by something that does nothing.

/// Its answers can show no more than one factor that a phishing site can ask for as well.
struct ShowsOneFactor {
  static constexpr Assurance best_assurance{};
};

/// Its answers are short enough to be guessed: wrong ones delay the next, and lock the factor in the end.
struct Guessable {
  static constexpr bool guessable = true;
};

/// Nobody guesses its answers, so wrong ones need not be kept from a factor beyond what a challenge takes,
/// and nobody can shut its user out by them.
struct BeyondGuessing {
  static constexpr bool guessable = false;
};

/// A counter by its id under the current key, and by those that it has under further keys, under which it is
/// found until it is written again.
using CounterIds = std::vector<std::string>;

/// The counters of a challenge as they were found, or new ones: one for each of the kind's `counter_ids`.
using Counters = std::span<storage::CounterRecord>;

/// It counts nothing.
struct CountsNothing {
  static std::vector<CounterIds> counter_ids(const storage::FactorRecord&, const Context&) { return {}; }
};

/// Its answers come unasked: a challenge needs no preparation, and nothing reaches the user with it.
struct PreparesNothing {
  static ChallengeEffects challenge(storage::FactorRecord&, storage::ChallengeRecord&, Counters,
                                    const ChallengeOptions&, const Context&) {
    return {};
  }
};

/// Its challenges send the user a code: a base that `SentCodeKind` has, for what is bounded for all of them.
/// Such a kind's `challenge` is also called to send again, with a challenge that `is_stored`: of that it
/// changes what is kept of the code, and nothing else.
struct SendsCodes {};

/// Whether this challenge was committed before.
[[nodiscard]] inline bool is_stored(const storage::ChallengeRecord& challenge) noexcept {
  return challenge.version > 0;
}

/// What confirms an enrolment is made by whoever holds the session, and shows nothing that the user was told
/// or sent: so where the enrolment wanted an authorization, its confirmation does.
struct MadeByClient {};

/// A later challenge replaces no earlier one.
struct ReplacesNothing {
  static bool is_current(const storage::FactorRecord&, const storage::ChallengeRecord&) { return true; }
};

/// Nothing but wrong codes keeps it from working.
struct UnlocksNothing {
  static void unlock(storage::FactorRecord&, const Context&) {}
};

/// Two verified factors may have everything in common.
struct ClaimsNothing {
  static std::vector<std::string> claims(const storage::FactorRecord&) { return {}; }
};

/// No otpauth URI describes it.
struct ExportsNothing {
  [[noreturn]] static crypto::SecretString unsafe_uri(const storage::FactorRecord& record, const Context&) {
    throw Error(errc::invalid_argument, "factor " + record.id + " is of kind " +
                                            std::string(to_string(record.type)) +
                                            ", which no otpauth URI describes");
  }
};

/// A kind whose `enroll` fills in a record by itself.
template <class Kind>
concept EnrollsAlone = requires(const typename Kind::Request& request, storage::FactorRecord& record,
                                const Context& context) {
  { Kind::enroll(request, record, context) } -> std::same_as<typename Kind::Shown>;
};

/// The user whose factor is enrolled, as far as a kind may know him.
struct EnrollingUser {
  std::vector<storage::FactorRecord> others = {}; ///< his factors
  /// By which authenticators know him, for as long as he is a user; empty: he has none yet, and a kind that
  /// needs one draws it.
  std::string handle = {};
  std::vector<std::string> ended = {};       ///< ids of `others` that go, as they were not confirmed in time
  std::vector<UsedSecret> used_secrets = {}; ///< of his factors that are gone
};

/// A kind whose `enroll` takes the user as well.
template <class Kind>
concept EnrollsBesideOthers = requires(const typename Kind::Request& request, storage::FactorRecord& record,
                                       EnrollingUser& user, const Context& context) {
  { Kind::enroll(request, record, user, context) } -> std::same_as<typename Kind::Shown>;
};

/// Hears what `tell` says of a factor's details: a name and a value.
struct Listener {
  template <class Value> void operator()(std::string_view name, const Value& value) const;
};

/// A kind of factor: a struct of static functions, which docs/design.md describes ("Adding a kind of
/// factor"). `check` gets up to 64 KiB of whatever the client sent; what it changes in the record is
/// committed with a valid answer and with a counted refusal. What needs the key ring for longer than a
/// challenge lives is kept in `FactorRecord::sealed`, which a change of keys seals anew.
template <class Kind>
concept FactorKind = requires(const typename Kind::Request& request, const typename Kind::Details& details,
                              storage::FactorRecord& changing, const storage::FactorRecord& record,
                              storage::ChallengeRecord& created, const storage::ChallengeRecord& challenge,
                              Counters counters, std::string_view answer, const ChallengeOptions& options,
                              const Context& context) {
  // What the host gives to enrol, and what its user is shown that once.
  { request.user_id } -> std::convertible_to<const std::optional<UserId>&>;
  { request.friendly_name } -> std::convertible_to<std::string_view>;
  typename Kind::Shown;
  typename Kind::template Enrolled<int>; // struct { int factor; Shown its_name; }
  { Kind::type } -> std::convertible_to<FactorType>;
  { Kind::best_assurance } -> std::convertible_to<Assurance>;
  { Kind::guessable } -> std::convertible_to<bool>;
  { Kind::describe(record) } -> std::same_as<typename Kind::Details>;
  Kind::tell(details, Listener{});
  { Kind::counter_ids(record, context) } -> std::same_as<std::vector<CounterIds>>;
  { Kind::challenge(changing, created, counters, options, context) } -> std::same_as<ChallengeEffects>;
  { Kind::is_current(record, challenge) } -> std::same_as<bool>;
  { Kind::check(changing, challenge, answer, context) } -> std::same_as<Answer>;
  { Kind::claims(record) } -> std::same_as<std::vector<std::string>>;
  { Kind::unlock(changing, context) } -> std::same_as<void>;
  { Kind::unsafe_uri(record, context) } -> std::same_as<crypto::SecretString>;
}
&&(EnrollsAlone<Kind> || EnrollsBesideOthers<Kind>);

} // namespace mfa::factor
