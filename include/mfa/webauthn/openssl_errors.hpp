#pragma once

#include <openssl/err.h>

#include <mfa/compiler.hpp>

namespace mfa::webauthn::detail {

/// Leaves OpenSSL's queue of errors in this thread as it was: a bad signature is no error of the host's.
class OpensslErrors {
 public:
  OpensslErrors() { ERR_set_mark(); }
  OpensslErrors(const OpensslErrors&) = delete;
  OpensslErrors& operator=(const OpensslErrors&) = delete;
  ~OpensslErrors() { ERR_pop_to_mark(); }
};

} // namespace mfa::webauthn::detail
