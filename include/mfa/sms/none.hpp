#pragma once

#include <mfa/error.hpp>
#include <mfa/sms/concept.hpp>

namespace mfa::sms {

/// The transport of a `Verifier` that sends no text messages. Enrolling an SMS factor with it does not
/// compile; challenging one that another process enrolled throws.
struct None {
  [[noreturn]] void send(const SmsMessage&) const {
    throw Error(errc::sms_not_sent, "this Verifier has no SMS transport; pass one as its third argument");
  }
};

} // namespace mfa::sms
