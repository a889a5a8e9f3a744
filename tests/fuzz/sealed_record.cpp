#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/error.hpp>
#include <mfa/options.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/verbs/sealed_records.hpp>

// Covers: verbs/sealed_records.hpp

namespace {

using mfa::KeyRing;
using mfa::UnsealedRecords;

const KeyRing& keys() {
  static const KeyRing ring = [] {
    std::array<unsigned char, KeyRing::key_size> key{};
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<unsigned char>(1 + i * i);
    KeyRing made("fuzz", key);
    made.set_epochs({.current = 3, .oldest = 2});
    return made;
  }();
  return ring;
}

template <class Record> bool opens(Record record, UnsealedRecords unsealed) {
  try {
    mfa::verbs::open(record, keys(), unsealed);
    return true;
  } catch (const mfa::Error&) {
    return false;
  }
}

/// The bytes are those that a storage gives back, which nobody without the key makes such that they open.
/// Then they are a record's content: it opens as it was sealed, and with none of its bytes changed.
template <class Record> void check(Record record, std::string_view bytes) {
  std::string& opaque = mfa::verbs::opaque_bytes(record);
  opaque = bytes;
  if (opens(record, UnsealedRecords::refuse)) std::abort();
  if (mfa::verbs::is_sealed(bytes) && opens(record, UnsealedRecords::accept)) std::abort();
  mfa::verbs::seal(record, keys());
  const std::string sealed = opaque;
  mfa::verbs::open(record, keys(), UnsealedRecords::refuse);
  if (opaque != bytes) std::abort();
  opaque = sealed;
  char& changed = opaque[bytes.size() % sealed.size()];
  changed = static_cast<char>(changed ^ 1);
  if (opens(record, UnsealedRecords::refuse)) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = mfa::crypto::text_of({data, size});
  mfa::storage::FactorRecord factor;
  factor.id = "auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ";
  factor.type = mfa::FactorType::totp;
  check(factor, bytes);
  mfa::storage::ChallengeRecord challenge;
  challenge.id = "auth_challenge_01FVYZ5QM8N98T9ME5BCB2BBMJ";
  check(challenge, bytes);
  mfa::storage::CounterRecord counter;
  counter.id = "user_u_42";
  check(counter, bytes);
  counter.data = bytes;
  try {
    mfa::verbs::open_or_empty(counter, keys(), UnsealedRecords::refuse);
    if (!counter.data.empty()) std::abort();
  } catch (const mfa::Error&) { // for what carries a broken seal
  }

  // What a challenge is for, as it stands in front of its answer.
  challenge.answer = bytes;
  try {
    const auto terms = mfa::decision::take_terms(challenge);
    mfa::decision::put_terms(challenge, terms);
    const std::string written = challenge.answer;
    mfa::decision::put_terms(challenge, mfa::decision::take_terms(challenge));
    if (challenge.answer != written) std::abort();
  } catch (const mfa::Error&) { // for what are no terms of ours
  }
  return 0;
}
