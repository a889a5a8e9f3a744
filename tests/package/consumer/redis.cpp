// Uses the component redis: a server that is not there is an error that says so.
#include <cstdio>

#include <mfa/error.hpp>
#include <mfa/storage/redis.hpp>

int main() {
  try {
    mfa::storage::Redis({.port = 1});
  } catch (const mfa::Error& error) {
    std::puts(error.what());
    return error.code() == mfa::errc::storage_failure ? 0 : 1;
  }
  return 1;
}
