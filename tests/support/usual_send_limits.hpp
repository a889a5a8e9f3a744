#pragma once

#include <chrono>

#include <mfa/error.hpp>

#include "catch.hpp"

namespace mfa::test {

/// Checks 30 s between two, 5 an hour and 10 a day, from the first send on. `send` sends one more, or throws
/// `refused` with the time to wait; `between` is called once the day's are spent.
template <class Host, class Send, class Between>
void check_usual_send_limits(Host& host, errc refused, Send send, Between between) {
  using namespace std::chrono_literals;
  const auto wait = [&]() -> std::chrono::seconds {
    try {
      send();
    } catch (const Error& error) {
      CHECK(error.code() == refused);
      return error.retry_after().value_or(-1s);
    }
    return 0s;
  };
  CHECK(wait() == 0s);
  CHECK(wait() == 30s);
  host.clock.advance(29s);
  CHECK(wait() == 1s);
  for (int i = 0; i < 4; ++i) {
    host.clock.advance(30s);
    CHECK(wait() == 0s);
  }
  host.clock.advance(31s);
  CHECK(wait() > 50min);
  host.clock.advance(1h);
  for (int i = 0; i < 5; ++i) {
    host.clock.advance(30s);
    CHECK(wait() == 0s);
  }
  host.clock.advance(2h);
  CHECK(wait() > 20h);
  between();
  host.clock.advance(24h);
  CHECK(wait() == 0s);
}

} // namespace mfa::test
