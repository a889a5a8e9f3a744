// A program of several shared libraries, each with a copy of this library that the others do not see, takes
// an error of one for what it is in another.
#include <cstddef>
#include <fstream>
#include <string>
#include <vector>

#include <dlfcn.h>

#include <mfa/error.hpp>

#include "support/catch.hpp"
#include "support/compiler.hpp"
#include "support/temporary_directory.hpp"

using mfa::test::Compiler;

namespace {

/// Throws an error, and tells what it makes of the error that a function of another library throws: the
/// numbers of the checks that fail.
const std::string library_source = R"(
#include <chrono>
#include <string>
#include <system_error>
#include <mfa/error.hpp>

using mfa::errc;

extern "C" [[gnu::visibility("default")]] void fail() {
  throw mfa::Error(errc::sms_rate_limited, "too many", std::chrono::seconds(7));
}

namespace {

bool is_limited(const mfa::Error& error) {
  switch (error.code()) {
  case errc::sms_rate_limited: return true;
  default: return false;
  }
}

} // namespace

extern "C" [[gnu::visibility("default")]] unsigned failed_checks(void (*fail_elsewhere)()) {
  unsigned failed = 0;
  auto check = [&failed, bit = 1u](bool holds) mutable {
    if (!holds) failed |= bit;
    bit <<= 1;
  };
  try {
    fail_elsewhere();
    return ~0u;
  } catch (const mfa::Error& error) {
    check(error.code() == errc::sms_rate_limited);
    check(errc::sms_rate_limited == error.code());
    check(error.code() != errc::sms_not_sent);
    check(error.code() == mfa::make_error_code(errc::sms_rate_limited));
    check(error.code() == std::error_code(errc::sms_rate_limited));
    check(std::error_code(errc::sms_rate_limited) == error.code());
    check(error.code().category() == mfa::error_category());
    check(is_limited(error));
    check(error.retry_after() == std::chrono::seconds(7));
    check(error.what() == std::string("too many."));
  } catch (...) {
    return ~0u;
  }
  try {
    fail_elsewhere();
  } catch (const std::system_error& error) {
    check(error.code() == errc::sms_rate_limited);
    check(errc::sms_rate_limited == error.code());
    check(error.code() != errc::sms_not_sent);
    check(error.code() != std::error_code(static_cast<int>(errc::sms_rate_limited), std::generic_category()));
    check(!(std::error_code(static_cast<int>(errc::sms_rate_limited), std::generic_category()) ==
            errc::sms_rate_limited));
    check(error.what() == std::string("too many."));
  }
  return failed;
}
)";

struct Library {
  void (*fail)();
  unsigned (*failed_checks)(void (*)());
};

/// Loaded so that no other sees its symbols; it stays loaded.
Library load(const std::string& path) {
  void* const handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  INFO((handle == nullptr ? ::dlerror() : path));
  REQUIRE(handle != nullptr);
  return {reinterpret_cast<decltype(Library::fail)>(::dlsym(handle, "fail")),
          reinterpret_cast<decltype(Library::failed_checks)>(::dlsym(handle, "failed_checks"))};
}

} // namespace

TEST_CASE("An error's code equals the same code of every library of the process") {
  const mfa::test::TemporaryDirectory directory;
  const std::string source = directory.path() + "/library.cpp";
  std::ofstream(source) << library_source;
  std::vector<std::string> names;
  std::vector<Library> libraries;
  for (const std::string compiler : {"g++", "clang++"}) {
    if (!Compiler::available(compiler)) {
      WARN(compiler << " is not here and was not asked");
      continue;
    }
    for (const std::string flags :
         {"-fvisibility=hidden -fvisibility-inlines-hidden", "-fvisibility=default"})
      for (const std::string copy : {"one", "another"}) {
        const std::string path = directory.path() + '/' + std::to_string(libraries.size()) + ".so";
        REQUIRE(mfa::test::output_of_compiler(compiler, "-std=c++20 -Wall -Wextra -Werror -fPIC -shared " +
                                                            flags + " '" + source + "' -o '" + path + '\'') ==
                "");
        names.push_back(compiler + ' ' + flags + ", " + copy);
        libraries.push_back(load(path));
      }
  }
  for (std::size_t thrower = 0; thrower < libraries.size(); ++thrower)
    for (std::size_t catcher = 0; catcher < libraries.size(); ++catcher) {
      CAPTURE(names[thrower], names[catcher]);
      CHECK(libraries[catcher].failed_checks(libraries[thrower].fail) == 0);
    }
}
