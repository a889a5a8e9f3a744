#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/guarded_file.hpp>
#include <mfa/crypto/key_bytes.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/error.hpp>

namespace mfa {

namespace detail {

[[noreturn]] inline void fail_key_file(const std::string& path, const std::string& why) {
  fail_guarded_file("key file", path, why);
}

/// The key ring that the text of a key file names; `path` is for the errors. Throws `errc::key_unavailable`.
[[nodiscard]] inline KeyRing parse_key_file(std::string_view rest, const std::string& path) {
  KeyRing keys;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const auto end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    const auto space = line.find(' ');
    const auto key = decode_key(space == std::string_view::npos ? "" : line.substr(space + 1), 4);
    if (!key)
      fail_key_file(path,
                    "line " + std::to_string(number) + " is not a key id, a space and 64 hexadecimal digits");
    if (!KeyRing::may_be_random(*key))
      fail_key_file(path, "line " + std::to_string(number) +
                              " has a key that was not drawn at random; draw one with "
                              "`openssl rand -hex 32`");
    try {
      if (keys.empty())
        keys = KeyRing(line.substr(0, space), *key);
      else
        keys.add_further(line.substr(0, space), *key);
    } catch (const Error&) {
      fail_key_file(path, "line " + std::to_string(number) +
                              " has an id that is no key id, or that an earlier line has; give each "
                              "key its own, of 1 to 64 letters, digits, '.', '_' and '-'");
    }
  }
  if (keys.empty())
    fail_key_file(path, "it holds no key; write one with `echo \"2026-01 $(openssl rand -hex 32)\"`");
  return keys;
}

} // namespace detail

/// The key ring of a text file. Each line is a key: its id, a space, and 64 hexadecimal digits, as
/// `echo "2026-01 $(openssl rand -hex 32)"` prints. The first line is the current key, the others are further
/// ones; empty lines and those that start with `#` are skipped. To take up a
/// change, read it again and give the ring to `Verifier::replace_key_ring`.
///
/// Throws `errc::key_unavailable` if it cannot be read or is no regular file; on POSIX systems if neither the
/// effective user nor root owns it, if its group or others may write it, or if every user may read it (of an
/// access control list, the mask counts as the group); and for a line that is no key, by its number. A
/// symbolic link is followed. No message holds what a line holds.
[[nodiscard]] inline KeyRing read_key_file(const std::string& path,
                                           const KeyFileOptions& options = KeyFileOptions()) {
  const crypto::SecretBytes bytes = detail::read_guarded_file("key file", path, options);
  return detail::parse_key_file(crypto::text_of(bytes), path);
}

} // namespace mfa
