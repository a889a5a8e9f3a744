// Uses the component curl: libcurl finds nobody at the address.
#include <mfa/delivery/failure.hpp>
#include <mfa/sms/twilio.hpp>

int main() {
  mfa::sms::Twilio twilio({.account = {.account_sid = "AC1", .secret = "secret"},
                           .from = "Foo Corp",
                           .base_url = "https://127.0.0.1:1"});
  try {
    twilio.send({.to = "+14155550123", .body = "Your code is 123456", .id = "1"});
  } catch (const mfa::DeliveryError& error) {
    return error.failure() == mfa::DeliveryFailure::unavailable ? 0 : 1;
  }
  return 1;
}
