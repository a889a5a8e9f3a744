#pragma once

#include <utility>

#include <mfa/crypto/key_ring.hpp>
#include <mfa/options.hpp>
#include <mfa/verbs/sealed_records.hpp>

namespace mfa::test {

/// What stands in a record, without its seal.
template <class Record> Record opened(Record record, const KeyRing& keys) {
  verbs::open(record, keys, UnsealedRecords::refuse);
  return record;
}

/// The record as it would be if the library had written it so: `edit` changes what stands in it.
template <class Record, class Edit> Record edited(Record record, const KeyRing& keys, Edit edit) {
  record = opened(std::move(record), keys);
  edit(record);
  verbs::seal(record, keys);
  return record;
}

} // namespace mfa::test
