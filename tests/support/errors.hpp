#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include <mfa/error.hpp>

#include "catch.hpp"

namespace mfa::test {

/// What is wrong with the form of an error's message; empty if nothing is. A message is one line of whole
/// sentences, which the code's own text does not follow.
inline std::string blemish_of(const Error& error) {
  const std::string_view message = error.what();
  if (message.size() < 12) return "it is too short to name anything";
  if (message.size() > 1200) return "it is too long";
  if (!message.ends_with('.') || message.ends_with("..")) return "it does not end with one full stop";
  if (const char before = message[message.size() - 2];
      std::string_view(" ;:,!?\n").find(before) != std::string_view::npos)
    return "something is cut off before its full stop";
  if (std::ranges::any_of(message, [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
    return "it has a control character";
  for (const std::string_view twice : {"  ", ". .", ";.", ":.", ".:"})
    if (message.find(twice) != std::string_view::npos) return "it has '" + std::string(twice) + "' in it";
  if (message.ends_with(": " + error.code().message() + '.')) return "the code's text follows it";
  return {};
}

/// The error that `action` ends with, which must be well put.
template <class Action> Error error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    INFO(error.what());
    CHECK(blemish_of(error) == "");
    return error;
  }
  FAIL("no error was thrown");
  std::abort();
}

} // namespace mfa::test
