// Requests are handled by coroutines, which no thread waits for. SQLite and the memory are read and written
// by threads of their own.
#include <atomic>
#include <cstddef>
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/use_future.hpp>

#include <mfa/async.hpp>
#include <mfa/async/asio.hpp>
#include <mfa/async/postgres.hpp>
#include <mfa/async/redis.hpp>
#include <mfa/async/threads.hpp>
#include <mfa/compiled_verbs.hpp>
#include <mfa/storage/memory.hpp>
#include <mfa/storage/sqlite.hpp>
#include <mfa/workos/async_api.hpp>

#include "http_message.hpp"
#include "service.hpp"
#include "storage_url.hpp"

namespace server {
namespace {

using mfa::async::AsioLoop;
using mfa::async::AsioTask;
using Storage = AnyStorage<AsioTask>;
using Verifier = mfa::async::Verifier<AsioTask, Storage, mfa::clock::System, Messages>;
template <class Blocking> using InThreads = mfa::async::Threads<AsioTask, Blocking, AsioLoop>;

Storage open_storage(const StorageUrl& url, std::size_t threads, asio::io_context& context) {
  using namespace mfa::async;
  const AsioLoop loop(context);
  const ThreadsOptions options{.threads = threads};
  switch (url.kind) {
  case StorageUrl::Kind::sqlite:
    return Storage::of<InThreads<mfa::storage::Sqlite>>(mfa::storage::Sqlite(url.place), loop, options);
  case StorageUrl::Kind::postgres:
    return Storage::of<Postgres<AsioTask, AsioLoop>>(loop, url.place, url.postgres);
  case StorageUrl::Kind::redis: return Storage::of<Redis<AsioTask, AsioLoop>>(loop, url.redis);
  case StorageUrl::Kind::memory: break;
  }
  return Storage::of<InThreads<mfa::storage::Memory>>(mfa::storage::Memory(), loop, options);
}

class AsynchronousService final : public Service {
 public:
  AsynchronousService(ServiceParts parts, asio::io_context& context)
      : storage_(
            open_storage(storage_url(parts.settings), parts.settings.number("threads", 1, 1000), context)),
        verifier_(storage_, mfa::clock::System(), parts.messages, std::move(parts.options)),
        api_(verifier_, parts.api_keys, std::move(parts.api_options)),
        most_(parts.settings.number("threads", 1, 1000) +
              parts.settings.number("max-waiting", 0, 1'000'000)) {
    auto compared = asio::co_spawn(
        context, [this]() -> asio::awaitable<void> { co_await verifier_.compare_options(); },
        asio::use_future);
    context.run();
    context.restart();
    compared.get();
  }

  asio::awaitable<Response> handle(Request request) override {
    if (inside_.fetch_add(1) >= most_) {
      --inside_;
      Response busy = plain_response(503, "The server is busy.");
      busy.headers.emplace_back("Retry-After", "1");
      co_return busy;
    }
    const Leaving leaving(inside_);
    co_return co_await api_.handle(std::move(request));
  }

  asio::awaitable<void> ask_storage() override { (void)co_await storage_.find_counter("is-it-there"); }
  asio::awaitable<std::size_t> purge() override { co_return co_await verifier_.purge_expired(); }
  asio::awaitable<void> report_delivery(std::string message_id, mfa::DeliveryReport report) override {
    (void)co_await verifier_.report_delivery(message_id, report);
  }
  asio::awaitable<void> replace_key_ring(mfa::KeyRing keys) override {
    co_await verifier_.replace_key_ring(std::move(keys));
  }
  void replace_api_keys(const std::vector<mfa::crypto::SecretString>& keys) override {
    api_.replace_keys(keys);
  }
  std::size_t waiting() const override { return inside_.load(); }

 private:
  struct Leaving {
    explicit Leaving(std::atomic<std::size_t>& counted) : inside(counted) {}
    Leaving(const Leaving&) = delete;
    Leaving& operator=(const Leaving&) = delete;
    ~Leaving() { --inside; }
    std::atomic<std::size_t>& inside;
  };

  Storage storage_;
  Verifier verifier_;
  mfa::workos::AsyncApi<Verifier> api_;
  const std::size_t most_;
  std::atomic<std::size_t> inside_{0};
};

} // namespace

std::unique_ptr<Service> asynchronous_service(ServiceParts parts, asio::io_context& context) {
  return std::make_unique<AsynchronousService>(std::move(parts), context);
}

} // namespace server
