#pragma once

#include <fstream>
#include <string>

#include <mfa/encoding/base64.hpp>

#include "catch.hpp"
#include "program.hpp"
#include "temporary_directory.hpp"

namespace mfa::test {

/// The bytes of a `MigrationPayload` in protoc's text format, as protoc writes them.
inline std::string encode_export(const std::string& payload) {
  const TemporaryDirectory directory;
  const std::string text = directory.path() + "/payload.txt";
  std::ofstream(text) << payload;
  const std::string support = MFA_SOURCE_DIRECTORY "/tests/support";
  const std::string bytes = output_of("protoc --proto_path=" + support + " --encode=MigrationPayload " +
                                      support + "/migration.proto < " + text);
  REQUIRE_FALSE(bytes.empty());
  return bytes;
}

/// The URI in the app's QR code: base64, of which what URIs reserve is percent-encoded.
inline std::string export_uri(const std::string& bytes) {
  std::string uri = "otpauth-migration://offline?data=";
  for (const char c : detail::base64(bytes)) {
    if (c == '+')
      uri += "%2B";
    else if (c == '/')
      uri += "%2F";
    else if (c == '=')
      uri += "%3D";
    else
      uri += c;
  }
  return uri;
}

} // namespace mfa::test
