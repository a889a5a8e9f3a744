#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/compiler.hpp>

namespace mfa::detail::redis {

/// What to do when a connection ends before the answer came.
enum class IfLost {
  ask_again, ///< for what changes nothing
  fail,      ///< for what may have happened
};

/// A script, and the hash by which the server knows it.
struct Script {
  std::string_view body;
  std::string hash = {};
};

/// What a storage asks of the server, whichever way it waits for the answer.
struct Request {
  /// For error messages, as in "cannot <purpose> the Redis server".
  const char* purpose;
  IfLost if_lost;
  /// All of a command or, if there is a script, its keys and arguments.
  std::vector<std::string> words = {};
  const Script* script = nullptr;
  std::size_t keys = 0;        ///< how many of the words are the script's keys
  bool may_be_refused = false; ///< then the refusal is an answer
};

} // namespace mfa::detail::redis
