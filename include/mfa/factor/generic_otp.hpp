#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/encoding/checked_text.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/factor/send_limits.hpp>
#include <mfa/factor/sent_code.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>

namespace mfa {

/// To enrol: a channel of the host's own (e-mail, voice, push) by which it delivers the codes that
/// `challenge_enrollment` and `challenge_factor` return. The confirmation shows that they arrive.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct GenericOtp {
  /// What `list_factors` shows of where the codes go ("a***@example.com", masked by you): up to 255 bytes.
  /// The address itself is yours to keep.
  std::string destination = {};
  /// The address itself, in one spelling, or whatever else stands for it alone: codes are counted by it. Kept
  /// sealed and never shown. Empty: they are counted by `destination`, so that addresses which are masked
  /// alike share one limit. Up to 255 bytes.
  std::string address = {};
  /// Your own identifier of the user, for `list_factors`: 1 to 255 bytes.
  std::optional<UserId> user_id = {};
  std::string friendly_name = {}; ///< the user's name of this factor: up to 200 bytes
};

/// What may be shown of a generic OTP factor.
struct GenericOtpDetails {
  std::string destination;
};

namespace factor {

/// The kind `generic_otp`. Only the latest challenge of a factor can be answered.
struct GenericOtpKind : SentCodeKind {
  using Request = GenericOtp;
  using Details = GenericOtpDetails;
  using Shown = GenericOtpDetails;
  template <class Factor> struct Enrolled {
    Factor factor;
    Shown generic_otp;
  };

  static constexpr FactorType type = FactorType::generic_otp;
  static constexpr std::string_view amr[] = {"otp"};

  static GenericOtpDetails enroll(const GenericOtp& request, storage::FactorRecord& record,
                                  const Context& context) {
    constexpr std::size_t longest_destination = 255;
    detail::check_text("GenericOtp::destination", request.destination, longest_destination);
    detail::check_text("GenericOtp::address", request.address, longest_destination);
    record.parameters = encode(SentTo{request.destination, {}});
    if (!request.address.empty()) seal_secret(record, crypto::bytes_of(request.address), context.keys);
    return {request.destination};
  }

  template <class As> static void tell(const Details& details, As&& as) {
    as("destination", details.destination);
  }

  static Details describe(const storage::FactorRecord& record) {
    return {std::string(sent_to(record).destination)};
  }

  /// By the address, or the destination if none was given, whatever the factor, so that a factor which is
  /// deleted and enrolled anew brings no fresh budget; without either, by the factor.
  static std::vector<CounterIds> counter_ids(const storage::FactorRecord& record, const Context& context) {
    constexpr std::string_view prefix = "generic_otp_codes_";
    if (!record.sealed.empty()) {
      const crypto::SecretBytes address = open_secret(record, context.keys);
      return {send_counter_ids(prefix, crypto::text_of(address), context.keys)};
    }
    const std::string_view destination = sent_to(record).destination;
    if (destination.empty()) return {{std::string(prefix) + record.id}};
    return {send_counter_ids(prefix, destination, context.keys)};
  }

  /// Counts the code, draws it, keeps its HMAC and makes this challenge the factor's only one that counts.
  static ChallengeEffects challenge(storage::FactorRecord& record, storage::ChallengeRecord& challenge,
                                    Counters counters, const ChallengeOptions&, const Context& context) {
    const Options& options = context.options;
    const SentCodeOptions codes{
        options.generic_otp_digits,
        options.generic_otp_lifetime,
        {options.generic_otp_interval, options.generic_otps_an_hour, options.generic_otps_a_day}};
    const SendCount count = count_send(counters.front(), limits_for(record, codes.limits), context);
    if (count.wait)
      return {.refusal = Refusal{
                  EventType::code_refused,
                  too_many(errc::code_rate_limited, "codes to this destination", "drawn", *count.wait),
                  SendLimit::destination}};
    if (!record.sealed.empty()) {
      const crypto::SecretBytes address = open_secret(record, context.keys);
      reseal_secret(record, address, context.keys);
    }
    return {.factor_changed = true,
            .delivery = ToUser{issue_code(record, challenge, codes, context)},
            .resend_after = count.next};
  }

  static Answer check(storage::FactorRecord&, const storage::ChallengeRecord& challenge,
                      std::string_view answer, const Context& context) {
    return check_code(type, challenge, answer, amr, context);
  }
};

} // namespace factor
} // namespace mfa
