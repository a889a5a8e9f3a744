#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/record_fields.hpp>

// Covers: encoding/fields.hpp storage/record_fields.hpp

namespace {

/// What is read is what its own fields say again.
template <class Record> void read(std::string_view bytes) {
  using namespace mfa::detail;
  Record record;
  try {
    read_fields({bytes, record_format, "record", "r"}, record);
  } catch (const mfa::Error&) {
    return;
  }
  Record again;
  const auto written = fields_of(record);
  read_fields({written, record_format, "record", "r"}, again);
  if (again != record) std::abort();
}

} // namespace

// The first byte says of which record.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = mfa::crypto::text_of({data + 1, size - 1});
  if (data[0] % 2 == 0)
    read<mfa::storage::FactorRecord>(bytes);
  else
    read<mfa::storage::ChallengeRecord>(bytes);
  return 0;
}
