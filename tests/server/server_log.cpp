// A line of the log of examples/server is whole, or not there, whatever happens while it is written.
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <string>
#include <thread>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <pthread.h>
#include <unistd.h>

#include "../../examples/server/logs.hpp"
#include "support/catch.hpp"
#include "support/loopback.hpp"

using mfa::test::Descriptor;

TEST_CASE("A line is whole though signals come while its reader is slow") {
  struct sigaction heard {};
  heard.sa_handler = [](int) {};
  REQUIRE(::sigaction(SIGUSR1, &heard, nullptr) == 0); // as those of Asio, it ends calls that wait

  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const Descriptor reader(ends[0]);
  const Descriptor writer(ends[1]);
  const int room = ::fcntl(writer.get(), F_SETPIPE_SZ, 4096);
  REQUIRE(room > 0);
  const std::string text(static_cast<std::size_t>(room) * 4, 'x');

  server::Log log(false, writer.get());
  std::thread logging([&] {
    log.info("first", {{"text", text}});
    log.info("second");
  });
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ::pthread_kill(logging.native_handle(), SIGUSR1);
  }
  std::string came;
  std::array<char, 4096> bytes{};
  while (came.find("second") == std::string::npos || !came.ends_with('\n')) {
    const auto count = ::read(reader.get(), bytes.data(), bytes.size());
    REQUIRE(count > 0);
    came.append(bytes.data(), static_cast<std::size_t>(count));
  }
  logging.join();
  const auto end = came.find('\n');
  const auto first = nlohmann::json::parse(came.substr(0, end), nullptr, false);
  REQUIRE_FALSE(first.is_discarded());
  CHECK(first.at("text") == text);
  CHECK(nlohmann::json::parse(came.substr(end + 1)).at("message") == "second");
}
