#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mfa/crypto/bytes.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/send_limits.hpp>
#include <mfa/options.hpp>
#include <mfa/storage/record.hpp>

// Covers: factor/send_limits.hpp encoding/fields.hpp

// The record that counts messages: whatever it holds, the next message may be sent or waits no longer than
// the widest window after the last time in it, and the record that is written can be read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace std::chrono;
  static const mfa::Options options;
  static const mfa::KeyRing keys = mfa::KeyRing::unsealed();
  const mfa::factor::SendLimits limits{seconds(30), 5, 10};
  mfa::storage::CounterRecord counter;
  counter.id = "sms_sends_";
  counter.data = mfa::crypto::text_of({data, size});
  const mfa::factor::Context context{mfa::Time(sys_days(year(2026) / 11 / 25)), options, keys};
  try {
    const auto wait = mfa::factor::count_send(counter, limits, context).wait;
    if (wait && *wait <= seconds(0)) std::abort();
    if (!wait && !mfa::factor::count_send(counter, limits, context).wait) std::abort(); // 30 s between two
  } catch (const mfa::Error&) { // for what is no count of ours
  }
  return 0;
}
