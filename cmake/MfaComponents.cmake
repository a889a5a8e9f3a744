# What the library is made of: read by CMakeLists.txt, which makes a target of each part, and by single_header.cmake.
# A component: the headers whose path matches, and the packages and libraries that they need beyond the core's.
# MODULE: found by our own module, whatever a toolchain prefers. WITHOUT_PKG_CONFIG: libraries, as -l names them, that
# pkg-config does not know.
mfa_component(
  sqlite HEADERS_LIKE "/sqlite"
  PACKAGES "SQLite3 3.37"
  LIBRARIES "$<IF:$<TARGET_EXISTS:SQLite3::SQLite3>,SQLite3::SQLite3,SQLite::SQLite3>" # renamed by CMake 4.3
  PKG_CONFIG "sqlite3 >= 3.37")
mfa_component(
  postgres HEADERS_LIKE "/postgres"
  PACKAGES "PostgreSQL 14"
  LIBRARIES PostgreSQL::PostgreSQL
  PKG_CONFIG "libpq >= 14")
mfa_component(
  redis HEADERS_LIKE "/redis"
  PACKAGES "Hiredis 0.14 MODULE"
  LIBRARIES Hiredis::Hiredis
  PKG_CONFIG "hiredis >= 0.14")
mfa_component(
  webauthn HEADERS_LIKE "/mfa/webauthn/"
  PACKAGES "Libcbor 0.8 MODULE" "nlohmann_json 3.11"
  LIBRARIES Libcbor::Libcbor nlohmann_json::nlohmann_json
  PKG_CONFIG "libcbor >= 0.8" "nlohmann_json >= 3.11")
mfa_component(
  pskc HEADERS_LIKE "/mfa/pskc/"
  PACKAGES "LibXml2 2.9"
  LIBRARIES LibXml2::LibXml2
  PKG_CONFIG "libxml-2.0 >= 2.9")
mfa_component(
  phonenumber HEADERS_LIKE "/mfa/phonenumber/"
  PACKAGES "PhoneNumber MODULE"
  LIBRARIES PhoneNumber::PhoneNumber
  PKG_CONFIG "protobuf >= 3.21"
  WITHOUT_PKG_CONFIG phonenumber)
mfa_component(
  curl HEADERS_LIKE "/mfa/http/|/mfa/sms/(messagebird|sinch|sns|twilio|vonage|webhook)|/mfa/email/smtp|/mfa/push/webhook|/mfa/voice/(twilio|webhook)|/mfa/async/curl"
  PACKAGES "CURL 7.80" "nlohmann_json 3.11"
  LIBRARIES CURL::libcurl nlohmann_json::nlohmann_json
  PKG_CONFIG "libcurl >= 7.80" "nlohmann_json >= 3.11")
mfa_component(
  workos HEADERS_LIKE "/mfa/workos/"
  PACKAGES "nlohmann_json 3.11"
  LIBRARIES nlohmann_json::nlohmann_json
  PKG_CONFIG "nlohmann_json >= 3.11")

# Adapters to libraries that a host includes anyway. They come with the core, which does not need those libraries.
mfa_adapters(HEADERS_LIKE "/async/(boost_)?asio")

# The core: all other headers.
mfa_core(
  PACKAGES "OpenSSL 3.0 COMPONENTS Crypto" "PNG 1.6" "QRencode 4 MODULE" Threads
  LIBRARIES OpenSSL::Crypto PNG::PNG QRencode::QRencode Threads::Threads
  PKG_CONFIG "libcrypto >= 3.0" "libpng >= 1.6" "libqrencode >= 4.0")
