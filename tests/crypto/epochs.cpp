// The file of epochs is read as what it says or not at all, changes as a whole, and never goes back.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <list>
#include <string>
#include <string_view>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include <mfa/crypto/epoch_file.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/error.hpp>
#include <mfa/testing/conformance/processes.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/host.hpp"
#include "support/temporary_directory.hpp"

using mfa::Epochs;
using mfa::errc;
using mfa::test::contains;
using mfa::test::TemporaryDirectory;
using mfa::test::thrown_by;
using mfa::testing::conformance::Process;
using namespace std::chrono_literals;

namespace {

struct EpochFile {
  explicit EpochFile(std::string_view contents, mode_t mode = 0600) {
    std::ofstream(path) << contents;
    REQUIRE(chmod(path.c_str(), mode) == 0);
  }
  TemporaryDirectory directory;
  std::string path = directory.path() + "/mfa.epochs";

  [[nodiscard]] std::string contents() const {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

template <class Call> std::string refusal(const Call& call) {
  const auto error = mfa::test::error_of([&] { (void)call(); });
  CHECK(error.code() == errc::key_unavailable);
  return error.what();
}

} // namespace

TEST_CASE("Epochs are read from one line of the current one and the oldest") {
  CHECK(mfa::read_epochs(EpochFile("0 0\n").path) == Epochs{});
  CHECK(mfa::read_epochs(EpochFile("12 7\n").path) == Epochs{.current = 12, .oldest = 7});
  CHECK(mfa::read_epochs(EpochFile("12 12").path) == Epochs{.current = 12, .oldest = 12});
  CHECK(mfa::read_epochs(EpochFile("4294967295 0\n").path) == Epochs{.current = 0xFFFFFFFF, .oldest = 0});
}

TEST_CASE("What is no such line is refused, and neither read nor changed as something else") {
  for (const std::string_view contents : {"",
                                          "\n",
                                          "1",
                                          "1\n",
                                          "1 ",
                                          "1 \n",
                                          " 1 0\n",
                                          "1  0\n",
                                          "1\t0\n",
                                          "1 0 \n",
                                          "1 0\n\n",
                                          "1 0\r\n",
                                          "1 0\n#\n",
                                          "01 0\n",
                                          "1 00\n",
                                          "+1 0\n",
                                          "-1 0\n",
                                          "1 -0\n",
                                          "1 2\n",
                                          "1 0 0\n",
                                          "1,0\n",
                                          "one 0\n",
                                          "0x1 0\n",
                                          "1.0 0\n",
                                          "4294967296 0\n",
                                          "99999999999999999999 0\n",
                                          "1 4294967296\n"}) {
    CAPTURE(contents);
    const EpochFile file(contents);
    CHECK_THAT(
        refusal([&] { return mfa::read_epochs(file.path); }),
        contains("cannot use the epoch file '" + file.path + "': it is not one line of the current epoch"));
    CHECK(thrown_by([&] { return mfa::advance_epoch(file.path); }) == errc::key_unavailable);
    CHECK(thrown_by([&] { return mfa::retire_epochs(file.path); }) == errc::key_unavailable);
    CHECK(file.contents() == contents);
  }
}

TEST_CASE("A missing file is not taken for the first epoch, and none is made") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/mfa.epochs";
  CHECK_THAT(refusal([&] { return mfa::read_epochs(path); }), contains("No such file or directory"));
  CHECK_THAT(refusal([&] { return mfa::advance_epoch(path); }), contains("No such file or directory"));
  CHECK(access(path.c_str(), F_OK) != 0);
  CHECK_THAT(refusal([&] { return mfa::read_epochs(""); }), contains("the path of the epoch file is empty"));
}

TEST_CASE("Every user may read the file, and no other than its owner may write it") {
  for (const mode_t mode : {0600U, 0400U, 0644U, 0444U})
    CHECK(mfa::read_epochs(EpochFile("1 0\n", mode).path).current == 1);
  for (const mode_t mode : {0660U, 0602U, 0666U}) {
    const EpochFile file("1 0\n", mode);
    CHECK_THAT(refusal([&] { return mfa::read_epochs(file.path); }),
               contains("others than its owner may write it"));
    CHECK_THAT(refusal([&] { return mfa::advance_epoch(file.path); }),
               contains("others than its owner may write it"));
    CHECK(file.contents() == "1 0\n");
  }
}

TEST_CASE("Advancing and retiring change the file to what they return") {
  const EpochFile file("0 0\n");
  CHECK(mfa::advance_epoch(file.path) == Epochs{.current = 1, .oldest = 0});
  CHECK(mfa::advance_epoch(file.path) == Epochs{.current = 2, .oldest = 0});
  CHECK(mfa::read_epochs(file.path) == Epochs{.current = 2, .oldest = 0});
  CHECK(mfa::retire_epochs(file.path) == Epochs{.current = 2, .oldest = 2});
  CHECK(mfa::retire_epochs(file.path) == Epochs{.current = 2, .oldest = 2});
  CHECK(mfa::advance_epoch(file.path) == Epochs{.current = 3, .oldest = 2});
  CHECK(file.contents() == "3 2\n");
  const EpochFile last("4294967295 0\n");
  CHECK_THAT(refusal([&] { return mfa::advance_epoch(last.path); }), contains("there is no epoch after"));
  CHECK(mfa::retire_epochs(last.path).oldest == 0xFFFFFFFF);
}

TEST_CASE("A changed file has the owner and mode of the one before, and a link stays one") {
  const EpochFile file("1 0\n", 0640);
  constexpr gid_t nobodys = 65534;
  const bool is_root = geteuid() == 0; // only root can give a file to any group
  if (is_root) REQUIRE(chown(file.path.c_str(), 0, nobodys) == 0);
  const std::string link = file.directory.path() + "/link";
  REQUIRE(symlink("mfa.epochs", link.c_str()) == 0);
  const mode_t umask_before = umask(0077);
  CHECK(mfa::advance_epoch(link).current == 2);
  umask(umask_before);
  struct stat status {};
  REQUIRE(lstat(link.c_str(), &status) == 0);
  CHECK(S_ISLNK(status.st_mode));
  REQUIRE(lstat(file.path.c_str(), &status) == 0);
  CHECK(S_ISREG(status.st_mode));
  CHECK((status.st_mode & 07777) == 0640);
  if (is_root) CHECK(status.st_gid == nobodys);
  CHECK(file.contents() == "2 0\n");
}

TEST_CASE("Beside a change that was stopped in the middle the file is what it was, and the remedy is told") {
  const EpochFile file("5 4\n");
  std::ofstream(file.path + ".next") << "6";
  CHECK_THAT(
      refusal([&] { return mfa::advance_epoch(file.path); }),
      contains(file.path + ".next' exists: another process changes the epochs now, or one was stopped"));
  CHECK(mfa::read_epochs(file.path) == Epochs{.current = 5, .oldest = 4});
  REQUIRE(unlink((file.path + ".next").c_str()) == 0);
  CHECK(mfa::advance_epoch(file.path).current == 6);
  CHECK(access((file.path + ".next").c_str(), F_OK) != 0);
}

TEST_CASE("Processes that advance at once take a number each, and readers see only whole files that go up") {
  const EpochFile file("0 0\n");
  std::list<Process> writers;
  for (int i = 0; i < 3; ++i)
    writers.emplace_back([&](const auto& told) {
      int advanced = 0;
      for (int tries = 0; tries < 20'000 && advanced < 30; ++tries)
        advanced += thrown_by([&] { return mfa::advance_epoch(file.path); }) == errc{} ? 1 : 0;
      told.write(std::to_string(advanced));
    });
  std::atomic<bool> done = false;
  int wrong = 0;
  std::thread reader([&] {
    std::uint32_t last = 0;
    while (!done) {
      try {
        const auto epochs = mfa::read_epochs(file.path);
        wrong += epochs.current < last || epochs.oldest != 0 ? 1 : 0;
        last = epochs.current;
      } catch (const mfa::Error&) {
        ++wrong;
      }
    }
  });
  int advanced = 0;
  for (auto& writer : writers) advanced += std::stoi(writer.result(60s));
  done = true;
  reader.join();
  CHECK(wrong == 0);
  CHECK(advanced == 90);
  CHECK(mfa::read_epochs(file.path).current == static_cast<std::uint32_t>(advanced));
}
