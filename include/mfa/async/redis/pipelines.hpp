#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include <mfa/async/loop.hpp>
#include <mfa/async/redis/pipeline.hpp>
#include <mfa/storage/process.hpp>
#include <mfa/storage/redis/exchange.hpp>
#include <mfa/storage/redis/options.hpp>
#include <mfa/storage/redis/request.hpp>
#include <mfa/storage/redis/wire.hpp>

namespace mfa::detail::redis {

/// Requests to one server, by up to as many connections as its options allow: the next is made when all have
/// requests under way. What ends a connection ends no other thing. Usable from many threads.
template <template <class> class Task, async::Loop Loop> class Pipelines {
  using Pipeline = redis::Pipeline<Task, Loop>;
  using Waiter = typename Pipeline::Waiter;

 public:
  Pipelines(Loop loop, const storage::RedisOptions& options)
      : loop_(std::move(loop)), site_(std::make_shared<Site>(options)) {}

  [[nodiscard]] const Site& site() const noexcept { return *site_; }

  /// Waits for the answer, and for what `read` makes of it. Tasks that are destroyed may outlive this.
  template <class Read> Task<std::invoke_result_t<Read, const Reply&>> ask(Request request, Read read) {
    Exchange exchange(site_->server, request);
    std::uint64_t newer_than = 0;
    for (;;) {
      Waiter waiter;
      put(waiter, Command(exchange.words()), newer_than);
      Pipeline& pipeline = waiter.pipeline();
      if (waiter.gathers()) {
        const auto go_on = [](auto resume) { resume(); };
        co_await loop_.suspend(go_on);
        pipeline.send_gathered(waiter);
      }
      const auto sleep = [&](auto resume) { pipeline.sleep(waiter, std::move(resume)); };
      for (auto next = pipeline.next_for(waiter); next != Pipeline::Next::over;
           next = pipeline.next_for(waiter)) {
        if (next == Pipeline::Next::drive)
          co_await pipeline.drive(waiter);
        else
          co_await loop_.suspend(sleep);
      }
      if (waiter.timed_out) exchange.timed_out(TimedOut(site_->server.options().command_timeout).what());
      if (waiter.loss) {
        if (waiter.loss->error) throw Error(*waiter.loss->error);
        newer_than = pipeline.retired_after();
        exchange.lost(waiter.loss->why, waiter.is_new());
        continue;
      }
      if (waiter.reply->is_error()) {
        const auto next = exchange.answered(*waiter.reply, pipeline.address());
        if (next.leave_connection) {
          pipeline.retire();
          newer_than = pipeline.retired_after();
        }
        if (next.send_again) continue;
      }
      const Reply reply = exchange.result(*std::move(waiter.reply));
      co_return read(reply);
    }
  }

 private:
  void put(Waiter& waiter, const Command& command, std::uint64_t newer_than) {
    home_.require_here("async::Redis"); // before the mutex, which a thread of the parent's may hold for ever
    while (!Pipeline::put(pick(newer_than), waiter, command)) {
    }
  }

  /// The one with the fewest requests, which is new if all have some and there may be more. It is none of
  /// those that were made before a request was refused or lost on one.
  std::shared_ptr<Pipeline> pick(std::uint64_t newer_than) {
    std::vector<std::shared_ptr<Pipeline>> retired; // which may be closed once the mutex is free
    const std::lock_guard lock(mutex_);
    for (auto each = all_.begin(); each != all_.end();) {
      if ((*each)->is_retired()) {
        retired.push_back(*each);
        each = all_.erase(each);
      } else {
        ++each;
      }
    }
    const std::shared_ptr<Pipeline>* least = nullptr;
    for (const auto& each : all_)
      if (each->number() > newer_than && (least == nullptr || each->load() < (*least)->load())) least = &each;
    const auto most = std::max<std::size_t>(site_->server.options().max_connections, 1);
    if (least == nullptr || ((*least)->load() > 0 && all_.size() < most))
      least = &all_.emplace_back(std::make_shared<Pipeline>(site_, loop_));
    return *least;
  }

  const Loop loop_;
  const HomeProcess home_;
  const std::shared_ptr<Site> site_;
  std::mutex mutex_; // for what follows
  std::vector<std::shared_ptr<Pipeline>> all_;
};

} // namespace mfa::detail::redis
