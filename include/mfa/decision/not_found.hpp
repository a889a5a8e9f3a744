#pragma once

#include <string>
#include <string_view>

#include <mfa/error.hpp>

namespace mfa::decision {

/// The one answer for unknown, deleted and foreign ids, and for another binding. It does not repeat the id,
/// which came from outside.
[[noreturn]] inline void throw_not_found(std::string_view what) {
  throw Error(errc::entity_not_found,
              "no such " + std::string(what) + ": the id is unknown, or deleted, or another user's" +
                  (what == "challenge" ? ", or the binding is not that of the challenge" : ""));
}

} // namespace mfa::decision
