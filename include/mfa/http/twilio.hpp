#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/http/json.hpp>
#include <mfa/http/refusal.hpp>
#include <mfa/http/request.hpp>
#include <mfa/http/settings.hpp>

// What Twilio's interfaces have in common.
namespace mfa::http {

/// Who speaks to Twilio: an account by its auth token or, better, by an API key that can be revoked alone.
struct TwilioAccount {
  std::string account_sid;     ///< "AC..."
  std::string api_key = {};    ///< "SK..."; empty: `secret` is the account's auth token
  crypto::SecretString secret; ///< of the API key, or the auth token
};

namespace detail {

inline void check_twilio(const TwilioAccount& account, std::string_view base_url) {
  check_setting("TwilioAccount::account_sid", account.account_sid);
  check_setting("TwilioAccount::secret", account.secret);
  check_optional_setting("TwilioAccount::api_key", account.api_key);
  check_base_url("the base_url of Twilio's settings", base_url);
}

[[nodiscard]] inline Request twilio_request(const TwilioAccount& account, crypto::SecretString url,
                                            crypto::SecretString form) {
  Request request;
  request.url = std::move(url);
  request.headers.push_back(
      basic_authorization(account.api_key.empty() ? account.account_sid : account.api_key, account.secret));
  request.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
  request.body = std::move(form);
  return request;
}

/// Twilio's error dictionary, as far as it is about sending.
inline constexpr std::array twilio_errors = {
    KnownError{10001, DeliveryFailure::credentials_refused}, // the account is not active
    KnownError{14107, DeliveryFailure::throttled},
    KnownError{20003, DeliveryFailure::credentials_refused},
    KnownError{20005, DeliveryFailure::credentials_refused}, // the account is not active
    KnownError{20006, DeliveryFailure::credentials_refused},
    KnownError{20008, DeliveryFailure::credentials_refused}, // test credentials
    KnownError{20404, DeliveryFailure::credentials_refused}, // no such account, or service of it
    KnownError{20429, DeliveryFailure::throttled},
    KnownError{20500, DeliveryFailure::unclear},
    KnownError{20503, DeliveryFailure::unavailable},
    KnownError{21211, DeliveryFailure::invalid_recipient},
    KnownError{21214, DeliveryFailure::invalid_recipient},
    KnownError{21215, DeliveryFailure::not_permitted}, // of calls: the region is not enabled
    KnownError{21216, DeliveryFailure::not_permitted}, // of calls: the number is blocked
    KnownError{21217, DeliveryFailure::invalid_recipient},
    KnownError{21219, DeliveryFailure::not_permitted}, // not verified, in a trial
    KnownError{21401, DeliveryFailure::invalid_recipient},
    KnownError{21408, DeliveryFailure::not_permitted}, // the region is not enabled
    KnownError{21421, DeliveryFailure::invalid_recipient},
    KnownError{21608, DeliveryFailure::not_permitted}, // not verified, in a trial
    KnownError{21610, DeliveryFailure::opted_out},
    KnownError{21611, DeliveryFailure::throttled},         // the sender's queue is full
    KnownError{21612, DeliveryFailure::not_permitted},     // not from this sender
    KnownError{21614, DeliveryFailure::invalid_recipient}, // no mobile number
    KnownError{21635, DeliveryFailure::invalid_recipient}, // a landline
    KnownError{30001, DeliveryFailure::throttled},
    KnownError{30002, DeliveryFailure::credentials_refused}, // the account is suspended
    KnownError{30005, DeliveryFailure::invalid_recipient},
    KnownError{30006, DeliveryFailure::invalid_recipient}, // a landline
    KnownError{30008, DeliveryFailure::unclear},
    KnownError{30022, DeliveryFailure::throttled}, // limits of a campaign in the USA
    KnownError{30023, DeliveryFailure::throttled},
    KnownError{30032, DeliveryFailure::not_permitted}, // a toll-free number that is not verified
    KnownError{30034, DeliveryFailure::not_permitted}, // a number that is not registered (10DLC)
    KnownError{30450, DeliveryFailure::not_permitted}, // held for pumping
    KnownError{30453, DeliveryFailure::not_permitted},
    KnownError{60003, DeliveryFailure::throttled}, // from here on of Verify
    KnownError{60203, DeliveryFailure::throttled},
    KnownError{60205, DeliveryFailure::invalid_recipient}, // a landline
    KnownError{60207, DeliveryFailure::throttled},
    KnownError{60212, DeliveryFailure::throttled},
    KnownError{60220, DeliveryFailure::not_permitted}, // China wants an approved template
    KnownError{60238, DeliveryFailure::not_permitted}, // held for fraud, as the next two
    KnownError{60410, DeliveryFailure::not_permitted},
    KnownError{60412, DeliveryFailure::not_permitted},
    KnownError{60605, DeliveryFailure::not_permitted}, // the region is not enabled
    KnownError{63038, DeliveryFailure::throttled},     // the account's limit of a day
    KnownError{90010, DeliveryFailure::credentials_refused},
};

/// Only that a resource was created says that the message was taken; what the answer repeats is not read.
inline void twilio_outcome(std::string_view name, const Response& response) {
  if (response.status == 201) return;
  const std::optional<int> code =
      response.status >= 400 ? int_member(json_of(response), "code") : std::nullopt;
  if (!code) throw_refused_status(name, response);
  const auto failure = failure_of(twilio_errors, *code);
  throw_refusal(name, failure.value_or(failure_of_status(response.status)), "error " + std::to_string(*code),
                response);
}

} // namespace detail

} // namespace mfa::http
