#pragma once

#include <memory>
#include <utility>

#include <mfa/compiler.hpp>

namespace mfa::detail {

/// A suspended coroutine that somebody can resume.
class Sleeper {
 public:
  Sleeper() = default;
  virtual ~Sleeper() = default;
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  virtual void wake() noexcept = 0;

 private:
  friend class Awakening;
  std::unique_ptr<Sleeper> next_;
};

/// `resume` is what a loop's `suspend` gave.
template <class Resume> [[nodiscard]] std::unique_ptr<Sleeper> make_sleeper(Resume resume) {
  class Resumed final : public Sleeper {
   public:
    explicit Resumed(Resume&& given) : resume_(std::move(given)) {}
    void wake() noexcept override { resume_(); }

   private:
    Resume resume_;
  };
  return std::make_unique<Resumed>(std::move(resume));
}

/// Wakes at its end, in turn, whom it was given: made before a mutex is locked, it does so once that is free.
class Awakening {
 public:
  Awakening() = default;
  Awakening(const Awakening&) = delete;
  Awakening& operator=(const Awakening&) = delete;
  ~Awakening() {
    while (first_) {
      const auto sleeper = std::exchange(first_, std::move(first_->next_));
      sleeper->wake();
    }
  }

  /// Null if nobody sleeps yet.
  void add(std::unique_ptr<Sleeper> sleeper) noexcept {
    if (!sleeper) return;
    auto& end = last_ == nullptr ? first_ : last_->next_;
    last_ = sleeper.get();
    end = std::move(sleeper);
  }

 private:
  std::unique_ptr<Sleeper> first_;
  Sleeper* last_ = nullptr;
};

} // namespace mfa::detail
