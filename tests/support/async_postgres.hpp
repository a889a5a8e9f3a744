#pragma once

#include <string>
#include <utility>

#include <mfa/async/postgres.hpp>
#include <mfa/storage/postgres/options.hpp>

#include "blocking.hpp"
#include "event_loop.hpp"
#include "task.hpp"

namespace mfa::test {

using AsyncPostgres = async::Postgres<Task, EventLoop::Handle>;

/// `async::Postgres` as a blocking storage, opened as `storage::Postgres` is.
class BlockingAsyncPostgres : public Blocking<AsyncPostgres> {
 public:
  explicit BlockingAsyncPostgres(std::string connection,
                                 storage::PostgresOptions options = storage::PostgresOptions())
      : Blocking([&](EventLoop::Handle loop) {
          return AsyncPostgres(std::move(loop), std::move(connection), std::move(options));
        }) {}
};

} // namespace mfa::test
