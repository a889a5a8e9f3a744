#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/guarded_file.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/error.hpp>
#include <mfa/workos/api_keys.hpp>

#include "settings.hpp"

namespace server {

/// The keys of those who may call: one a line; empty lines and those that begin with # are skipped. Who may
/// read and write the file is checked as of a key file. Throws what is wrong, by the number of the line.
[[nodiscard]] inline std::vector<mfa::crypto::SecretString> read_api_key_file(const std::string& path) {
  const auto bytes = mfa::detail::read_guarded_file("file of API keys", path, {});
  std::vector<mfa::crypto::SecretString> keys;
  Settings::for_each_line(mfa::crypto::text_of(bytes), [&](std::size_t number, std::string_view line) {
    try {
      const mfa::workos::ApiKeys checked({mfa::crypto::SecretString(line)});
    } catch (const mfa::Error& error) {
      throw mfa::Error(mfa::errc::key_unavailable, "cannot use the file of API keys '" + path + "': line " +
                                                       std::to_string(number) + ": " + error.what());
    }
    keys.emplace_back(line);
  });
  if (keys.empty())
    throw mfa::Error(mfa::errc::key_unavailable,
                     "cannot use the file of API keys '" + path +
                         "': it holds none; write one with `openssl rand -hex 32`");
  return keys;
}

} // namespace server
