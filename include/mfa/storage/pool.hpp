#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <mfa/storage/process.hpp>

namespace mfa::detail {

/// Up to `most` objects (connections, say), each lent to one thread at a time. One that says of itself
/// `is_usable() == false` when it is given back is destroyed, and another may be made in its place. Usable
/// from many threads of the process that made it; must outlive its leases.
template <class T> class Pool {
 public:
  /// At least one. `user` is what needs the objects, for error messages.
  Pool(std::size_t most, const char* user) : most_(std::max<std::size_t>(most, 1)), user_(user) {}

  /// One object, given back when this ends.
  class Lease {
   public:
    Lease(Pool* pool, std::unique_ptr<T> object) noexcept : pool_(pool), object_(std::move(object)) {}
    ~Lease() {
      if (object_) pool_->give_back(std::move(object_));
    }
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;

    /// False if none came free in time.
    explicit operator bool() const noexcept { return object_ != nullptr; }
    T& operator*() const noexcept { return *object_; }
    T* operator->() const noexcept { return object_.get(); }

   private:
    Pool* pool_;
    std::unique_ptr<T> object_;
  };

  /// The object that was given back last or, if none is idle and there may be more, what `make` returns as a
  /// std::unique_ptr. Waits up to `timeout` while all are lent. Throws `errc::storage_failure` in a forked
  /// process, to which the objects do not belong.
  template <class Make> [[nodiscard]] Lease lease(std::chrono::milliseconds timeout, Make make) {
    home_.require_here(user_); // before the mutex, which a thread of the parent's may hold for ever
    {
      std::unique_lock lock(mutex_);
      if (!came_back_.wait_for(lock, timeout, [&] { return !idle_.empty() || count_ < most_; })) {
        return Lease(this, nullptr);
      }
      if (!idle_.empty()) {
        auto object = std::move(idle_.back());
        idle_.pop_back();
        return Lease(this, std::move(object));
      }
      idle_.reserve(count_ + 1); // so that giving back cannot fail
      ++count_;
    }
    try {
      return Lease(this, make());
    } catch (...) {
      {
        const std::lock_guard lock(mutex_);
        --count_;
      }
      came_back_.notify_one();
      throw;
    }
  }

 private:
  void give_back(std::unique_ptr<T> object) noexcept {
    bool usable = true;
    if constexpr (requires { object->is_usable(); }) usable = object->is_usable();
    if (!usable) object.reset();
    {
      const std::lock_guard lock(mutex_);
      if (usable)
        idle_.push_back(std::move(object));
      else
        --count_;
    }
    came_back_.notify_one();
  }

  const HomeProcess home_;
  const std::size_t most_;
  const char* const user_;
  std::mutex mutex_;
  std::condition_variable came_back_;
  std::size_t count_ = 0; // idle or lent
  std::vector<std::unique_ptr<T>> idle_;
};

} // namespace mfa::detail
