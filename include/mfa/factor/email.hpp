#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/email/address.hpp>
#include <mfa/email/concept.hpp>
#include <mfa/email/message_template.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/factor/send_limits.hpp>
#include <mfa/factor/sent_code.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>

namespace mfa {

/// To enrol: a mailbox that receives codes, and links if the template has `{{link}}`. The confirmation, by
/// what `challenge_enrollment` sends, shows that the user reads it. NIST SP 800-63B does not take e-mail for
/// a second factor (docs/email.md).
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct Email {
  std::string address = {}; ///< as it was typed: see `email::parse_address`
  /// Your own identifier of the user, for `list_factors`: 1 to 255 bytes.
  std::optional<UserId> user_id = {};
  std::string friendly_name = {}; ///< the user's name of this factor: up to 200 bytes
};

struct EmailEnrollment {
  std::string address; ///< what mails go to
};

/// What may be shown of an e-mail factor.
struct EmailDetails {
  std::string address; ///< all but the first character and the domain masked: "a***@example.com"
};

namespace factor {

/// The kind `email`. Only the latest challenge of a factor can be answered, by the code or by the token of
/// the link, whichever its message had.
struct EmailKind : SentCodeKind {
  using Request = Email;
  using Details = EmailDetails;
  using Shown = EmailEnrollment;
  template <class Factor> struct Enrolled {
    Factor factor;
    Shown email;
  };

  static constexpr FactorType type = FactorType::email;
  static constexpr std::string_view amr[] = {"otp"}; ///< RFC 8176 has nothing nearer
  static constexpr std::size_t token_size = 16;      ///< in bytes: 128 bits

  static EmailEnrollment enroll(const Email& request, storage::FactorRecord& record, const Context& context) {
    EmailEnrollment enrolled{email::parse_address(request.address)};
    record.parameters = encode(SentTo{email::mask_address(enrolled.address), {}});
    seal_secret(record, crypto::bytes_of(enrolled.address), context.keys);
    return enrolled;
  }

  template <class As> static void tell(const Details& details, As&& as) { as("address", details.address); }

  static Details describe(const storage::FactorRecord& record) {
    return {std::string(sent_to(record).destination)};
  }

  static std::vector<CounterIds> counter_ids(const storage::FactorRecord& record, const Context& context) {
    const crypto::SecretBytes address = open_secret(record, context.keys);
    return {send_counter_ids("email_sends_", email::limit_key(crypto::text_of(address)), context.keys)};
  }

  /// Counts the send, draws what the message has of code and token, keeps their HMACs and makes this
  /// challenge the factor's only one that counts.
  static ChallengeEffects challenge(storage::FactorRecord& record, storage::ChallengeRecord& challenge,
                                    Counters counters, const ChallengeOptions& request,
                                    const Context& context) {
    const Options& options = context.options;
    const email::MessageTemplate message(email::own_or(request.email_template, options.email_template),
                                         request.email_values, options.email_values);
    std::optional<email::LinkTemplate> link;
    if (message.has_link()) link.emplace(link_to(challenge, request, options));
    const SentCodeOptions codes{
        options.email_code_digits,
        options.email_code_lifetime,
        {options.email_send_interval, options.email_sends_an_hour, options.email_sends_a_day}};
    const SendCount count = count_send(counters.front(), limits_for(record, codes.limits), context);
    if (count.wait)
      return {.refusal =
                  Refusal{EventType::code_refused,
                          too_many(errc::email_rate_limited, "e-mails to this address", "sent", *count.wait),
                          SendLimit::destination}};

    const crypto::SecretBytes address = open_secret(record, context.keys);
    reseal_secret(record, address, context.keys);
    crypto::SecretString code;
    crypto::SecretString url;
    std::string token_mac;
    KeptCode kept{.mac = {}};
    if (message.has_code()) {
      code = issue_code(record, challenge, codes, context);
      kept = kept_code(challenge);
    } else if (is_stored(challenge)) {
      kept.sends = kept_code(challenge).sends + 1;
    }
    if (link) {
      const crypto::SecretString token = draw_token(challenge);
      token_mac = context.keys.authenticate(token, token_context(challenge));
      url = link->render(challenge.id, token);
    }
    const std::string macs = mfa::detail::FieldWriter(1).text(kept.mac).text(token_mac).take();
    kept.mac = macs;
    challenge.answer = encode(kept);
    if (!is_stored(challenge)) challenge.expires_at = context.now + codes.lifetime;
    record.parameters = encode(SentTo{sent_to(record).destination, challenge.id});
    return {.factor_changed = true,
            .delivery = EmailMessage{.to = std::string(crypto::text_of(address)),
                                     .subject = message.subject(code),
                                     .text = message.text(code, url),
                                     .html = message.html(code, url),
                                     .id = message_id(challenge)},
            .resend_after = count.next};
  }

  static Answer check(storage::FactorRecord&, const storage::ChallengeRecord& challenge,
                      std::string_view answer, const Context& context) {
    const Macs macs = macs_of(challenge);
    if (!is_token(answer)) {
      if (macs.code.empty()) return Answer::malformed();
      storage::ChallengeRecord of_code = challenge;
      of_code.answer = macs.code;
      return check_code(type, of_code, answer, amr, context);
    }
    if (macs.token.empty()) return Answer::malformed();
    if (!context.keys.matches(macs.token, mfa::detail::trimmed(answer), token_context(challenge),
                              "challenge " + challenge.id))
      return {};
    return {.status = Status::valid, .amr = amr};
  }

 private:
  /// `KeptCode::mac` of this kind; empty: the message had none.
  struct Macs {
    std::string code;
    std::string token;
  };

  static Macs macs_of(const storage::ChallengeRecord& challenge) {
    mfa::detail::FieldReader fields(kept_code(challenge).mac, 1, "challenge", challenge.id);
    Macs macs;
    macs.code = fields.text();
    macs.token = fields.text();
    fields.end();
    return macs;
  }

  /// Refuses a link that would answer for whoever opens it, wherever he does: so somebody who begins a
  /// sign-in as another, and has him click in the mail that comes of it, would be signed in.
  static std::string_view link_to(const storage::ChallengeRecord& challenge, const ChallengeOptions& request,
                                  const Options& options) {
    const std::string& link = request.email_link.empty() ? options.email_link : request.email_link;
    if (link.empty())
      throw Error(errc::invalid_email_template,
                  "the e-mail template has {{link}}; set Options::email_link to where it leads");
    if (challenge.binding.empty() && !request.link_works_in_any_browser)
      throw Error(errc::invalid_argument,
                  "a link in an e-mail is bound to the session that asked for it; set "
                  "ChallengeOptions::binding to the session's id, and VerifyOptions::binding when it is "
                  "opened, or ChallengeOptions::link_works_in_any_browser");
    return link;
  }

  static std::string token_context(const storage::ChallengeRecord& challenge) {
    return std::string(to_string(type)).append(" token ").append(challenge.id);
  }

  static crypto::SecretString draw_token(const storage::ChallengeRecord& challenge) {
    crypto::SecretBytes bytes(token_size);
    crypto::random_bytes_for(token_context(challenge).append(" of ").append(challenge.factor_id), bytes);
    return mfa::detail::base64url<crypto::SecretString>(crypto::text_of(bytes));
  }

  /// Codes have other lengths.
  static bool is_token(std::string_view answer) {
    constexpr std::size_t characters = (token_size * 8 + 5) / 6;
    answer = mfa::detail::trimmed(answer);
    return answer.size() == characters && mfa::detail::base64url_decode<crypto::SecretString>(answer);
  }
};

} // namespace factor
} // namespace mfa
