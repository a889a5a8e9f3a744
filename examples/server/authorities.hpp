#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

namespace server {

/// Throws unless the file holds certificates of authorities, as PEM. `what` names the setting.
inline void check_authorities(const std::string& what, const std::string& path) {
  const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(), &X509_STORE_free);
  if (store && X509_STORE_load_file(store.get(), path.c_str()) == 1) return;
  ERR_clear_error();
  throw std::invalid_argument(what + ": cannot read certificates of '" + path +
                              "'; name a file of PEM that this process may read");
}

} // namespace server
