#pragma once

#include <cstdint>
#include <string_view>

#include <mfa/compiler.hpp>

namespace mfa {

/// By what a code reaches the user. The numbers are stored.
enum class Channel : std::uint8_t {
  sms = 1,
  voice = 2, ///< a call
  email = 3,
  push = 4, ///< a notification to the host's own app
};

inline constexpr Channel last_channel = Channel::push;

constexpr std::string_view to_string(Channel channel) noexcept {
  switch (channel) {
  case Channel::sms: return "sms";
  case Channel::voice: return "voice";
  case Channel::email: return "email";
  case Channel::push: return "push";
  }
  return "unknown";
}

} // namespace mfa
