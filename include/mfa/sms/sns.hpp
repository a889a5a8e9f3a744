#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/error.hpp>
#include <mfa/http/aws_signature.hpp>
#include <mfa/http/refusal.hpp>
#include <mfa/http/request.hpp>
#include <mfa/http/settings.hpp>
#include <mfa/http/transport.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/types.hpp>

namespace mfa::sms {

struct SnsSettings {
  http::AwsCredentials credentials = {};
  /// Instead of `credentials`: asked for each message, in any thread, for keys that change, as those of a
  /// role do.
  std::function<http::AwsCredentials()> current_credentials = {};
  std::string region;                  ///< "eu-central-1"
  std::string sender_id = {};          ///< where the country allows one: 1 to 11 letters and digits
  std::string origination_number = {}; ///< a number of the account; empty: AWS chooses
  std::string max_price = {};          ///< in US dollars, "0.50" say: what costs more is not sent
  std::string base_url = {};           ///< empty: https://sns.REGION.amazonaws.com
};

/// Amazon SNS's Publish to a phone, signed by Signature Version 4, as a description for `http::Transport` and
/// `async::Curl`. It has no idempotency key: what is sent twice arrives twice.
class SnsPublish {
 public:
  using Settings = SnsSettings;
  using Message = SmsMessage;

  explicit SnsPublish(Settings settings) : settings_(std::move(settings)) {
    http::check_setting("SnsSettings::region", settings_.region);
    if (settings_.region.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)
      throw Error(errc::invalid_argument,
                  "SnsSettings::region is no name of a region; write eu-central-1, say");
    if (!settings_.current_credentials) check(settings_.credentials);
    if (settings_.base_url.empty()) settings_.base_url = "https://sns." + settings_.region + ".amazonaws.com";
    http::check_base_url("SnsSettings::base_url", settings_.base_url);
    check_sender_id(settings_.sender_id);
    if (const std::string& number = settings_.origination_number; !number.empty())
      http::check_caller("SnsSettings::origination_number", number);
    check_price(settings_.max_price);
  }

  [[nodiscard]] http::Request request(const SmsMessage& message, Time now) const {
    http::Request request;
    request.url = settings_.base_url + "/";
    request.headers.push_back({"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"});
    http::append_form(request.body, "Action", "Publish");
    http::append_form(request.body, "Version", "2010-03-31");
    http::append_form(request.body, "PhoneNumber", message.to);
    http::append_form(request.body, "Message", message.body);
    int entry = 0;
    const auto attribute = [&](std::string_view attribute_name, std::string_view type,
                               std::string_view value) {
      if (value.empty()) return;
      const std::string prefix = "MessageAttributes.entry." + std::to_string(++entry);
      http::append_form(request.body, prefix + ".Name", attribute_name);
      http::append_form(request.body, prefix + ".Value.DataType", type);
      http::append_form(request.body, prefix + ".Value.StringValue", value);
    };
    attribute("AWS.SNS.SMS.SMSType", "String", "Transactional");
    attribute("AWS.SNS.SMS.SenderID", "String", settings_.sender_id);
    attribute("AWS.MM.SMS.OriginationNumber", "String", settings_.origination_number);
    attribute("AWS.SNS.SMS.MaxPrice", "Number", settings_.max_price);
    if (!settings_.current_credentials) {
      http::sign_for_aws(request, settings_.credentials, settings_.region, "sns", now);
      return request;
    }
    const http::AwsCredentials credentials = settings_.current_credentials();
    check(credentials);
    http::sign_for_aws(request, credentials, settings_.region, "sns", now);
    return request;
  }

  static void outcome(const http::Response& response) {
    const std::string_view text = response.whole ? response.body.view() : std::string_view();
    if (response.status == 200 && !element(text, "MessageId").empty()) return;
    if (response.status < 400) http::throw_refused_status(name, response);
    const std::string_view code = element(text, "Code");
    for (const Known& known : errors)
      if (known.code == code) {
        DeliveryFailure failure = known.failure;
        // Which parameter it is, only the text says.
        if (failure == DeliveryFailure::message_refused &&
            element(text, "Message").find("PhoneNumber") != std::string_view::npos)
          failure = DeliveryFailure::invalid_recipient;
        http::throw_refusal(name, failure, std::string("error ").append(known.code), response);
      }
    http::throw_refused_status(name, response);
  }

 private:
  struct Known {
    std::string_view code;
    DeliveryFailure failure;
  };

  static constexpr std::string_view name = "Amazon SNS";
  static constexpr std::array errors = {
      Known{"InvalidParameter", DeliveryFailure::message_refused},
      Known{"InvalidParameterValue", DeliveryFailure::message_refused},
      Known{"ParameterValueInvalid", DeliveryFailure::message_refused},
      Known{"ValidationError", DeliveryFailure::message_refused},
      Known{"OptedOut", DeliveryFailure::opted_out},
      Known{"AuthorizationError", DeliveryFailure::credentials_refused},
      Known{"AccessDenied", DeliveryFailure::credentials_refused},
      Known{"AccessDeniedException", DeliveryFailure::credentials_refused},
      Known{"ExpiredToken", DeliveryFailure::credentials_refused},
      Known{"ExpiredTokenException", DeliveryFailure::credentials_refused},
      Known{"IncompleteSignature", DeliveryFailure::credentials_refused},
      Known{"InvalidClientTokenId", DeliveryFailure::credentials_refused},
      Known{"InvalidSecurity", DeliveryFailure::credentials_refused},
      Known{"MissingAuthenticationToken", DeliveryFailure::credentials_refused},
      Known{"NotAuthorized", DeliveryFailure::credentials_refused},
      Known{"OptInRequired", DeliveryFailure::credentials_refused},
      Known{"RequestExpired", DeliveryFailure::credentials_refused}, // a clock that is wrong
      Known{"SignatureDoesNotMatch", DeliveryFailure::credentials_refused},
      Known{"Throttled", DeliveryFailure::throttled},
      Known{"Throttling", DeliveryFailure::throttled},
      Known{"ThrottlingException", DeliveryFailure::throttled},
      Known{"InternalError", DeliveryFailure::unclear},
      Known{"InternalFailure", DeliveryFailure::unclear},
      Known{"ServiceUnavailable", DeliveryFailure::unavailable},
  };

  static void check(const http::AwsCredentials& credentials) {
    http::check_setting("AwsCredentials::access_key_id", credentials.access_key_id);
    http::check_setting("AwsCredentials::secret_access_key", credentials.secret_access_key);
    if (!credentials.session_token.empty())
      http::check_setting("AwsCredentials::session_token", credentials.session_token);
  }

  /// Amazon's are stricter than others'.
  static void check_sender_id(std::string_view sender_id) {
    using http::detail::letters;
    if (sender_id.empty()) return;
    const bool formed =
        sender_id.size() <= http::detail::longest_sender_id &&
        sender_id.find_first_of(letters) != std::string_view::npos &&
        sender_id.find_first_not_of(std::string(letters).append("0123456789-")) == std::string_view::npos;
    if (!formed)
      http::refuse_setting("SnsSettings::sender_id",
                           "is none; write 1 to 11 letters, digits and hyphens with a letter among them");
  }

  static void check_price(std::string_view price) {
    if (price.empty()) return;
    const std::string_view whole = price.substr(0, price.find('.'));
    const bool formed =
        http::detail::is_digits(whole) &&
        (whole.size() == price.size() || http::detail::is_digits(price.substr(whole.size() + 1))) &&
        price.find_first_of("123456789") != std::string_view::npos;
    if (!formed) http::refuse_setting("SnsSettings::max_price", "is no price in US dollars; write 0.50, say");
  }

  /// The text of the first element of this name, as it stands there.
  static std::string_view element(std::string_view xml, std::string_view tag) {
    const auto start = xml.find(std::string("<").append(tag).append(">"));
    if (start == std::string_view::npos) return {};
    xml.remove_prefix(start + tag.size() + 2);
    const auto end = xml.find(std::string("</").append(tag).append(">"));
    return end == std::string_view::npos ? std::string_view() : xml.substr(0, end);
  }

  Settings settings_;
};

using Sns = http::Transport<SnsPublish>;

} // namespace mfa::sms
