#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mfa/crypto/bytes.hpp>
#include <mfa/decision/user_record.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/verbs/compare_options.hpp>

// Covers: decision/user_record.hpp verbs/compare_options.hpp encoding/fields.hpp

namespace {

/// `decode` refuses the bytes, or `encode` writes what it reads of them so that it is read again.
template <class Decode, class Encode>
void round_trip(mfa::storage::CounterRecord record, Decode decode, Encode encode) {
  try {
    const auto read = decode(record);
    encode(read, record);
    const auto data = record.data;
    encode(decode(record), record);
    if (record.data != data) std::abort();
  } catch (const mfa::Error&) { // for what is no record of ours
  }
}

} // namespace

// The record of what bounds a user, and that of the options of a storage.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mfa::storage::CounterRecord record;
  record.id = "user_u_42";
  record.data = mfa::crypto::text_of({data, size});
  round_trip(record, mfa::decision::decode_user,
             [](const auto& read, auto& to) { mfa::decision::encode_user(read, to, {}); });
  record.id = "options";
  round_trip(record, mfa::verbs::decode_options,
             [](const auto& read, auto& to) { to = mfa::verbs::encode(read, to); });
  return 0;
}
