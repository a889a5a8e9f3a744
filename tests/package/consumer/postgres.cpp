// Uses the component postgres: a server that is not there is an error that says so.
#include <cstdio>

#include <mfa/error.hpp>
#include <mfa/storage/postgres.hpp>

int main() {
  try {
    mfa::storage::Postgres("postgresql://app@127.0.0.1:1/app");
  } catch (const mfa::Error& error) {
    std::puts(error.what());
    return error.code() == mfa::errc::storage_failure ? 0 : 1;
  }
  return 1;
}
