#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <mfa/crypto/bytes.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/email/smtp.hpp>
#include <mfa/error.hpp>
#include <mfa/http/mail.hpp>
#include <mfa/http/request.hpp>
#include <mfa/sms/messagebird.hpp>
#include <mfa/sms/sinch.hpp>
#include <mfa/sms/sns.hpp>
#include <mfa/sms/twilio.hpp>
#include <mfa/sms/twilio_verify.hpp>
#include <mfa/sms/vonage.hpp>
#include <mfa/sms/webhook.hpp>

// Covers: http/refusal.hpp http/json.hpp http/request.hpp sms/twilio.hpp sms/vonage.hpp sms/sns.hpp
// sms/sinch.hpp Covers: sms/messagebird.hpp sms/webhook.hpp

namespace {

/// Cut off what stands before the first line end.
std::string_view take_line(std::string_view& rest) {
  const auto end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

int number_in(std::string_view text) {
  int number = 0;
  for (const char c : text.substr(0, 3)) number = number * 10 + (c >= '0' && c <= '9' ? c - '0' : 0);
  return number;
}

/// What a provider's answer comes to: nothing, or an error that is fit for a log.
template <class Outcome> void check(Outcome outcome) {
  try {
    outcome();
  } catch (const mfa::DeliveryError& error) {
    const std::string_view text = error.what();
    if (text.size() > 500 || std::any_of(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }))
      std::abort();
    using namespace std::chrono_literals;
    if (error.retry_after() && (*error.retry_after() < 1s || *error.retry_after() > 24h)) std::abort();
  }
}

/// A host's template, which is refused or makes JSON of whatever a message holds.
void check_template(std::string_view text) {
  const std::string_view hostile = "\"}\\ {{body}}\n\x01";
  try {
    const mfa::sms::WebhookGateway gateway({.url = "https://a.example", .body = std::string(text)});
    const mfa::SmsMessage message{.to = "+14155550123", .body = hostile, .id = "{{to}}", .code = hostile};
    const mfa::http::Request request = gateway.request(message, mfa::Time());
    if (!nlohmann::json::accept(request.body.str())) std::abort();
  } catch (const mfa::Error&) { // refused
  }
}

} // namespace

/// "T 429", whose letter is the provider's, and "c" behind it if the body was cut off; headers; an empty
/// line; the body. "M 550" is a mail server, and "W" a webhook's template.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = mfa::crypto::text_of({data, size});
  const std::string_view first = take_line(rest);
  if (first.size() < 5) return 0;
  mfa::http::Response response;
  response.status = number_in(first.substr(2));
  response.whole = !first.ends_with('c');
  for (std::string_view line = take_line(rest); !line.empty(); line = take_line(rest)) {
    const auto colon = std::min(line.find(": "), line.size());
    response.headers.push_back(
        {std::string(line.substr(0, colon)), line.substr(std::min(colon + 2, line.size()))});
  }
  response.body = rest;
  switch (first.front()) {
  case 'T': check([&] { mfa::sms::TwilioMessages::outcome(response); }); break;
  case 'F': check([&] { mfa::sms::TwilioVerifyCodes::outcome(response); }); break;
  case 'V': check([&] { mfa::sms::VonageSms::outcome(response); }); break;
  case 'A': check([&] { mfa::sms::SnsPublish::outcome(response); }); break;
  case 'B': check([&] { mfa::sms::MessageBirdMessages::outcome(response); }); break;
  case 'S': check([&] { mfa::sms::SinchBatches::outcome(response); }); break;
  case 'H': check([&] { mfa::sms::WebhookGateway::outcome(response); }); break;
  case 'M':
    check([&] {
      mfa::email::SmtpSubmission::outcome(
          {.status = response.status,
           .text = std::string(rest),
           .to = response.whole ? mfa::http::MailStage::recipient : mfa::http::MailStage::mail});
    });
    break;
  case 'W': check_template(rest); break;
  default: break;
  }
  return 0;
}
