// A key ring comes from a file that only the service reads, or from a key management service, and what cannot
// be used is refused with a message that says why and holds nothing of a key.
#include <chrono>
#include <cstddef>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/xattr.h>
#endif

#include <mfa/mfa.hpp>
#include <mfa/testing/conformance/processes.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/temporary_directory.hpp"

using mfa::errc;
using mfa::KeyRing;
using mfa::WrappedKey;
using mfa::crypto::bytes_of;
using mfa::crypto::SecretBytes;
using mfa::crypto::text_of;
using mfa::test::contains;
using mfa::test::TemporaryDirectory;
using mfa::test::thrown_by;
using mfa::testing::conformance::Process;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view key_a = "0123456789abcdef0123456789ABCDEF";
constexpr std::string_view key_b = "ABCDEF01234567890abcdef012345678";
const std::string hex_a = "3031323334353637383961626364656630313233343536373839414243444546";
const std::string hex_b = "4142434445463031323334353637383930616263646566303132333435363738";

struct KeyFile {
  explicit KeyFile(const std::string& contents, mode_t mode = 0600) {
    std::ofstream(path) << contents;
    REQUIRE(chmod(path.c_str(), mode) == 0);
  }
  TemporaryDirectory directory;
  std::string path = directory.path() + "/mfa.keys";
};

/// What is refused, which must name the file.
std::string refusal(const KeyFile& file) {
  try {
    (void)mfa::read_key_file(file.path);
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::key_unavailable);
    CHECK_THAT(error.what(), contains("'" + file.path + "'"));
    return error.what();
  }
  return "taken";
}

} // namespace

TEST_CASE("The first key of a file seals and the others open") {
  const KeyFile file("# keys of the service\n\n2027-01 " + hex_b + "\r\n2026-01 " + hex_a);
  const KeyRing keys = mfa::read_key_file(file.path);
  const KeyRing b{"2027-01", bytes_of(key_b)};
  const KeyRing a{"2026-01", bytes_of(key_a)};
  CHECK(text_of(b.open(keys.seal(bytes_of("secret"), "record"), "record", "it")) == "secret");
  CHECK(text_of(keys.open(a.seal(bytes_of("secret"), "record"), "record", "it")) == "secret");
}

TEST_CASE("A file that others may change or read is refused, unless reading is allowed by name") {
  const std::string contents = "a " + hex_a + "\n";
  for (const mode_t mode : {0600U, 0400U, 0640U, 0440U}) CHECK(refusal(KeyFile(contents, mode)) == "taken");
  for (const mode_t mode : {0604U, 0644U, 0444U})
    CHECK_THAT(refusal(KeyFile(contents, mode)),
               contains("every user of this machine may read it; chmod o-r"));
  for (const mode_t mode : {0660U, 0602U, 0666U})
    CHECK_THAT(refusal(KeyFile(contents, mode)), contains("others than its owner may write it; chmod go-w"));
  CHECK_FALSE(mfa::read_key_file(KeyFile(contents, 0644).path, {.accept_readable_by_all = true}).empty());
  CHECK(thrown_by([&] {
          return mfa::read_key_file(KeyFile(contents, 0646).path, {.accept_readable_by_all = true});
        }) == errc::key_unavailable);
}

TEST_CASE("A line that is no key is named by its number and never shown") {
  struct Case {
    std::string contents;
    std::string why;
  };
  const std::vector<Case> cases{
      {"", "it holds no key"},
      {"# nothing\n\n", "it holds no key"},
      {"a " + hex_a + "\nb " + hex_a.substr(1), "line 2 is not"},
      {"a " + hex_a + "0", "line 1 is not"},
      {"a  " + hex_a, "line 1 is not"},
      {"a\t" + hex_a, "line 1 is not"},
      {hex_a, "line 1 is not"},
      {"a " + hex_a + " ", "line 1 is not"},
      {"a " + hex_a.substr(1) + "g", "line 1 is not"},
      {" " + hex_a, "line 1 has an id that is no key id"},
      {"\xc3\xa4 " + hex_a, "line 1 has an id that is no key id"},
      {"a " + hex_a + "\n#\na " + hex_b, "line 3 has an id that is no key id, or that an earlier line has"},
      {"a " + hex_a + "\nb " + std::string(64, '0'), "line 2 has a key that was not drawn at random"},
      {"a " + std::string(64, 'f'), "line 1 has a key that was not drawn at random"},
      {"a " + hex_a.substr(0, 32) + hex_a.substr(0, 32), "line 1 has a key that was not drawn at random"},
      {std::string(65'537, '#'), "more than 64 KiB"},
  };
  for (const auto& [contents, why] : cases) {
    CAPTURE(why);
    const auto told = refusal(KeyFile(contents));
    CHECK_THAT(told, contains(why));
    CHECK(told.find(hex_a.substr(1, 20)) == std::string::npos);
  }
}

TEST_CASE("What is no regular file is refused at once, also through a symbolic link") {
  const TemporaryDirectory directory;
  const std::string fifo = directory.path() + "/fifo";
  const std::string link_to_fifo = directory.path() + "/link_to_fifo";
  const std::string dangling = directory.path() + "/dangling";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  REQUIRE(symlink(fifo.c_str(), link_to_fifo.c_str()) == 0);
  REQUIRE(symlink((directory.path() + "/missing").c_str(), dangling.c_str()) == 0);
  const KeyFile file("a " + hex_a);
  struct Case {
    std::string path;
    std::string why;
  };
  const std::vector<Case> cases{
      {directory.path() + "/missing", "No such file or directory"},
      {dangling, "No such file or directory"},
      {directory.path(), "it is no regular file"},
      {fifo, "it is no regular file"},
      {link_to_fifo, "it is no regular file"},
      {"/dev/zero", "it is no regular file"},
      {"", "the path of the key file is empty or holds a NUL"},
      {file.path + std::string("\0.old", 5), "the path of the key file is empty or holds a NUL"},
  };
  for (const auto& [path, why] : cases) {
    CAPTURE(path);
    // In another process, since the open of a FIFO waits for its writer.
    Process reader([&path = path](const auto& told) {
      try {
        (void)mfa::read_key_file(path);
      } catch (const mfa::Error& error) {
        if (error.code() == errc::key_unavailable) told.write(error.what());
      }
    });
    CHECK_THAT(reader.result(20s), contains(why));
  }
}

TEST_CASE("A symbolic link to a key file is followed, as Kubernetes mounts secrets") {
  const KeyFile file("a " + hex_a);
  const std::string link = file.directory.path() + "/link";
  REQUIRE(symlink(file.path.c_str(), link.c_str()) == 0);
  CHECK_FALSE(mfa::read_key_file(link).empty());
  REQUIRE(chmod(file.path.c_str(), 0646) == 0); // what counts is the file, not the link
  CHECK(thrown_by([&] { return mfa::read_key_file(link, {.accept_readable_by_all = true}); }) ==
        errc::key_unavailable);
}

#if defined(__linux__)
TEST_CASE("An access control list counts as the group: it may let others read and not write") {
  // The attribute as the kernel has it: version 2, then tag, permissions and id of each entry.
  const auto acl_that_lets_somebody = [](unsigned char permissions) {
    constexpr unsigned char owner = 1, user = 2, group = 4, mask = 16, other = 32, read_write = 6;
    std::string bytes{2, 0, 0, 0};
    const auto add = [&bytes](unsigned char tag, unsigned char allowed, bool has_id = false) {
      const char id = has_id ? '\1' : '\xff';
      bytes += {static_cast<char>(tag),
                0,
                static_cast<char>(allowed),
                0,
                id,
                has_id ? '\0' : id,
                has_id ? '\0' : id,
                has_id ? '\0' : id};
    };
    add(owner, read_write);
    add(user, permissions, true);
    add(group, 0);
    add(mask, permissions);
    add(other, 0);
    return bytes;
  };
  const KeyFile file("a " + hex_a);
  const auto let_somebody = [&](unsigned char permissions) {
    const std::string acl = acl_that_lets_somebody(permissions);
    return setxattr(file.path.c_str(), "system.posix_acl_access", acl.data(), acl.size(), 0) == 0;
  };
  if (!let_somebody(4)) return; // a file system without them
  CHECK(refusal(file) == "taken");
  REQUIRE(let_somebody(6));
  CHECK_THAT(refusal(file), contains("others than its owner may write it; chmod go-w"));
}
#endif

TEST_CASE("Another user's file is refused, unless it is allowed by name; root's and one's own are taken") {
  if (geteuid() != 0) return; // only root can give a file away
  constexpr uid_t nobody = 65534;
  constexpr uid_t somebody = 65533;
  const KeyFile file("a " + hex_a, 0440);
  REQUIRE(chmod(file.directory.path().c_str(), 0755) == 0);
  struct Case {
    uid_t owner;
    uid_t reader;
    bool taken;
  };
  const std::vector<Case> cases{
      {0, 0, true}, {nobody, 0, false}, {0, nobody, true}, {nobody, nobody, true}, {somebody, nobody, false}};
  for (const auto& [owner, reader, taken] : cases) {
    CAPTURE(owner, reader);
    REQUIRE(chown(file.path.c_str(), owner, nobody) == 0);
    REQUIRE(setegid(reader == 0 ? 0 : nobody) == 0);
    REQUIRE(seteuid(reader) == 0);
    const std::string told = refusal(file);
    const bool allowed = !mfa::read_key_file(file.path, {.accept_another_owner = true}).empty();
    REQUIRE(seteuid(0) == 0);
    REQUIRE(setegid(0) == 0);
    CHECK(allowed);
    if (taken)
      CHECK(told == "taken");
    else
      CHECK_THAT(told, contains("another user owns it, who can change it: chown it to the user of this "
                                "process or to root, or set KeyFileOptions::accept_another_owner"));
  }
}

TEST_CASE("Wrapped keys are unwrapped once each, and the first one seals") {
  const std::vector<WrappedKey> wrapped{{"2027-01", "wrapped b"}, {"2026-01", "wrapped a"}};
  std::vector<std::string> asked;
  const KeyRing keys = mfa::unwrap_keys(wrapped, [&](const WrappedKey& key) {
    asked.push_back(key.key_id);
    const auto bytes = bytes_of(key.wrapped == "wrapped a" ? key_a : key_b);
    return SecretBytes(bytes.begin(), bytes.end());
  });
  CHECK(asked == std::vector<std::string>{"2027-01", "2026-01"});
  const KeyRing b{"2027-01", bytes_of(key_b)};
  const KeyRing a{"2026-01", bytes_of(key_a)};
  CHECK(text_of(b.open(keys.seal(bytes_of("secret"), "record"), "record", "it")) == "secret");
  CHECK(text_of(keys.open(a.seal(bytes_of("secret"), "record"), "record", "it")) == "secret");
}

TEST_CASE("A key that is not unwrapped is named, with the service's own error nested") {
  const std::vector<WrappedKey> wrapped{{"2027-01", "x"}};
  try {
    (void)mfa::unwrap_keys(
        wrapped, [](const WrappedKey&) -> SecretBytes { throw std::runtime_error("access denied"); });
    FAIL("it was taken");
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::key_unavailable);
    CHECK_THAT(error.what(), contains("'2027-01'"));
    try {
      std::rethrow_if_nested(error);
      FAIL("nothing is nested");
    } catch (const std::runtime_error& nested) {
      CHECK_THAT(nested.what(), contains("access denied"));
    }
  }
  CHECK(thrown_by([] { return mfa::unwrap_keys({}, {}); }) == errc::key_unavailable);
  for (const std::size_t size : {0U, 31U, 32U}) // of 32, all of them zero
    CHECK(thrown_by([&] {
            return mfa::unwrap_keys(wrapped, [=](const auto&) { return SecretBytes(size); });
          }) == errc::invalid_argument);
  try {
    (void)mfa::unwrap_keys(wrapped, [](const auto&) { return SecretBytes(KeyRing::key_size); });
  } catch (const mfa::Error& error) {
    CHECK_THAT(error.what(), contains("key '2027-01' was not drawn at random"));
  }
}
