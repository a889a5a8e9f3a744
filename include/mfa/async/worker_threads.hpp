#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/storage/process.hpp>

namespace mfa::async::detail {

/// Something for a worker thread to do, and how to tell of its end. Shared by who waits for it and the
/// threads.
class Work {
 public:
  Work() = default;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  virtual ~Work() = default;

 protected:
  /// Throws what it was refused with or failed by.
  void rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  friend class WorkQueue;

  virtual void run() = 0;

  std::exception_ptr thrown_;
  std::function<void()> resume_;
  bool waits_ = false; // in the queue; with its mutex held
  std::list<std::shared_ptr<Work>>::iterator place_;
};

/// `Work` that calls a function and keeps what it returns.
template <class Call> class CallOf final : public Work {
 public:
  using Result = std::invoke_result_t<Call&>;

  explicit CallOf(Call call) : call_(std::move(call)) {}

  /// What the call returned or threw, once it is over.
  Result take() {
    rethrow();
    return *std::move(result_);
  }

 private:
  void run() override { result_.emplace(call_()); }

  Call call_;
  std::optional<Result> result_;
};

/// Work for this many threads and, behind that, at most so much that waits. Usable from every thread of the
/// process that made it.
class WorkQueue {
 public:
  WorkQueue(std::size_t threads, std::size_t max_waiting) : threads_(threads), max_waiting_(max_waiting) {}

  /// Has a thread do the work and then call `resume`. Touches nothing of the caller's once a thread may see
  /// the work. Throws `errc::storage_unavailable` if the queue is full or stopped, and
  /// `errc::storage_failure` in a forked process.
  void add(std::shared_ptr<Work> work, std::function<void()> resume) {
    home_.require_here("async::Threads");
    work->resume_ = std::move(resume);
    std::list<std::shared_ptr<Work>> one;
    one.push_back(std::move(work));
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) throw stopped_error();
      if (const std::size_t all = running_ + waiting_.size();
          all >= threads_ && all - threads_ >= max_waiting_)
        throw full_error();
      Work& added = *one.front();
      added.place_ = one.begin();
      added.waits_ = true;
      waiting_.splice(waiting_.end(), one);
    }
    changed_.notify_one();
  }

  /// Takes work out of the queue. What a thread has begun goes on to its end.
  void withdraw(Work& work) noexcept {
    if (!home_.is_here()) return;               // a thread of the parent's may hold the mutex for ever
    std::list<std::shared_ptr<Work>> withdrawn; // destroyed after the lock
    {
      const std::lock_guard lock(mutex_);
      if (!std::exchange(work.waits_, false)) return;
      withdrawn.splice(withdrawn.begin(), waiting_, work.place_);
    }
    idle_.notify_all();
  }

  /// What a thread does until the queue is stopped and empty.
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return !waiting_.empty() || stopped_; });
      if (waiting_.empty()) return;
      auto work = std::move(waiting_.front());
      waiting_.pop_front();
      work->waits_ = false;
      ++running_;
      lock.unlock();
      try {
        work->run();
      } catch (...) {
        work->thrown_ = std::current_exception();
      }
      lock.lock();
      --running_; // before who waits goes on, whose next call finds this thread free
      ++resuming_;
      lock.unlock();
      finish(std::move(work));
      lock.lock();
      --resuming_;
      idle_.notify_all();
    }
  }

  /// Takes no more work, and lets what waits or runs end for up to this long. Then refuses what still waits.
  /// Returns whether all has ended.
  bool stop(std::chrono::milliseconds at_most) {
    std::list<std::shared_ptr<Work>> refused;
    bool ended = false;
    {
      std::unique_lock lock(mutex_);
      stopped_ = true;
      changed_.notify_all();
      ended = idle_.wait_for(lock, std::min<std::chrono::milliseconds>(at_most, std::chrono::hours(24)),
                             [this] { return waiting_.empty() && running_ + resuming_ == 0; });
      refused.swap(waiting_);
      for (const auto& work : refused) work->waits_ = false;
    }
    for (auto& work : refused) {
      work->thrown_ = std::make_exception_ptr(stopped_error());
      finish(std::move(work));
    }
    return ended;
  }

  /// Takes no more work; the threads end when they have done what waits.
  void drain() noexcept {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

 private:
  Error full_error() const {
    return {errc::storage_unavailable,
            "async::Threads refused a call of its storage: its threads, " + std::to_string(threads_) +
                ", are busy, and " + std::to_string(max_waiting_) +
                " calls wait for them. Look why the storage is slow, or raise ThreadsOptions::threads or "
                "ThreadsOptions::max_waiting."};
  }

  static Error stopped_error() {
    return {errc::storage_unavailable, "async::Threads was stopped and makes no more calls of its storage"};
  }

  static void finish(std::shared_ptr<Work> work) {
    const auto resume = std::move(work->resume_);
    work.reset(); // what it holds need not outlive the storage when who waits for it has gone
    resume();
  }

  const mfa::detail::HomeProcess home_;
  const std::size_t threads_;
  const std::size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_; // work was added, or the queue was stopped
  std::condition_variable idle_;    // work has ended
  std::list<std::shared_ptr<Work>> waiting_;
  std::size_t running_ = 0;
  std::size_t resuming_ = 0; // threads whose work has ended, and that resume who waits for it
  bool stopped_ = false;
};

/// Threads that work off a queue. Their end waits until all work is done.
class WorkerThreads {
 public:
  WorkerThreads(std::size_t count, std::size_t max_waiting)
      : queue_(std::make_shared<WorkQueue>(count, max_waiting)) {
    threads_.reserve(count);
    try {
      for (std::size_t i = 0; i < count; ++i)
        threads_.emplace_back([queue = queue_.get()] { queue->work(); });
    } catch (...) {
      end();
      throw;
    }
  }
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;
  ~WorkerThreads() { end(); }

  /// May outlive the threads.
  [[nodiscard]] const std::shared_ptr<WorkQueue>& queue() const noexcept { return queue_; }

 private:
  void end() noexcept {
    queue_->drain();
    for (std::thread& thread : threads_) thread.join();
  }

  std::shared_ptr<WorkQueue> queue_;
  std::vector<std::thread> threads_;
};

} // namespace mfa::async::detail
