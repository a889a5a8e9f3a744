// After a fork two processes draw different secrets, ids and codes, and storage::Memory is two storages.
// fork_on_*.cpp have what becomes of connections.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <mfa/mfa.hpp>
#include <mfa/storage/pool.hpp>
#include <mfa/storage/process.hpp>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/errors.hpp"
#include "support/host.hpp"

using mfa::Status;
using mfa::test::Channel;
using mfa::test::ChildProcess;
using namespace std::chrono_literals;

using Host = mfa::test::HostOver<mfa::storage::Memory>;

TEST_CASE("A parent and its children draw different secrets, ids and codes") {
  Host host;
  const std::string phone = host.enroll_verified_sms().factor.id();
  (void)host.challenge(phone); // whatever is made once for each process is made
  host.clock.advance(1h);
  const auto drawn = [&] {
    const auto enrolled = host.enroll_totp("u_43");
    std::string told(std::string_view(enrolled.totp.secret));
    told += ' ' + enrolled.factor.id().substr(22) + ' ' + host.challenge(phone).substr(25); // after the time
    for (int i = 0; i < 4; ++i) {
      const auto code = mfa::crypto::random_digits(9, "a test");
      told.append(" ").append(std::string_view(code));
    }
    return told;
  };
  const auto child = [&] { return ChildProcess([&](const Channel& parent) { parent.send(drawn()); }); };
  ChildProcess first = child();
  ChildProcess second = child();
  std::multiset<std::string> words;
  for (const std::string& told :
       {first.channel().receive().value(), second.channel().receive().value(), drawn()})
    for (std::size_t start = 0; start < told.size();) {
      const std::size_t end = std::min(told.find(' ', start), told.size());
      words.insert(told.substr(start, end - start));
      start = end + 1;
    }
  CHECK(words.size() == 21);
  for (const std::string& word : words) {
    INFO(word);
    CHECK(words.count(word) == 1);
  }
}

TEST_CASE(
    "A forked storage::Memory is a copy, on which a code is fresh that the other process has accepted") {
  Host host;
  const auto enrolled = host.enroll_totp();
  const std::string code = host.code(enrolled.totp.secret);
  const std::string challenge = host.challenge(enrolled.factor.id());
  ChildProcess child([&](const Channel& parent) {
    (void)parent.receive();
    parent.send(host.verify(challenge, code) == Status::valid ? "valid" : "not valid");
    parent.send(host.verify(challenge, code) == Status::valid ? "valid" : "not valid");
  });
  CHECK(host.verify(challenge, code) == Status::valid);
  child.channel().send("now");
  CHECK(child.channel().receive() == "valid"); // so docs/storage.md says: one process
  CHECK(child.channel().receive() == "not valid");
  CHECK(child.wait() == 0);
}

TEST_CASE("A forked process is refused a pool at once, though a thread of the parent's has its lock") {
  struct Slow {
    std::atomic<bool>* made;
    ~Slow() { *made = false; }
  };
  std::atomic<bool> made = false;
  auto pool = mfa::detail::make_at_home<mfa::detail::Pool<Slow>>(1U, "the storage");
  const auto make = [&] {
    made = true;
    return std::unique_ptr<Slow>(new Slow{&made});
  };
  std::jthread waiting;
  const std::jthread lent([&](const std::stop_token& stop) {
    const auto lease = pool->lease(1min, make);
    while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
  });
  while (!made) std::this_thread::sleep_for(1ms);
  waiting = std::jthread([&] { (void)pool->lease(1min, make); });
  std::this_thread::sleep_for(50ms); // until it waits, which destroying a condition variable waits for
  ChildProcess child([&](const Channel& parent) {
    try {
      (void)pool->lease(1min, make);
      parent.send("lent");
    } catch (const mfa::Error& error) {
      parent.send(error.what());
    }
    pool.reset();
    parent.send(made ? "left alone" : "destroyed");
  });
  REQUIRE(child.channel().wait(10s));
  CHECK_THAT(child.channel().receive().value(), mfa::test::contains("cannot use the storage in process "));
  REQUIRE(child.channel().wait(10s));
  CHECK(child.channel().receive() == "left alone");
  CHECK(child.wait() == 0);
}
