#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <mfa/storage/conversation.hpp>
#include <mfa/storage/process.hpp>

namespace mfa::async::detail {

/// Places for up to `most` objects (connections, say), each lent to one conversation at a time. The others
/// suspend, and have their turns in the order in which they came. An object that says of itself
/// `is_usable() == false` when it is given back is destroyed. Usable from many threads of the process that
/// made it; must outlive its leases.
template <class T> class Pool {
  using Clock = std::chrono::steady_clock;
  class Waiter;

 public:
  /// At least one. `user` is what needs the objects, for error messages.
  Pool(std::size_t most, const char* user) : most_(std::max<std::size_t>(most, 1)), user_(user) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Adds an object, while there are fewer than `most`.
  void add(std::unique_ptr<T> object) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(object));
    ++count_;
  }

  /// A place, given back with what is in it when this ends.
  class Lease {
   public:
    Lease(Pool* pool, std::unique_ptr<T> object) noexcept : pool_(pool), object_(std::move(object)) {}
    ~Lease() {
      if (pool_ != nullptr) pool_->give_back(std::move(object_));
    }
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), object_(std::move(other.object_)) {}
    Lease& operator=(Lease&&) = delete;

    /// False if no place came free in time.
    explicit operator bool() const noexcept { return pool_ != nullptr; }
    [[nodiscard]] bool is_empty() const noexcept { return object_ == nullptr; }
    void put(std::unique_ptr<T> object) noexcept { object_ = std::move(object); }
    T& operator*() const noexcept { return *object_; }
    T* operator->() const noexcept { return object_.get(); }

   private:
    Pool* pool_;
    std::unique_ptr<T> object_;
  };

  /// The place of the object that was given back last or, if none is idle and there may be more, an empty
  /// one. While all are lent, waits for its turn until `tell_late` finds that it has waited for this long.
  /// Throws `errc::storage_failure` in a forked process, to which the objects do not belong.
  mfa::detail::Conversation<Lease> lease(std::chrono::milliseconds at_most) {
    home_.require_here(user_); // before the mutex, which a thread of the parent's may hold for ever
    Waiter waiter(*this, Clock::now() + at_most);
    const mfa::detail::Wait turn{.suspension = &waiter};
    if (!serve_at_once(waiter)) (void)co_await turn;
    co_return waiter.take();
  }

  /// Lets those go on who have waited for too long. There is no timer: those who hold an object call this now
  /// and then, while they wait for something themselves.
  void tell_late() {
    for (;;) {
      std::function<void()> resume;
      {
        const std::lock_guard lock(mutex_);
        if (waiters_.empty() || Clock::now() < waiters_.front()->deadline) return;
        resume = waiters_.front()->leave();
      }
      resume();
    }
  }

 private:
  /// Somebody in the line, or on the way into it or out of it.
  class Waiter final : public mfa::detail::Suspension {
   public:
    Waiter(Pool& pool, Clock::time_point until) noexcept : deadline(until), pool_(pool) {}
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    /// Who is destroyed may have been served a moment before.
    ~Waiter() {
      if (!pool_.home_.is_here()) {
        if (object_) mfa::detail::DeleteAtHome::keep(object_.release());
        return;
      }
      {
        const std::lock_guard lock(pool_.mutex_);
        if (in_line_) (void)leave();
      }
      if (served_) pool_.give_back(std::move(object_));
    }

    void start(std::function<void()> resume) override {
      {
        const std::lock_guard lock(pool_.mutex_);
        if (!pool_.serve(*this)) {
          resume_ = std::move(resume);
          place_ = pool_.waiters_.insert(pool_.waiters_.end(), this);
          in_line_ = true;
          return;
        }
      }
      resume();
    }

    Lease take() {
      const std::lock_guard lock(pool_.mutex_);
      return Lease(std::exchange(served_, false) ? &pool_ : nullptr, std::move(object_));
    }

    // With the pool's mutex held:

    void serve(std::unique_ptr<T> object) noexcept {
      object_ = std::move(object);
      served_ = true;
    }

    /// Out of the line. Returns what lets the waiter go on, which may end it.
    std::function<void()> leave() noexcept {
      pool_.waiters_.erase(place_);
      in_line_ = false;
      return std::move(resume_);
    }

    const Clock::time_point deadline;

   private:
    Pool& pool_;
    std::function<void()> resume_;
    typename std::list<Waiter*>::iterator place_;
    std::unique_ptr<T> object_;
    bool in_line_ = false;
    bool served_ = false;
  };

  bool serve_at_once(Waiter& waiter) {
    const std::lock_guard lock(mutex_);
    return serve(waiter);
  }

  /// With the mutex held: whether there is a place. While somebody waits, there is none.
  bool serve(Waiter& waiter) {
    if (!idle_.empty()) {
      waiter.serve(std::move(idle_.back()));
      idle_.pop_back();
      return true;
    }
    if (count_ == most_) return false;
    idle_.reserve(count_ + 1); // so that giving back cannot fail
    ++count_;
    waiter.serve(nullptr);
    return true;
  }

  void give_back(std::unique_ptr<T> object) noexcept {
    if (!home_.is_here()) {
      if (object) mfa::detail::DeleteAtHome::keep(object.release());
      return;
    }
    if (object && !object->is_usable()) object.reset();
    std::function<void()> resume;
    {
      const std::lock_guard lock(mutex_);
      if (!waiters_.empty()) {
        Waiter& first = *waiters_.front();
        first.serve(std::move(object));
        resume = first.leave();
      } else if (object) {
        idle_.push_back(std::move(object));
      } else {
        --count_;
      }
    }
    if (resume) resume();
  }

  const mfa::detail::HomeProcess home_;
  const std::size_t most_;
  const char* const user_;
  std::mutex mutex_;
  std::size_t count_ = 0; // of the places that are lent, or hold what is idle
  std::vector<std::unique_ptr<T>> idle_;
  std::list<Waiter*> waiters_;
};

} // namespace mfa::async::detail
