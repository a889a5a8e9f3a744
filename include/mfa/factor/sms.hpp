#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/factor/sent_code.hpp>
#include <mfa/factor/sms_budgets.hpp>
#include <mfa/factor/sms_messages.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/sms/country.hpp>
#include <mfa/sms/message_template.hpp>
#include <mfa/sms/phone_number.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>

namespace mfa {

/// To enrol: a phone that receives codes in text messages. The confirmation, by the code that
/// `challenge_enrollment` sends, shows that the user has it.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct Sms {
  /// As it was typed, with a plus sign and the country code: see `sms::parse_phone_number`.
  std::string phone_number = {};
  /// Your own identifier of the user, for `list_factors`: 1 to 255 bytes.
  std::optional<UserId> user_id = {};
  std::string friendly_name = {}; ///< the user's name of this factor: up to 200 bytes
};

struct SmsEnrollment {
  std::string phone_number; ///< E.164, the same for one phone in every spelling: what messages go to
};

/// What may be shown of an SMS factor.
struct SmsDetails {
  std::string phone_number; ///< all but the last four digits masked: "+*******0123"
};

namespace factor {

/// The kind `sms`. Only the latest challenge of a factor can be answered.
struct SmsKind : SentCodeKind {
  using Request = Sms;
  using Details = SmsDetails;
  using Shown = SmsEnrollment;
  template <class Factor> struct Enrolled {
    Factor factor;
    Shown sms;
  };

  static constexpr FactorType type = FactorType::sms;
  static constexpr std::string_view amr[] = {"sms"};

  static SmsEnrollment enroll(const Sms& request, storage::FactorRecord& record, const Context& context) {
    SmsEnrollment enrolled{sms::parse_phone_number(request.phone_number)};
    if (auto forbidden = country_error(enrolled.phone_number, context)) throw *std::move(forbidden);
    record.parameters = encode(SentTo{sms::mask_phone_number(enrolled.phone_number), {}});
    seal_secret(record, crypto::bytes_of(enrolled.phone_number), context.keys);
    return enrolled;
  }

  template <class As> static void tell(const Details& details, As&& as) {
    as("phone_number", details.phone_number);
  }

  static Details describe(const storage::FactorRecord& record) {
    return {std::string(sent_to(record).destination)};
  }

  static std::vector<CounterIds> counter_ids(const storage::FactorRecord& record, const Context& context) {
    return sms_message_counter_ids(crypto::text_of(phone_number_of(record, context)), purpose_of(record),
                                   context);
  }

  /// Where its messages go: see `sms::country_of`.
  static std::string_view country(const storage::FactorRecord& record, const Context& context) {
    return sms::country_of(crypto::text_of(phone_number_of(record, context)));
  }

  /// Counts the send, draws the code, keeps its HMAC and makes this challenge the factor's only one that
  /// counts.
  static ChallengeEffects challenge(storage::FactorRecord& record, storage::ChallengeRecord& challenge,
                                    Counters counters, const ChallengeOptions& request,
                                    const Context& context) {
    const SmsMessages messages(record, request, context);
    const crypto::SecretBytes phone_number = phone_number_of(record, context);
    const std::string_view number = crypto::text_of(phone_number);
    if (auto forbidden = country_error(number, context))
      return {.refusal = Refusal{EventType::sms_refused, *std::move(forbidden), SendLimit::country_list,
                                 sms::country_of(number)}};
    SmsCount count = count_message(number, purpose_of(record), counters, context);
    if (count.refusal) return {.refusal = std::move(count.refusal)};

    const SentCodeOptions codes{context.options.sms_code_digits, context.options.sms_code_lifetime,
                                sms_send_limits(context.options, purpose_of(record))};
    const crypto::SecretString code = issue_code(record, challenge, codes, context);
    reseal_secret(record, phone_number, context.keys);
    ChallengeEffects effects{
        .factor_changed = true, .resend_after = count.next, .credit = std::move(count.credit)};
    for (const Channel channel : messages.channels()) {
      Delivery delivery = messages.make(channel, number, code, message_id(challenge));
      if (channel == messages.channels().front())
        effects.delivery = std::move(delivery);
      else
        effects.further.push_back(std::move(delivery));
    }
    return effects;
  }

  static Answer check(storage::FactorRecord&, const storage::ChallengeRecord& challenge,
                      std::string_view answer, const Context& context) {
    return check_code(type, challenge, answer, amr, context);
  }

 private:
  /// In its one form: records of earlier versions hold other spellings, with what is dialled only inside the
  /// country. One that is refused today stays as it is.
  static crypto::SecretBytes phone_number_of(const storage::FactorRecord& record, const Context& context) {
    crypto::SecretBytes stored = open_secret(record, context.keys);
    try {
      const std::string number = sms::parse_phone_number(crypto::text_of(stored));
      const auto bytes = crypto::bytes_of(number);
      return {bytes.begin(), bytes.end()};
    } catch (const Error& error) {
      if (error.code() != errc::invalid_phone_number) throw;
      return stored;
    }
  }

  static SmsPurpose purpose_of(const storage::FactorRecord& record) {
    return record.state == FactorState::verified ? SmsPurpose::sign_in : SmsPurpose::enrollment;
  }

  static std::optional<Error> country_error(std::string_view phone_number, const Context& context) {
    for (const std::string_view denied : context.options.sms_denied_country_codes)
      if (sms::matches_country(phone_number, denied))
        return Error(errc::sms_country_not_allowed,
                     "messages to this country are denied by Options::sms_denied_country_codes");
    if (sms::country_allowed(phone_number, context.options.sms_allowed_country_codes)) return std::nullopt;
    return Error(errc::sms_country_not_allowed,
                 "messages to this country are not allowed here; add its code to "
                 "Options::sms_allowed_country_codes to allow them");
  }
};

} // namespace factor
} // namespace mfa
