#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#else
#include <fstream>
#endif

#include <openssl/crypto.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/key_bytes.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/error.hpp>

namespace mfa {

struct KeyFileOptions {
  /// Unsafe: takes a file that any user of the machine may read.
  bool accept_readable_by_all = false;
  /// Unsafe: takes a file that neither the effective user of this process nor root owns. Its owner can change
  /// the keys.
  bool accept_another_owner = false;
};

namespace detail {

inline constexpr std::size_t largest_key_file = 65'536; ///< bytes

[[noreturn]] inline void fail_key_file(const std::string& path, const std::string& why) {
  throw Error(errc::key_unavailable, "cannot use the key file '" + path + "': " + why);
}

#if defined(__unix__) || defined(__APPLE__)
inline crypto::SecretBytes read_key_file(const std::string& path, const KeyFileOptions& options) {
  struct Descriptor {
    int number;
    ~Descriptor() {
      if (number >= 0) ::close(number);
    }
  };
  const auto fail = [&path] { fail_key_file(path, std::generic_category().message(errno)); };
  // Without waiting for the writer of a FIFO, or taking a terminal over.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (file.number < 0) fail();
  struct stat status {};
  if (::fstat(file.number, &status) != 0) fail();
  if (!S_ISREG(status.st_mode)) fail_key_file(path, "it is no regular file; give the file of keys");
  if (status.st_uid != ::geteuid() && status.st_uid != 0 && !options.accept_another_owner)
    fail_key_file(path, "another user owns it, who can change it: chown it to the user of this process or to "
                        "root, or set KeyFileOptions::accept_another_owner");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    fail_key_file(path, "others than its owner may write it; chmod go-w");
  if ((status.st_mode & S_IROTH) != 0 && !options.accept_readable_by_all)
    fail_key_file(path, "every user of this machine may read it; chmod o-r, or set "
                        "KeyFileOptions::accept_readable_by_all");
  crypto::SecretBytes bytes(largest_key_file + 1);
  std::size_t size = 0;
  while (size < bytes.size()) {
    const auto count = ::read(file.number, bytes.data() + size, bytes.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail();
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  bytes.resize(size);
  return bytes;
}
#else
inline crypto::SecretBytes read_key_file(const std::string& path, const KeyFileOptions&) {
  std::ifstream file(path, std::ios::binary);
  crypto::SecretBytes bytes(largest_key_file + 1);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (file.bad() || !file.eof()) fail_key_file(path, "it cannot be read, or has more than 64 KiB");
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}
#endif

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
  if (path.empty() || path.find('\0') != std::string::npos)
    throw Error(errc::key_unavailable,
                "the path of a key file is empty or holds a NUL; give that of the file");
  const crypto::SecretBytes bytes = detail::read_key_file(path, options);
  if (bytes.size() > detail::largest_key_file)
    detail::fail_key_file(path, "it has more than 64 KiB; give the file of keys");
  return detail::parse_key_file(crypto::text_of(bytes), path);
}

} // namespace mfa
