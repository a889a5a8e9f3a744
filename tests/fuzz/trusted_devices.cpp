#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mfa/crypto/bytes.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/verbs/device_records.hpp>

// Covers: verbs/device_records.hpp encoding/fields.hpp

// The record of a user's trusted devices: what is read of it is written as it was read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mfa::storage::CounterRecord record;
  record.id = "trusted_devices_u_42";
  record.data = mfa::crypto::text_of({data, size});
  try {
    const auto devices = mfa::verbs::decode_devices(record);
    mfa::verbs::encode_devices(devices, record, {});
    const auto again = mfa::verbs::decode_devices(record);
    if (again.size() != devices.size()) std::abort();
    for (std::size_t i = 0; i < devices.size(); ++i)
      if (again[i].device != devices[i].device || again[i].mac != devices[i].mac) std::abort();
  } catch (const mfa::Error&) { // for what is no list of ours
  }
  return 0;
}
