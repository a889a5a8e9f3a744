#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>

#include <mfa/crypto/key_file.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/error.hpp>
#include <mfa/options.hpp>
#include <mfa/otp/uri.hpp>
#include <mfa/sms/country.hpp>
#include <mfa/webauthn/relying_party.hpp>
#include <mfa/workos/api_keys.hpp>
#include <mfa/workos/api_options.hpp>
#include <mfa/workos/route.hpp>

#include "api_key_file.hpp"
#include "listener.hpp"
#include "logs.hpp"
#include "metrics.hpp"
#include "service.hpp"
#include "settings.hpp"
#include "storage_url.hpp"
#include "transports.hpp"
#include "webhook_settings.hpp"

namespace server {

/// The library's options of these settings. Throws what is wrong.
[[nodiscard]] inline mfa::Options options_of(const Settings& settings) {
  mfa::Options options;
  const bool in_memory = storage_url(settings).kind == StorageUrl::Kind::memory;
  if (settings.is_set("key-ring-file"))
    options.key_ring = mfa::read_key_file(settings.text("key-ring-file"));
  else if (in_memory)
    options.key_ring = mfa::KeyRing::generate();
  else
    throw std::invalid_argument(
        "--key-ring-file is not set, and what is stored must be sealed; make a file by "
        "(umask 077; echo \"2026-01 $(openssl rand -hex 32)\" >FILE)");
  options.sms_allowed_country_codes = settings.list("sms-countries");
  if (!Messages::sends(mfa::Channel::sms, settings)) {
    options.sms_allowed_country_codes = {"1"}; // which is denied too: nobody enrols a phone
    options.sms_denied_country_codes = {"1"};
  } else if (options.sms_allowed_country_codes.empty()) {
    throw std::invalid_argument("--sms-countries is not set; name the countries that you serve, as US,GB, or "
                                "all. Fraud lives in those that you do not");
  } else if (settings.text("sms-countries") == "all") {
    options.sms_allowed_country_codes = mfa::sms::every_country();
  }
  if (settings.is_set("sms-template")) options.sms_template = settings.text("sms-template");
  for (const char* const name : {"webauthn-name", "webauthn-origins"})
    if (settings.is_set(name) && !settings.is_set("webauthn-id"))
      throw std::invalid_argument(settings.said(name) +
                                  " is set and --webauthn-id is not, so there would be no security keys; set "
                                  "it to the domain of the pages");
  if (settings.is_set("webauthn-id")) {
    mfa::webauthn::RelyingPartySettings party;
    party.id = settings.text("webauthn-id");
    party.name = settings.is_set("webauthn-name") ? settings.text("webauthn-name") : party.id;
    party.origins = settings.list("webauthn-origins");
    options.webauthn = mfa::webauthn::relying_party(std::move(party));
  }
  mfa::check_options(options);
  return options;
}

/// What the settings say of the API. Throws what is wrong.
[[nodiscard]] inline mfa::workos::ApiOptions api_options_of(const Settings& settings) {
  mfa::workos::ApiOptions options;
  options.totp_issuer = settings.text("totp-issuer");
  try {
    if (!options.totp_issuer.empty()) mfa::otp::check_label("issuer", options.totp_issuer);
  } catch (const mfa::Error& error) {
    throw std::invalid_argument(settings.said("totp-issuer") + ": " + error.what());
  }
  options.mask_phone_numbers = settings.yes("mask-phone-numbers");
  for (const mfa::Channel channel : {mfa::Channel::sms, mfa::Channel::email})
    if (!Messages::sends(channel, settings)) options.unavailable_channels.push_back(channel);
  return options;
}

[[nodiscard]] inline std::vector<mfa::crypto::SecretString> api_keys_of(const Settings& settings) {
  if (!settings.is_set("api-key-file"))
    throw std::invalid_argument("--api-key-file is not set, and nobody could call; make one by (umask 077; "
                                "openssl rand -hex 32 >FILE)");
  return read_api_key_file(settings.text("api-key-file"));
}

[[nodiscard]] inline Limits limits_of(const Settings& settings) {
  Limits limits;
  limits.head = settings.seconds("head-timeout");
  limits.body = settings.seconds("body-timeout");
  limits.write = settings.seconds("write-timeout");
  limits.idle = settings.seconds("idle-timeout");
  limits.most_connections = settings.number("max-connections", 1, 1'000'000);
  return limits;
}

/// What a request is counted and logged as: a method and a path with stars for ids, which are nobody's.
[[nodiscard]] inline std::string operation_of(const mfa::workos::Request& request) {
  std::string_view target = request.target;
  const std::string_view path = target.substr(0, target.find('?'));
  for (const auto& known : mfa::workos::detail::known_routes) {
    mfa::workos::detail::PathIds ids;
    if (known.method == request.method && mfa::workos::detail::matches(known.path, path, ids))
      return std::string(known.method).append(" ").append(known.path);
  }
  return "unknown";
}

/// The whole server, from its settings to its end.
class Application {
 public:
  /// Throws what is wrong with the settings, and whatever keeps it from serving.
  explicit Application(const Settings& settings)
      : settings_(settings), log_(errors_only(settings)),
        messages_(settings, [this](mfa::Channel channel,
                                   const mfa::delivery::Attempt& attempt) { delivered(channel, attempt); }),
        listener_(
            context_, settings, limits_of(settings),
            [this](mfa::workos::Request request) { return answer(std::move(request)); },
            [this](const Refused& refused) { note_refusal(refused); }) {
    if (auto hooks = webhook_settings(settings); !hooks.endpoints.empty()) {
      hooks.log = [this](const std::string& what) { log_.error("webhooks", {{"cause", what}}); };
      webhooks_ = std::make_unique<webhooks::Sender>(std::move(hooks));
    }
    ServiceParts parts{settings_, messages_, options_of(settings), api_keys_of(settings),
                       api_options_of(settings)};
    parts.options.observer = [this](const mfa::Event& event) {
      metrics_.event(event);
      log_.event(event);
      if (webhooks_) (*webhooks_)(event);
    };
    parts.api_options.failed = [this](std::string_view request_id, const std::exception_ptr& thrown) {
      log_.error("failure", {{"request_id", request_id}, {"cause", Log::what(thrown)}});
    };
    service_ = settings.yes("asynchronous") ? asynchronous_service(std::move(parts), context_)
                                            : blocking_service(std::move(parts));
    metrics_.gauge("mfa_http_connections", "Connections of clients that are open.",
                   [this] { return static_cast<double>(listener_.connections().size()); });
    metrics_.gauge("mfa_http_requests_waiting", "Requests that are being worked on or wait for it.",
                   [this] { return static_cast<double>(service_->waiting()); });
    metrics_.gauge("mfa_http_connections_pushed_out", "Connections that gave way to further ones so far.",
                   [this] { return static_cast<double>(listener_.connections().pushed_out()); });
  }
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;
  ~Application() = default;

  [[nodiscard]] static bool errors_only(const Settings& settings) {
    const std::string level = settings.text("log");
    if (level != "info" && level != "error")
      throw std::invalid_argument(settings.said("log") + " is neither info nor error");
    return level == "error";
  }

  [[nodiscard]] std::string url() const { return listener_.url(); }

  /// From here on signals end no process, but are for `run` to obey: before anybody is told that it serves.
  void hear_signals() {
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) signals_.add(signal);
  }

  /// Serves until SIGTERM, SIGINT or `stop`. False: requests or messages were cut off, as they took longer
  /// than `drain`; then this must not be destroyed, since something is still under way.
  bool run() {
    const std::size_t threads = settings_.is_set("event-threads")
                                    ? settings_.number("event-threads", 1, 1000)
                                    : std::max<std::size_t>(1, std::thread::hardware_concurrency());
    listener_.start();
    const auto one_at_a_time = asio::make_strand(context_);
    asio::co_spawn(one_at_a_time, obey_signals(), asio::detached);
    asio::co_spawn(one_at_a_time, watch_files(), asio::detached);
    asio::co_spawn(context_, purge_now_and_then(), asio::detached);
    log_.info("serving", {{"url", url()}, {"asynchronous", settings_.yes("asynchronous")}});
    if (storage_url(settings_).kind == StorageUrl::Kind::memory)
      log_.warning("the storage is memory: what is stored ends with this process");
    for (const std::string& variable : settings_.unknown_variables())
      log_.warning("a variable of the environment is no setting and does nothing", {{"variable", variable}});
    std::vector<std::thread> others;
    for (std::size_t i = 1; i < threads; ++i) others.emplace_back([this] { context_.run(); });
    context_.run();
    for (std::thread& other : others) other.join();
    return cut_off_ == 0 && messages_sent_;
  }

  /// From any thread.
  void stop() {
    if (stopping_.exchange(true)) return;
    log_.info("stopping", {{"connections", listener_.connections().size()}});
    listener_.stop();
    asio::co_spawn(context_, drain(), asio::detached);
  }

 private:
  using Request = mfa::workos::Request;
  using Response = mfa::workos::Response;

  asio::awaitable<Response> answer(Request request) {
    const auto begin = std::chrono::steady_clock::now();
    std::string operation = operation_of(request);
    Response response;
    bool logged = true;
    const std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
    if (path == "/health" || path == "/health/ready" || path == "/metrics") {
      operation = "GET " + std::string(path);
      logged = false;
      if (request.method != "GET") {
        response = plain_response(405, "Method Not Allowed");
        response.headers.emplace_back("Allow", "GET, HEAD");
      } else if (path == "/metrics") {
        response = metrics_answer();
      } else if (path == "/health") {
        response = plain_response(200, "alive");
      } else {
        response = co_await readiness();
      }
    } else {
      response = co_await service_->handle(std::move(request));
    }
    const auto time = std::chrono::steady_clock::now() - begin;
    metrics_.request(operation, response.status, time);
    if (logged) {
      const auto id = mfa::workos::detail::only_header(response.headers, "X-Request-ID").value_or("");
      log_.info("request", {{"request_id", id},
                            {"operation", operation},
                            {"status", response.status},
                            {"milliseconds", std::chrono::duration<double, std::milli>(time).count()}});
    }
    co_return response;
  }

  /// Of what was no request that is served nothing is logged but our own words.
  void note_refusal(const Refused& refused) {
    metrics_.request("unknown", refused.status, std::chrono::nanoseconds(0));
    log_.info("request", {{"operation", "unknown"}, {"status", refused.status}, {"cause", refused.why}});
  }

  Response metrics_answer() {
    Response response;
    try {
      response.body = metrics_.text() + (webhooks_ ? webhooks_->metrics() : "");
      response.headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}};
    } catch (const std::exception& error) { // the webhook outbox cannot be read, say
      log_.error("metrics", {{"cause", error.what()}});
      response = plain_response(500, "The metrics cannot be read; the log says why.");
    }
    return response;
  }

  /// Whether it can do its work: the storage is asked, once a second at most.
  asio::awaitable<Response> readiness() {
    if (stopping_) co_return plain_response(503, "stopping");
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    auto asked = storage_asked_.load();
    constexpr auto second = std::chrono::steady_clock::duration(std::chrono::seconds(1)).count();
    if (now - asked > second && storage_asked_.compare_exchange_strong(asked, now)) {
      std::string cause;
      try {
        co_await service_->ask_storage();
      } catch (const std::exception& error) {
        cause = error.what();
      }
      if (!cause.empty()) log_.error("storage", {{"cause", cause}});
      storage_answers_ = cause.empty();
    }
    co_return storage_answers_ ? plain_response(200, "ready")
                               : plain_response(503, "the storage does not answer");
  }

  /// To the end: a signal that nobody hears would end the process in the middle of requests.
  asio::awaitable<void> obey_signals() {
    for (;;) {
      const int signal = co_await signals_.async_wait(asio::use_awaitable);
      if (signal != SIGHUP) {
        stop();
        continue;
      }
      told_to_read_ = true;
      next_look_.cancel();
    }
  }

  // Files that may change while it runs.

  struct Seen {
    timespec changed{}; ///< also when owner or mode did
    ino_t file{};
    bool operator==(const Seen& other) const noexcept {
      return changed.tv_sec == other.changed.tv_sec && changed.tv_nsec == other.changed.tv_nsec &&
             file == other.file;
    }
  };
  [[nodiscard]] std::vector<Seen> look_at_files() const {
    std::vector<Seen> all;
    for (const char* const name :
         {"api-key-file", "key-ring-file", "tls-certificate", "tls-key", "webhook-secret-file"}) {
      struct stat status {};
      if (settings_.is_set(name) && ::stat(settings_.text(name).c_str(), &status) == 0)
        all.push_back({status.st_ctim, status.st_ino});
      else
        all.emplace_back();
    }
    return all;
  }

  /// The only one that reads them again, so that what was read first never comes into force last.
  asio::awaitable<void> watch_files() {
    while (!stopping_) {
      if (!told_to_read_) {
        next_look_.expires_after(std::chrono::seconds(2));
        asio::error_code told;
        co_await next_look_.async_wait(asio::redirect_error(asio::use_awaitable, told));
      }
      auto now = look_at_files();
      const bool told = std::exchange(told_to_read_, false);
      const bool changed = told || now != seen_;
      if (!changed && not_read_.empty()) continue;
      seen_ = std::move(now);
      co_await read_files_again(changed);
    }
  }

  /// Each by itself: one that cannot be used changes nothing, and is tried again at the next look. Unless
  /// something changed, only those are read, and a reason that was logged is not logged once more.
  asio::awaitable<void> read_files_again(bool changed) {
    const UnderWay counted(under_way_);
    const auto attempt = [this, changed](const char* what, auto read) {
      const auto before = not_read_.find(what);
      if (!changed && before == not_read_.end()) return;
      try {
        read();
        not_read_.erase(what);
        log_.info("read again", {{"file", what}});
      } catch (const std::exception& error) {
        const std::string cause = error.what();
        if (changed || before->second != cause)
          log_.error("not read again, so that what was read before counts",
                     {{"file", what}, {"cause", cause}});
        not_read_[what] = cause;
      }
    };
    attempt("api-key-file", [this] { service_->replace_api_keys(api_keys_of(settings_)); });
    if (settings_.is_set("tls-certificate"))
      attempt("tls-certificate", [this] { listener_.replace_tls(tls_context(settings_)); });
    if (webhooks_)
      attempt("webhook-secret-file", [this] {
        webhooks_->replace_secrets(read_webhook_secrets(settings_, settings_.list("webhook").size()));
      });
    if (settings_.is_set("key-ring-file")) {
      mfa::KeyRing keys;
      attempt("key-ring-file", [this, &keys] { keys = mfa::read_key_file(settings_.text("key-ring-file")); });
      try { // who watches files and hears signals goes on, whatever comes of it
        if (!keys.empty()) co_await service_->replace_key_ring(std::move(keys));
      } catch (const std::exception& error) {
        log_.error("failure", {{"cause", error.what()}});
      }
    }
  }

  asio::awaitable<void> purge_now_and_then() {
    asio::steady_timer timer(context_);
    for (;;) {
      timer.expires_after(std::chrono::hours(1));
      co_await timer.async_wait(asio::use_awaitable);
      if (stopping_) co_return;
      const UnderWay counted(under_way_);
      try {
        (void)co_await service_->purge();
      } catch (const std::exception& error) {
        log_.error("not purged", {{"cause", error.what()}});
      }
    }
  }

  /// A message that was accepted, in a thread that sends. If it was not sent, its challenge ends.
  void delivered(mfa::Channel channel, const mfa::delivery::Attempt& attempt) {
    metrics_.delivery(to_string(channel), attempt.taken());
    if (attempt.taken()) return;
    const std::string id(attempt.message_id);
    log_.error("message not sent",
               {{"channel", to_string(channel)}, {"message_id", id}, {"cause", Log::what(attempt.cause)}});
    if (attempt.failure() == mfa::DeliveryFailure::unclear) return;
    asio::co_spawn(context_, report(id, UnderWay(under_way_)), asio::detached);
  }
  asio::awaitable<void> report(std::string message_id, [[maybe_unused]] UnderWay counted) {
    try {
      co_await service_->report_delivery(std::move(message_id), mfa::DeliveryReport::not_sent);
    } catch (const std::exception& error) {
      log_.error("failure", {{"cause", error.what()}});
    }
  }

  /// Connections, and what else must not be destroyed while it runs.
  [[nodiscard]] std::size_t under_way() const noexcept { return listener_.under_way() + under_way_; }

  /// Lets requests and messages go that were taken, and ends. All of it has `drain` together.
  asio::awaitable<void> drain() {
    const auto end = std::chrono::steady_clock::now() + settings_.seconds("drain");
    asio::steady_timer timer(context_);
    const auto pause = [&timer] {
      timer.expires_after(std::chrono::milliseconds(20));
      return timer.async_wait(asio::use_awaitable);
    };
    while (listener_.under_way() > 0 && std::chrono::steady_clock::now() < end) co_await pause();
    const std::size_t late = listener_.under_way();
    messages_sent_ = messages_.stop(end);
    do // reports of what was not sent
      co_await pause();
    while (under_way_ > 0 && std::chrono::steady_clock::now() < end);
    if (webhooks_) webhooks_->stop();
    cut_off_ = std::max(late, under_way());
    log_.info("stopped", {{"cut_off", cut_off_.load()}, {"messages_sent", messages_sent_.load()}});
    context_.stop();
  }

  const Settings& settings_;
  std::vector<Seen> seen_ = look_at_files(); ///< before they are read, so that no change is missed
  Log log_;
  Metrics metrics_;
  asio::io_context context_;
  asio::signal_set signals_{context_};
  asio::steady_timer next_look_{context_}; ///< at the files; ended by SIGHUP
  bool told_to_read_ = false;
  std::map<std::string, std::string> not_read_; ///< files that could not be used, and why
  std::atomic<bool> stopping_{false};
  std::atomic<bool> messages_sent_{true};
  std::atomic<std::size_t> under_way_{0}; ///< besides connections
  std::atomic<std::size_t> cut_off_{0};
  std::atomic<std::int64_t> storage_asked_{0};
  std::atomic<bool> storage_answers_{true};
  std::unique_ptr<webhooks::Sender> webhooks_; ///< null: none
  Messages messages_;
  Listener listener_;
  std::unique_ptr<Service> service_;
};

} // namespace server
