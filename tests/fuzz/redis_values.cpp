#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/redis/durability.hpp>
#include <mfa/storage/redis/records.hpp>
#include <mfa/storage/redis/refusal.hpp>

// Covers: storage/redis/records.hpp storage/redis/refusal.hpp storage/record_fields.hpp encoding/fields.hpp

namespace {

/// What is read is what its own bytes say again.
template <class Record>
void read(Record (*record_of)(std::string_view id, std::string_view bytes), std::string_view bytes) {
  Record record;
  try {
    record = record_of("r", bytes);
  } catch (const mfa::Error&) {
    return;
  }
  if (record.version == 0) return; // which none is written with
  --record.version;
  const Record again = record_of("r", mfa::detail::redis::bytes_of(record));
  ++record.version;
  if (again != record) std::abort();
}

} // namespace

// The value of a key, or what a server refuses with.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mfa::detail::redis;
  const auto bytes = mfa::crypto::text_of({data, size});
  read(factor_of, bytes);
  read(challenge_of, bytes);
  read(counter_of, bytes);
  (void)remedy_for(bytes);
  (void)quotable(bytes);
  (void)is_of_a_replica(bytes);
  (void)redirection(bytes, {"localhost", 6379, {}});
  (void)value_in(bytes, "role");
  return 0;
}
