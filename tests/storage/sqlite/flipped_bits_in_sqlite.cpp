// Every bit of every column of every row flipped once in a SQLite file: each verb that reads the row answers
// or throws an `mfa::Error`, and nobody is let in as somebody else. One bit of each byte of the longer
// columns; every bit with MFA_EVERY_BIT=1.
#include "support/catch.hpp"
#include "support/flipped_bits.hpp"
#include "support/flipped_rows.hpp"

using namespace mfa::test::flips;

TEST_CASE("a flipped bit in a SQLite file is an answer or an error") { World<SqliteStore>().run(); }
