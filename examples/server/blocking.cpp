// Requests are handled by threads that wait for the storage.
#include <atomic>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>

#include <unistd.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>

#include <mfa/compile_verbs.hpp>
#include <mfa/mfa.hpp>
#include <mfa/storage/postgres.hpp>
#include <mfa/storage/redis.hpp>
#include <mfa/storage/sqlite.hpp>
#include <mfa/workos/api.hpp>

#include "http_message.hpp"
#include "service.hpp"
#include "storage_url.hpp"

namespace server {
namespace {

template <class T> using Plain = T;
using Storage = AnyStorage<Plain>;
using Verifier = mfa::Verifier<Storage, mfa::clock::System, Messages>;

Storage open_storage(const StorageUrl& url) {
  switch (url.kind) {
  case StorageUrl::Kind::sqlite: return Storage::of<mfa::storage::Sqlite>(url.place);
  case StorageUrl::Kind::postgres: return Storage::of<mfa::storage::Postgres>(url.place, url.postgres);
  case StorageUrl::Kind::redis: return Storage::of<mfa::storage::Redis>(url.redis);
  case StorageUrl::Kind::memory: break;
  }
  return Storage::of<mfa::storage::Memory>();
}

class BlockingService final : public Service {
 public:
  explicit BlockingService(ServiceParts parts)
      : storage_(open_storage(storage_url(parts.settings))),
        verifier_(storage_, mfa::clock::System(), parts.messages, std::move(parts.options)),
        api_(verifier_, parts.api_keys, std::move(parts.api_options)),
        most_(parts.settings.number("threads", 1, 1000) + parts.settings.number("max-waiting", 0, 1'000'000)),
        pool_(parts.settings.number("threads", 1, 1000)) {
    verifier_.compare_options();
  }

  ~BlockingService() override { pool_.join(); }

  asio::awaitable<Response> handle(Request request) override {
    if (!enter()) {
      Response busy = plain_response(503, "The server is busy.");
      busy.headers.emplace_back("Retry-After", "1");
      co_return busy;
    }
    const Leaving leaving(*this);
    auto work = [this, &request]() -> asio::awaitable<Response> { co_return api_.handle(request); };
    co_return co_await asio::co_spawn(pool_, std::move(work), asio::use_awaitable);
  }

  asio::awaitable<void> ask_storage() override {
    co_await in_pool([this] { (void)storage_.find_counter("is-it-there"); });
  }
  asio::awaitable<std::size_t> purge() override {
    std::size_t removed = 0;
    co_await in_pool([this, &removed] { removed = verifier_.purge_expired(); });
    co_return removed;
  }
  asio::awaitable<void> report_delivery(std::string message_id, mfa::DeliveryReport report) override {
    co_await in_pool([&] { (void)verifier_.report_delivery(message_id, report); });
  }
  asio::awaitable<void> replace_key_ring(mfa::KeyRing keys) override {
    verifier_.replace_key_ring(std::move(keys));
    co_return;
  }
  void replace_api_keys(const std::vector<mfa::crypto::SecretString>& keys) override {
    api_.replace_keys(keys);
  }
  std::size_t waiting() const override { return inside_.load(); }

 private:
  struct Leaving {
    explicit Leaving(BlockingService& entered) : service(entered) {}
    Leaving(const Leaving&) = delete;
    Leaving& operator=(const Leaving&) = delete;
    ~Leaving() { --service.inside_; }
    BlockingService& service;
  };

  bool enter() {
    if (inside_.fetch_add(1) < most_) return true;
    --inside_;
    return false;
  }

  template <class Call> asio::awaitable<void> in_pool(Call call) {
    auto work = [&call]() -> asio::awaitable<void> {
      call();
      co_return;
    };
    co_await asio::co_spawn(pool_, std::move(work), asio::use_awaitable);
  }

  Storage storage_;
  Verifier verifier_;
  mfa::workos::Api<Verifier> api_;
  const std::size_t most_;
  std::atomic<std::size_t> inside_{0};
  asio::thread_pool pool_; ///< ends first
};

} // namespace

std::unique_ptr<Service> blocking_service(ServiceParts parts) {
  return std::make_unique<BlockingService>(std::move(parts));
}

void check_may_make(const std::string& path) {
  const auto folder = std::filesystem::absolute(path).parent_path();
  if (!std::filesystem::is_directory(folder))
    throw std::invalid_argument("the folder of '" + path + "' is missing; make it");
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    throw std::invalid_argument("the user of this process may not write the folder of '" + path +
                                "'; give it to him");
  if (std::filesystem::exists(path) && ::access(path.c_str(), R_OK | W_OK) != 0)
    throw std::invalid_argument("the user of this process may not write '" + path + "'; give it to him");
}

void check_storage(const Settings& settings) {
  const StorageUrl url = storage_url(settings);
  if (url.kind == StorageUrl::Kind::sqlite && !std::filesystem::exists(url.place))
    return check_may_make(url.place); // to check makes nothing; the server will
  Storage storage = open_storage(url);
  (void)storage.find_counter("is-it-there");
}

namespace {

/// For what is done beside servers that run.
Storage open_shared_storage(const Settings& settings) {
  if (settings.text("storage") == "memory:")
    throw std::invalid_argument("--storage is memory:, of which other processes see nothing");
  return open_storage(storage_url(settings));
}

} // namespace

void publish_options(const Settings& settings, mfa::Options options) {
  Storage storage = open_shared_storage(settings);
  Messages messages(settings, {});
  const Verifier verifier{storage, mfa::clock::System(), messages, std::move(options)};
  verifier.publish_options();
}

bool reseal(const Settings& settings, mfa::Options options, std::ostream& out) {
  Storage storage = open_shared_storage(settings);
  Messages messages(settings, {});
  const Verifier verifier{storage, mfa::clock::System(), messages, std::move(options)};
  const auto done = verifier.reseal_all();
  out << done.scanned << " factors looked at, " << done.resealed << " moved to the first key, " << done.failed
      << " did not open" << (done.failed > 0 ? "; the last: " + done.last_failure : "") << '\n';
  const auto left = verifier.count_keys();
  for (const auto& [key, count] : left.factors) out << count << " factors need the key " << key << '\n';
  return done.failed == 0 && left.factors.size() <= 1;
}

} // namespace server
