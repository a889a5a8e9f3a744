#pragma once

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#if defined(__unix__) || defined(__APPLE__)
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/guarded_file.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/owned.hpp>
#include <mfa/error.hpp>

namespace mfa {

namespace detail {

[[noreturn]] inline void fail_epoch_file(const std::string& path, const std::string& why) {
  fail_guarded_file("epoch file", path, why);
}

/// Nothing for what is no such file's text.
[[nodiscard]] inline std::optional<Epochs> parse_epochs(std::string_view text) noexcept {
  if (text.ends_with('\n')) text.remove_suffix(1);
  const auto number = [&text]() -> std::optional<std::uint32_t> {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const auto size = static_cast<std::size_t>(end - text.data());
    if (error != std::errc() || (size > 1 && text.front() == '0')) return std::nullopt;
    text.remove_prefix(size);
    return value;
  };
  const auto current = number();
  if (!current || !text.starts_with(' ')) return std::nullopt;
  text.remove_prefix(1);
  const auto oldest = number();
  if (!oldest || !text.empty() || *oldest > *current) return std::nullopt;
  return Epochs{.current = *current, .oldest = *oldest};
}

} // namespace detail

/// The epochs of a text file of one line: the current one, a space, the oldest that is still taken. For
/// `KeyRing::set_epochs`. They are no secret: every user may read the file, but as of a key file only its
/// owner may write it, who must be root or the effective user. Throws `errc::key_unavailable`, also if there
/// is none: to begin with zero again would take all that was retired.
[[nodiscard]] inline Epochs read_epochs(const std::string& path, KeyFileOptions options = KeyFileOptions()) {
  options.accept_readable_by_all = true;
  const auto epochs =
      detail::parse_epochs(crypto::text_of(detail::read_guarded_file("epoch file", path, options)));
  if (!epochs)
    detail::fail_epoch_file(path,
                            "it is not one line of the current epoch, a space and the oldest one, which "
                            "is not after it; restore it, and write `echo \"0 0\"` only before the first");
  return *epochs;
}

#if defined(__unix__) || defined(__APPLE__)
namespace detail {

/// Puts a new file in the place of the one that `path` names, with its owner and mode: whoever reads it
/// finds all of the old one or all of the new one, also after a power failure.
inline Epochs change_epochs(const std::string& path, const KeyFileOptions& options,
                            void (*change)(Epochs& epochs, const std::string& path)) {
  const auto fail = [&path] { fail_epoch_file(path, std::generic_category().message(errno)); };
  (void)read_epochs(path, options);
  const crypto::detail::Owned<char, std::free> resolved(
      ::realpath(path.c_str(), nullptr)); // a link stays one
  if (!resolved) fail();
  const std::string file = resolved.get();
  const std::string next = file + ".next";

  // Who made this one may change the file, until it is renamed.
  const Descriptor made(::open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (made.number < 0 && errno == EEXIST)
    fail_epoch_file(path, "'" + next +
                              "' exists: another process changes the epochs now, or one was stopped in the "
                              "middle; remove that file if none does");
  if (made.number < 0) fail();
  struct Remove {
    const std::string* name;
    ~Remove() {
      if (name != nullptr) ::unlink(name->c_str());
    }
  } unfinished{&next};

  Epochs changed = read_epochs(file, options);
  change(changed, path);
  const std::string text = std::to_string(changed.current) + ' ' + std::to_string(changed.oldest) + '\n';
  struct stat before {};
  struct stat after {};
  if (::stat(file.c_str(), &before) != 0 || ::fstat(made.number, &after) != 0) fail();
  if ((before.st_uid != after.st_uid || before.st_gid != after.st_gid) &&
      ::fchown(made.number, before.st_uid, before.st_gid) != 0)
    fail();
  if (::fchmod(made.number, before.st_mode & 07777) != 0) fail();
  if (::write(made.number, text.data(), text.size()) != static_cast<ssize_t>(text.size())) fail();
  if (::fsync(made.number) != 0) fail();
  if (std::rename(next.c_str(), file.c_str()) != 0) fail();
  unfinished.name = nullptr;
  const Descriptor directory(
      ::open(file.substr(0, file.rfind('/') + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.number < 0 || ::fsync(directory.number) != 0) fail();
  return changed;
}

} // namespace detail

/// Begins a new epoch in the file, and returns what it holds then. Takes effect where `read_epochs` is
/// called again: docs/keys.md, "Epochs", has the order. Only where files are POSIX's; elsewhere replace the
/// file as a whole. Throws `errc::key_unavailable`, and has then changed nothing, but for a directory that
/// could not be synchronised.
inline Epochs advance_epoch(const std::string& path, const KeyFileOptions& options = KeyFileOptions()) {
  return detail::change_epochs(path, options, [](Epochs& epochs, const std::string& file) {
    if (epochs.current == std::numeric_limits<std::uint32_t>::max())
      detail::fail_epoch_file(file, "there is no epoch after the current one");
    ++epochs.current;
  });
}

/// Retires all epochs before the current one in the file: what was not written since is refused from then on.
/// Otherwise as `advance_epoch`.
inline Epochs retire_epochs(const std::string& path, const KeyFileOptions& options = KeyFileOptions()) {
  return detail::change_epochs(path, options,
                               [](Epochs& epochs, const std::string&) { epochs.oldest = epochs.current; });
}
#endif

} // namespace mfa
