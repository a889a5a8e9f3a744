// The example asio_server takes clients again when there were more of them than it has descriptors for.
#include <chrono>
#include <csignal>
#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/http_connection.hpp"
#include "support/loopback.hpp"
#include "support/server_process.hpp"
#include "support/temporary_directory.hpp"

using namespace std::chrono_literals;
using Client = mfa::test::HttpConnection;

namespace {

/// A client, once the server is there.
std::unique_ptr<Client> connected(int port) {
  for (int tries = 0;; ++tries) {
    try {
      return std::make_unique<Client>(port);
    } catch (const std::system_error&) {
      if (tries == 500) throw;
      std::this_thread::sleep_for(20ms);
    }
  }
}

int status_of(Client& client) {
  client.write("POST /enroll HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}");
  return client.read().status;
}

} // namespace

TEST_CASE("More clients than descriptors are no end of taking clients") {
  const mfa::test::TemporaryDirectory folder;
  const int port = mfa::test::free_port();
  const pid_t server = mfa::test::start_server(
      {"/bin/sh", "-c", "ulimit -n 40; exec \"$0\" \"$1\"", MFA_ASIO_SERVER, std::to_string(port)},
      folder.path() + "/output", nullptr);
  CHECK(status_of(*connected(port)) == 400);
  {
    std::vector<std::unique_ptr<Client>> clients;
    for (std::size_t i = 0; i < 60; ++i) clients.push_back(connected(port));
    CHECK(status_of(*clients.front()) == 400);
    std::this_thread::sleep_for(500ms); // so that it had to refuse some
  }
  const auto late = connected(port);
  CHECK(status_of(*late) == 400);
  mfa::test::stop_server(server, SIGTERM);
}
