#pragma once

#include <cstdlib>

#include <mfa/error.hpp>

#include "catch.hpp"

namespace mfa::test {

/// The error that `action` ends with.
template <class Action> Error error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  FAIL("no error was thrown");
  std::abort();
}

} // namespace mfa::test
