#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/encoding/checked_text.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/send_limits.hpp>
#include <mfa/factor/sent_code.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>

namespace mfa {

/// To enrol: an address to which the host sends links that `challenge_factor` returns the secret part of.
struct MagicLink {
  std::string destination = {}; ///< as it may be shown: up to 255 bytes
  std::optional<UserId> user_id = {};
  std::string friendly_name = {};
};

/// What may be shown of it.
struct MagicLinkDetails {
  std::string destination;
};

namespace factor {

/// The kind `magic_link`: 128 random bits in base64url, which the user brings back by a click. Only the
/// latest link of a factor works.
struct MagicLinkKind : SentCodeKind {
  using Request = MagicLink;
  using Details = MagicLinkDetails;
  using Shown = MagicLinkDetails;
  template <class Factor> struct Enrolled {
    Factor factor;
    Shown magic_link;
  };

  static constexpr FactorType type = FactorType::magic_link;
  static constexpr std::string_view amr[] = {"otp"};
  static constexpr bool guessable = false; ///< unlike the digits of other sent codes
  static constexpr SendLimits limits{.interval = std::chrono::minutes(1), .an_hour = 5, .a_day = 10};

  static MagicLinkDetails enroll(const MagicLink& request, storage::FactorRecord& record, const Context&) {
    mfa::detail::check_text("MagicLink::destination", request.destination, 255);
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
    return {{"magic_links_" + record.id}};
  }

  static ChallengeEffects challenge(storage::FactorRecord& record, storage::ChallengeRecord& challenge,
                                    Counters counters, const ChallengeOptions&, const Context& context) {
    const SendCount count = count_send(counters.front(), limits, context);
    if (count.wait)
      return {.refusal =
                  Refusal{EventType::code_refused,
                          too_many(errc::code_rate_limited, "links of this factor", "drawn", *count.wait)}};
    crypto::SecretBytes bytes(16);
    crypto::random_bytes_for(code_purpose(type, challenge), bytes);
    auto token = mfa::detail::base64url<crypto::SecretString>(crypto::text_of(bytes));
    keep_code(record, challenge, token, std::chrono::minutes(15), context);
    return {.factor_changed = true, .delivery = ToUser{std::move(token)}, .resend_after = count.next};
  }

  static Answer check(storage::FactorRecord&, const storage::ChallengeRecord& challenge,
                      std::string_view answer, const Context& context) {
    const auto bytes = mfa::detail::base64url_decode<crypto::SecretString>(answer);
    if (!bytes || bytes->size() != 16) return Answer::malformed();
    if (!is_code(type, challenge, answer, context)) return {};
    return {.status = Status::valid, .amr = amr};
  }
};

} // namespace factor
} // namespace mfa
