// Every bit of every field of every record flipped once, in Memory and in a host's own storage: each verb
// that reads the record answers or throws an `mfa::Error`, and nobody is let in as somebody else. One bit of
// each byte of the longer fields; every bit with MFA_EVERY_BIT=1.
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/flipped_bits.hpp"

using namespace mfa::test::flips;

TEST_CASE("a flipped bit in Memory is an answer or an error") { World<Store<mfa::storage::Memory>>().run(); }

TEST_CASE("a flipped bit in a host's own storage is an answer or an error") {
  World<Store<OwnStorage>>().run();
}
