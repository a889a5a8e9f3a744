#pragma once

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "../../examples/portal/portal.hpp"
#include "support/catch.hpp"

namespace mfa::test {

/// The portal, served on a port of its own until this ends. What browsers keep open then ends beside what
/// comes next, as it takes the seconds after which the portal ends what is idle.
struct Portal {
 private:
  struct Served {
    httplib::Server server;
    testing::ManualClock clock;
    std::unique_ptr<portal::Site<testing::ManualClock>> site;
    std::jthread serving; // ends first
  };
  std::unique_ptr<Served> served_ = std::make_unique<Served>();

 public:
  explicit Portal(portal::Settings given = {}, const char* password_of_operators = operator_password) {
    REQUIRE(port > 0);
    given.origin = given.origin.empty() ? origin : given.origin;
    given.sources = MFA_SOURCE_DIRECTORY;
    given.operator_password = password_of_operators;
    given.password_cost = 4; // nobody guesses here
    site = std::make_unique<portal::Site<testing::ManualClock>>(server, clock, std::move(given));
    portal::add_journeys(*site);
    served_->serving = std::jthread([&listening = server] { (void)listening.listen_after_bind(); });
    while (!server.is_running()) std::this_thread::yield();
  }
  ~Portal() {
    server.stop();
    static std::vector<std::jthread> ending;
    ending.emplace_back([served = std::move(served_)] {});
  }
  Portal(const Portal&) = delete;
  Portal& operator=(const Portal&) = delete;

  static constexpr const char* operator_password = "only for the operator";

  httplib::Server& server = served_->server;
  testing::ManualClock& clock = served_->clock;
  std::unique_ptr<portal::Site<testing::ManualClock>>& site = served_->site;
  int port = server.bind_to_any_port("127.0.0.1");
  std::string origin = "http://localhost:" + std::to_string(port);
};

} // namespace mfa::test
