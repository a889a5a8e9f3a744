#pragma once

#include <string>
#include <string_view>

#include <mfa/error.hpp>
#include <mfa/storage/postgres.hpp>

#include "catch.hpp"
#include "errors.hpp"
#include "postgres_server.hpp"

namespace mfa::test {

/// The server of this program, started when it is first asked for.
inline PostgresServer& server() {
  static PostgresServer instance;
  return instance;
}

/// Options with a schema that no test has used yet.
inline storage::PostgresOptions new_schema() {
  static int number = 0;
  return {.schema_name = "schema_" + std::to_string(++number)};
}

/// That `action` fails in the way `code`, with a message that names the database and says what to do.
template <class Action> void check_error(Action action, errc code, std::string_view remedy) {
  const Error error = error_of(action);
  INFO(error.what());
  CHECK(error.code() == code);
  CHECK_THAT(error.what(),
             contains("the PostgreSQL database 'postgres' at 127.0.0.1:" + std::to_string(server().port())));
  CHECK_THAT(error.what(), contains(std::string(remedy)));
}

} // namespace mfa::test
