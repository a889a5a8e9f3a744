#pragma once

#include <vector>

#include <mfa/async/redis.hpp>
#include <mfa/storage/redis/options.hpp>

#include "blocking.hpp"
#include "event_loop.hpp"
#include "task.hpp"

namespace mfa::test {

/// `async::Redis` where a test of storages wants one that blocks.
class AsyncRedis : public Blocking<async::Redis<Task, EventLoop::Handle>> {
 public:
  using Storage = async::Redis<Task, EventLoop::Handle>;

  explicit AsyncRedis(const storage::RedisOptions& options = storage::RedisOptions())
      : Blocking([&](EventLoop::Handle loop) { return Storage(loop, options); }) {}

  std::vector<storage::RedisWeakness> weaknesses() { return inner().weaknesses(); }
};

} // namespace mfa::test
