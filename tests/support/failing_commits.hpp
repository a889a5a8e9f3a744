#pragma once

#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::test {

/// A storage whose commits can be told to fail.
template <class StoragePolicy> struct FailingCommits : StoragePolicy {
  using StoragePolicy::StoragePolicy;
  bool throws = false;
  bool conflicts = false; ///< as if a version had moved each time

  bool commit(const storage::Batch& batch) {
    if (throws) throw Error(errc::storage_failure, "told to fail");
    return !conflicts && StoragePolicy::commit(batch);
  }
};

} // namespace mfa::test
