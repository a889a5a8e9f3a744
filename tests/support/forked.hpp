#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

#include <sys/types.h>
#include <unistd.h>

#include <mfa/mfa.hpp>

#include "catch.hpp"
#include "child_process.hpp"

namespace mfa::test {

/// What reads of one user's factor came to.
struct Reads {
  int right = 0;
  int others = 0; ///< another user's record
  int refused = 0;
  std::string refusal; ///< the last one
};

template <class Verifier>
Reads read_often(Verifier& verifier, const std::string& id, std::string_view user_id, int times) {
  Reads reads;
  for (int i = 0; i < times; ++i) {
    try {
      (verifier.get_factor(id, mfa::any_user).user_id() == user_id ? reads.right : reads.others) += 1;
    } catch (const Error& error) {
      ++reads.refused;
      reads.refusal = error.what();
    }
  }
  return reads;
}

/// Opens a storage, forks, and lets parent and child read by it at the same moment, each another user's
/// factor. The child must be refused, whatever it tries, and may destroy the storage; the parent goes on as
/// if nothing had been. `in_child`, called in the child without a storage of its own open, returns what is
/// wrong, or nothing.
template <class Open, class InChild> void check_forked(Open open, InChild in_child) {
  constexpr int reads = 3000;
  std::optional storage(open());
  Verifier verifier{*storage, Options{.key_ring = KeyRing::generate()}};
  const auto enroll = [&](const std::string& user_id) {
    return verifier.enroll_factor(Totp{.issuer = "Foo Corp", .user = "alan", .user_id = user_id}).factor.id();
  };
  const std::string alan = enroll("alan");
  const std::string grace = enroll("grace");
  REQUIRE(read_often(verifier, alan, "alan", 1).right == 1);

  ChildProcess child([&](const Channel& parent) {
    const Reads of_grace = read_often(verifier, grace, "grace", reads);
    std::ostringstream told;
    told << of_grace.right << " right, " << of_grace.others << " of others, " << of_grace.refused
         << " refused: " << of_grace.refusal << '\n';
    const auto is_refused = [&](const char* verb, auto call) {
      try {
        (void)call();
        told << verb << " was not refused\n";
      } catch (const Error& error) {
        if (error.code() != errc::storage_failure) told << verb << ": " << error.what() << '\n';
      }
    };
    is_refused("enroll_factor", [&] { return enroll("nobody"); });
    is_refused("list_factors", [&] { return verifier.list_factors("grace"); });
    is_refused("purge_expired", [&] { return verifier.purge_expired(); });
    storage.reset();
    told << in_child();
    parent.send(told.str());
    (void)parent.receive(); // until the parent has seen what the end of the storage did
  });
  const Reads of_alan = read_often(verifier, alan, "alan", reads);
  CHECK(of_alan.right == reads);
  CHECK(of_alan.others == 0);

  const auto told = child.channel().receive();
  REQUIRE(told);
  std::ostringstream expected;
  expected << "0 right, 0 of others, " << reads << " refused: ";
  CHECK_THAT(*told, contains(expected.str()));
  CHECK_THAT(*told, contains("process " + std::to_string(::getpid()) +
                             " opened it and forked. Open one in "
                             "each process, after the fork"));
  CHECK(told->substr(told->find('\n') + 1).empty());
  CHECK(read_often(verifier, alan, "alan", 100).right == 100);
  child.channel().send("end");
  CHECK(child.wait() == 0);
  CHECK(read_often(verifier, grace, "grace", 100).right == 100);
  CHECK(verifier.list_factors("nobody").empty());
  const std::string another = enroll("nobody");
  CHECK(read_often(verifier, another, "nobody", 1).right == 1);
}

/// For `check_forked`: a storage that the child opens itself reads what the parent wrote.
template <class Open> auto reads_by_its_own(Open open) {
  return [open]() -> std::string {
    auto own = open();
    return own.list_factors("alan").size() == 1 ? "" : "its own storage reads nothing";
  };
}

} // namespace mfa::test
