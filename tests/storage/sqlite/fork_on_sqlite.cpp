// A forked process is refused its parent's storage::Sqlite, and any file that the parent had open with one:
// by what SQLite remembers of locks, the child would write to a log that the parent then removes.
#include <memory>
#include <optional>
#include <string>

#include <mfa/error.hpp>
#include <mfa/storage/sqlite.hpp>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/forked.hpp"
#include "support/sqlite_file.hpp"

using mfa::storage::Sqlite;
using mfa::test::Channel;
using mfa::test::ChildProcess;
using mfa::test::quick;
using mfa::test::SqliteFile;

namespace {

/// What opening the file, writing and reading came to.
std::string try_to_use(const std::string& path, const std::string& id) {
  try {
    Sqlite storage(path, quick);
    mfa::storage::Batch batch;
    batch.factors.emplace_back().id = id;
    batch.factors.back().type = mfa::FactorType::totp;
    return storage.commit(batch) && storage.find_factor(id) ? "used" : "nothing written";
  } catch (const mfa::Error& error) {
    return error.what();
  }
}

} // namespace

TEST_CASE("storage::Sqlite is refused to a forked process") {
  const SqliteFile file;
  const SqliteFile other;
  mfa::test::check_forked([&] { return Sqlite(file.path, quick); },
                          [&]() -> std::string {
                            const std::string own = try_to_use(file.path, "f");
                            if (own.find("Open one in each process, after the fork") == std::string::npos)
                              return own;
                            const std::string free = try_to_use(other.path, "f");
                            return free == "used" ? "" : free;
                          });
  CHECK(try_to_use(other.path, "g") == "used");
}

TEST_CASE("A file is refused to a child if its parent had it open, by whichever path, and not if it had "
          "closed it") {
  const SqliteFile file;
  const std::string by_another_path = file.directory.path() + "/../" +
                                      file.directory.path().substr(file.directory.path().rfind('/') + 1) +
                                      "/factors.db";
  std::optional<Sqlite> storage(std::in_place, file.path, quick);
  std::optional<Sqlite> again(std::in_place, file.path, quick);
  const auto in_a_child = [&] {
    ChildProcess child([&](const Channel& parent) { parent.send(try_to_use(by_another_path, "child")); });
    const std::string told = child.channel().receive().value();
    CHECK(child.wait() == 0);
    return told;
  };
  CHECK_THAT(in_a_child(), mfa::test::contains("opened it and forked"));
  storage.reset();
  CHECK_THAT(in_a_child(), mfa::test::contains("opened it and forked"));
  again.reset();
  CHECK(in_a_child() == "used");
  CHECK(try_to_use(file.path, "parent") == "used");
  CHECK(Sqlite(file.path, quick).find_factor("child"));
}
