#pragma once

#include <atomic>
#include <memory>
#include <new>
#include <string>
#include <utility>

#if defined(_WIN32)
#include <process.h>
#else
#include <unistd.h>
#endif

#include <mfa/error.hpp>

namespace mfa::detail {

inline long current_process() noexcept {
#if defined(_WIN32)
  return _getpid();
#else
  return ::getpid();
#endif
}

/// The process in which this was made. A copy that `fork` made names the process of the original.
class HomeProcess {
 public:
  [[nodiscard]] bool is_here() const noexcept { return id_ == current_process(); }

  /// Throws in any other process. `what` is what would be used there.
  void require_here(const std::string& what) const {
    const long here = current_process();
    if (id_ != here)
      throw Error(errc::storage_failure,
                  "cannot use " + what + " in process " + std::to_string(here) + ": process " +
                      std::to_string(id_) +
                      " opened it and forked. Open one in each process, after the fork; a process that forks "
                      "should have none open.");
  }

 private:
  long id_ = current_process();
};

/// Destroys an object in the process that made it. In a forked one it is left as it is until that process
/// ends: to close a connection would tell the server to end the parent's, locks may be held by threads that
/// are not there, and SQLite might remove files that the parent writes to.
class DeleteAtHome {
 public:
  template <class T> void operator()(T* object) const noexcept {
    if (home_.is_here())
      delete object;
    else
      keep(object);
  }

  /// Leaves it where leak checkers find it.
  static void keep(void* object) noexcept {
    static std::atomic<Kept*> all = nullptr;
    auto* const kept = new (std::nothrow) Kept{object, all};
    while (kept != nullptr && !all.compare_exchange_weak(kept->next, kept)) {
    }
  }

 private:
  struct Kept {
    void* object;
    Kept* next;
  };

  HomeProcess home_;
};

template <class T> using OwnedAtHome = std::unique_ptr<T, DeleteAtHome>;

template <class T, class... Arguments> [[nodiscard]] OwnedAtHome<T> make_at_home(Arguments&&... arguments) {
  return OwnedAtHome<T>(new T(std::forward<Arguments>(arguments)...));
}

} // namespace mfa::detail
