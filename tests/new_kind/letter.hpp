#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/random.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/checked_text.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/recovery_codes.hpp>
#include <mfa/factor/send_limits.hpp>
#include <mfa/factor/sent_code.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>

namespace mfa {

/// To enrol: a postal address, to which the host has the code printed that `Challenge::code` returns.
struct Letter {
  std::string destination = {}; ///< as it may be shown: up to 255 bytes
  std::optional<UserId> user_id = {};
  std::string friendly_name = {};
};

/// What may be shown of it.
struct LetterDetails {
  std::string destination;
};

namespace factor {

/// The kind `letter`: twelve characters, 60 random bits, that are good for two weeks and typed from paper.
/// Only the latest letter of a factor counts.
struct LetterKind : SentCodeKind {
  using Request = Letter;
  using Details = LetterDetails;
  using Shown = LetterDetails;
  template <class Factor> struct Enrolled {
    Factor factor;
    Shown letter;
  };

  static constexpr FactorType type = FactorType::letter;
  static constexpr std::string_view amr[] = {"otp"};
  static constexpr bool guessable = false; ///< unlike the digits of other sent codes
  static constexpr SendLimits limits{.interval = std::chrono::hours(20), .an_hour = 1, .a_day = 1};

  static LetterDetails enroll(const Letter& request, storage::FactorRecord& record, const Context&) {
    mfa::detail::check_text("Letter::destination", request.destination, 255);
    record.parameters = encode(SentTo{request.destination, {}});
    return {request.destination};
  }

  static Details describe(const storage::FactorRecord& record) {
    return {std::string(sent_to(record).destination)};
  }

  template <class As> static void tell(const Details& details, As&& as) {
    as("destination", details.destination);
  }

  static std::vector<CounterIds> counter_ids(const storage::FactorRecord& record, const Context&) {
    return {{"letters_" + record.id}};
  }

  static ChallengeEffects challenge(storage::FactorRecord& record, storage::ChallengeRecord& challenge,
                                    Counters counters, const ChallengeOptions&, const Context& context) {
    const SendCount count = count_send(counters.front(), limits, context);
    if (count.wait)
      return {.refusal =
                  Refusal{EventType::code_refused, too_many(errc::code_rate_limited, "letters of this factor",
                                                            "printed", *count.wait)}};
    crypto::SecretArray<unsigned char, TypedRecoveryCode::size> bytes;
    crypto::random_bytes_for(code_purpose(type, challenge), bytes);
    crypto::SecretString code;
    crypto::SecretString printed;
    for (const unsigned char byte : bytes) {
      if (!code.empty() && code.size() % TypedRecoveryCode::group == 0) printed += '-';
      code += TypedRecoveryCode::alphabet[byte % 32];
      printed += TypedRecoveryCode::alphabet[byte % 32];
    }
    keep_code(record, challenge, code, std::chrono::hours(14 * 24), context);
    return {.factor_changed = true, .delivery = ToUser{std::move(printed)}, .resend_after = count.next};
  }

  static Answer check(storage::FactorRecord&, const storage::ChallengeRecord& challenge,
                      std::string_view answer, const Context& context) {
    const TypedRecoveryCode code(answer);
    if (!code.well_formed()) return Answer::malformed();
    if (!is_code(type, challenge, code.text(), context)) return {};
    return {.status = Status::valid, .amr = amr};
  }
};

} // namespace factor
} // namespace mfa
