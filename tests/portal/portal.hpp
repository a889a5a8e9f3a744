#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "../../examples/portal/portal.hpp"
#include "support/catch.hpp"

namespace mfa::test {

/// The portal, served on a port of its own until this ends.
struct Portal {
  explicit Portal(portal::Settings given = {}) {
    REQUIRE(port > 0);
    given.origin = given.origin.empty() ? origin : given.origin;
    given.sources = MFA_SOURCE_DIRECTORY;
    given.operator_password = operator_password;
    given.password_cost = 4; // nobody guesses here
    site = std::make_unique<portal::Site<testing::ManualClock>>(server, clock, std::move(given));
    portal::add_journeys(*site);
    serving_ = std::thread([this] { (void)server.listen_after_bind(); });
    while (!server.is_running()) std::this_thread::yield();
  }
  ~Portal() {
    server.stop();
    serving_.join();
  }
  Portal(const Portal&) = delete;
  Portal& operator=(const Portal&) = delete;

  static constexpr const char* operator_password = "only for the operator";

  httplib::Server server;
  int port = server.bind_to_any_port("127.0.0.1");
  std::string origin = "http://localhost:" + std::to_string(port);
  testing::ManualClock clock;
  std::unique_ptr<portal::Site<testing::ManualClock>> site;

 private:
  std::thread serving_;
};

} // namespace mfa::test
