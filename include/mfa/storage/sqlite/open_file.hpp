#pragma once

#include <string>

#if defined(__unix__) || defined(__APPLE__)
#include <cstddef>
#include <map>
#include <mutex>
#include <utility>

#include <sys/stat.h>
#include <sys/types.h>
#endif

#include <mfa/error.hpp>
#include <mfa/storage/process.hpp>

namespace mfa::detail::sqlite {

#if defined(__unix__) || defined(__APPLE__)

/// That this process has a file open with SQLite. SQLite keeps in the process' memory which locks it holds on
/// a file, and a forked process, which gets that memory but not the locks, believes to hold them: the parent
/// then removes a write-ahead log that the child writes to. So a file that was open at the fork is refused.
class OpenFile {
 public:
  OpenFile() = default;
  ~OpenFile() {
    if (!open_ || !home_.is_here()) return;
    auto& [mutex, files] = registry();
    const std::lock_guard lock(mutex);
    const auto entry = files.find(key_);
    if (entry != files.end() && --entry->second.count == 0) files.erase(entry);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  /// To be called before SQLite opens the file. Throws if it was open when this process was forked.
  static void check(const std::string& path) {
    Key key;
    if (!find(path, key)) return;
    auto& [mutex, files] = registry();
    const std::lock_guard lock(mutex);
    const auto entry = files.find(key);
    if (entry != files.end()) entry->second.home.require_here("the SQLite database '" + path + "'");
  }

  /// To be called when SQLite has opened it.
  void note(const std::string& path) {
    if (!find(path, key_)) return;
    auto& [mutex, files] = registry();
    const std::lock_guard lock(mutex);
    ++files[key_].count;
    open_ = true;
  }

 private:
  using Key = std::pair<dev_t, ino_t>;
  struct Entry {
    HomeProcess home;
    std::size_t count = 0;
  };

  static bool find(const std::string& path, Key& key) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return false;
    key = {status.st_dev, status.st_ino};
    return true;
  }

  struct Registry {
    std::mutex mutex;
    std::map<Key, Entry> files;
  };

  /// One in a process, as SQLite's own is, also if shared libraries hide their symbols; outlives every
  /// storage.
  [[gnu::visibility("default")]] static Registry& registry() {
    static auto& instance = *new Registry;
    return instance;
  }

  HomeProcess home_;
  bool open_ = false;
  Key key_{};
};

#else

class OpenFile {
 public:
  static void check(const std::string&) {}
  void note(const std::string&) {}
};

#endif

} // namespace mfa::detail::sqlite
