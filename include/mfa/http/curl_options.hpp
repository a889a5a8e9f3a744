#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include <mfa/compiler.hpp>

namespace mfa::http {

/// How a transport reaches its server. Certificates and names are always checked, TLS is 1.2 or later,
/// redirects are not followed, and proxies in the environment are not used.
struct CurlOptions {
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(5); ///< name, connection and TLS together
  std::chrono::milliseconds timeout = std::chrono::seconds(15);        ///< everything, to the last byte
  std::size_t largest_answer = 65'536; ///< bytes of a body, and of headers; what follows is not read
  /// Of a transport that blocks: how many connections it keeps for the next messages. Of one that is awaited:
  /// how many messages it sends at once; the others wait, for as long as `connect_timeout`.
  std::size_t max_connections = 16;
  /// A connection that was idle for longer is not used again, as the server may be about to close it.
  std::chrono::seconds longest_idle = std::chrono::seconds(30);
  std::string ca_file = {}; ///< PEM: the authorities to trust instead of the system's
  std::string proxy = {};   ///< "http://proxy.internal:3128", say; empty: none
};

} // namespace mfa::http
