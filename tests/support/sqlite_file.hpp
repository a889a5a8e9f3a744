#pragma once

#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include <mfa/error.hpp>
#include <mfa/storage/sqlite.hpp>

#include "catch.hpp"
#include "errors.hpp"
#include "temporary_directory.hpp"

namespace mfa::test {

inline const storage::SqliteOptions quick{.synchronous = storage::Synchronous::off};
inline const storage::SqliteOptions impatient{.busy_timeout = std::chrono::milliseconds(50),
                                              .synchronous = storage::Synchronous::off};

/// A new file in a directory of its own.
struct SqliteFile {
  TemporaryDirectory directory;
  std::string path = directory.path() + "/factors.db";
};

/// The host's own connection to a file, or an operator's.
class HostConnection {
 public:
  explicit HostConnection(const std::string& path) {
    sqlite3* handle = nullptr;
    const int result = sqlite3_open(path.c_str(), &handle);
    handle_.reset(handle);
    REQUIRE(result == SQLITE_OK);
    sqlite3_busy_timeout(handle, 5000);
  }

  void execute(const std::string& sql) {
    INFO(sql);
    const int result = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    INFO(sqlite3_errmsg(handle_.get()));
    REQUIRE(result == SQLITE_OK);
  }

  /// The first column of the first row, as text.
  std::string ask(const std::string& sql) {
    std::string answer;
    const auto keep = [](void* to, int, char** values, char**) {
      *static_cast<std::string*>(to) = values[0] ? values[0] : "NULL";
      return 0;
    };
    INFO(sql);
    REQUIRE(sqlite3_exec(handle_.get(), sql.c_str(), keep, &answer, nullptr) == SQLITE_OK);
    return answer;
  }

 private:
  struct Close {
    void operator()(sqlite3* handle) const noexcept { sqlite3_close(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

inline std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// That `action` fails in the way `code`, with a message that names the file and says what to do about it.
template <class Action>
void check_error(Action action, errc code, const std::string& path, std::string_view remedy) {
  const auto error = error_of(action);
  INFO(error.what());
  CHECK(error.code() == code);
  CHECK_THAT(error.what(), contains(path));
  CHECK_THAT(error.what(), contains(std::string(remedy)));
}

} // namespace mfa::test
