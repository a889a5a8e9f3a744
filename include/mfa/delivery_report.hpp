#pragma once

#include <cstdint>
#include <string_view>

#include <mfa/compiler.hpp>

namespace mfa {

/// What became of a message that a transport took, as is known later: from the provider's report, or from the
/// observer of a `delivery::Background`.
enum class DeliveryReport : std::uint8_t {
  delivered,   ///< it reached the phone or the mailbox
  undelivered, ///< it left, and does not arrive; it may have cost
  not_sent,    ///< it never left
};

constexpr std::string_view to_string(DeliveryReport report) noexcept {
  switch (report) {
  case DeliveryReport::delivered: return "delivered";
  case DeliveryReport::undelivered: return "undelivered";
  case DeliveryReport::not_sent: return "not_sent";
  }
  return "unknown";
}

} // namespace mfa
