#pragma once

#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#else
#include <fstream>
#include <ios>
#endif

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

inline constexpr std::size_t largest_guarded_file = 65'536; ///< bytes

/// `what` names the kind of file.
[[noreturn]] inline void fail_guarded_file(const std::string& what, const std::string& path,
                                           const std::string& why) {
  throw Error(errc::key_unavailable, "cannot use the " + what + " '" + path + "': " + why);
}

#if defined(__unix__) || defined(__APPLE__)
struct Descriptor {
  int number;
  explicit Descriptor(int opened) noexcept : number(opened) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

inline crypto::SecretBytes read_bytes_of_guarded_file(const std::string& what, const std::string& path,
                                                      const KeyFileOptions& options) {
  const auto refuse = [&](const std::string& why) { fail_guarded_file(what, path, why); };
  const auto fail = [&] { refuse(std::generic_category().message(errno)); };
  // Without waiting for the writer of a FIFO, or taking a terminal over.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (file.number < 0) fail();
  struct stat status {};
  if (::fstat(file.number, &status) != 0) fail();
  if (!S_ISREG(status.st_mode)) refuse("it is no regular file");
  if (status.st_uid != ::geteuid() && status.st_uid != 0 && !options.accept_another_owner)
    refuse("another user owns it, who can change it: chown it to the user of this process or to "
           "root, or set KeyFileOptions::accept_another_owner");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) refuse("others than its owner may write it; chmod go-w");
  if ((status.st_mode & S_IROTH) != 0 && !options.accept_readable_by_all)
    refuse("every user of this machine may read it; chmod o-r, or set "
           "KeyFileOptions::accept_readable_by_all");
  crypto::SecretBytes bytes(largest_guarded_file + 1);
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
inline crypto::SecretBytes read_bytes_of_guarded_file(const std::string& what, const std::string& path,
                                                      const KeyFileOptions&) {
  std::ifstream file(path, std::ios::binary);
  crypto::SecretBytes bytes(largest_guarded_file + 1);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (file.bad() || !file.eof()) fail_guarded_file(what, path, "it cannot be read, or has more than 64 KiB");
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}
#endif

/// A file that says what to trust, so that others must not write it. `what` names its kind in errors. Throws
/// `errc::key_unavailable`, see `read_key_file`.
[[nodiscard]] inline crypto::SecretBytes read_guarded_file(const std::string& what, const std::string& path,
                                                           const KeyFileOptions& options) {
  if (path.empty() || path.find('\0') != std::string::npos)
    throw Error(errc::key_unavailable,
                "the path of the " + what + " is empty or holds a NUL; give that of the file");
  crypto::SecretBytes bytes = read_bytes_of_guarded_file(what, path, options);
  if (bytes.size() > largest_guarded_file) fail_guarded_file(what, path, "it has more than 64 KiB");
  return bytes;
}

} // namespace detail

} // namespace mfa
