#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/hmac.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/event.hpp>
#include <mfa/http/request.hpp>
#include <mfa/http/settings.hpp>
#include <mfa/workos/iso8601.hpp>

#include "webhook_outbox.hpp"

namespace webhooks {

/// The value of `WorkOS-Signature`: "t=1790000000000, v1=" and 64 hexadecimal digits, the HMAC-SHA-256 under
/// the secret of the milliseconds since 1970, a full stop and the body.
[[nodiscard]] inline std::string signature(std::string_view secret, mfa::Time time, std::string_view body) {
  const std::string milliseconds = std::to_string(time.time_since_epoch().count());
  mfa::crypto::Hmac hmac(mfa::crypto::Hash::sha256, mfa::crypto::bytes_of(secret));
  const std::string text = std::string(milliseconds).append(".").append(body);
  const auto digest = hmac(mfa::crypto::bytes_of(text));
  return "t=" + milliseconds + ", v1=" + mfa::detail::hexadecimal(digest.span());
}

/// "event_" and 26 characters that sort by time, as WorkOS's ids of events.
[[nodiscard]] inline std::string new_event_id(mfa::Time time) {
  constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::string id = "event_";
  for (int shift = 45; shift >= 0; shift -= 5)
    id += alphabet[static_cast<std::size_t>(time.time_since_epoch().count() >> shift & 31)];
  std::array<unsigned char, 16> drawn{};
  mfa::crypto::random_bytes_for(id, drawn);
  for (const unsigned char byte : drawn) id += alphabet[byte & 31];
  return id;
}

/// What is posted of an event: names and texts of the library's, ids and the client's address. It has no
/// code, no secret and no phone number; `Event::cause` is left out, since what a transport says is not ours.
[[nodiscard]] inline std::string body_of(const mfa::Event& event, const std::string& id) {
  nlohmann::ordered_json data;
  const auto text = [&data](const char* name, std::string_view value) {
    if (!value.empty()) data[name] = value;
  };
  text("user_id", event.user_id);
  text("authentication_factor_id", event.factor_id);
  if (event.factor_type) data["authentication_factor_type"] = to_string(*event.factor_type);
  text("authentication_challenge_id", event.challenge_id);
  if (event.status) data["status"] = to_string(*event.status);
  text("device_id", event.device_id);
  if (event.count) data["count"] = *event.count;
  if (event.channel) data["channel"] = to_string(*event.channel);
  if (event.report) data["report"] = to_string(*event.report);
  if (event.limit) data["limit"] = to_string(*event.limit);
  text("country", event.country);
  text("ip_address", event.ip_address);
  text("user_agent", event.user_agent);
  text("request_id", event.request_id);
  if (data.is_null()) data = nlohmann::ordered_json::object();
  const nlohmann::ordered_json body = {{"object", "event"},
                                       {"id", id},
                                       {"event", "mfa." + std::string(to_string(event.type))},
                                       {"data", std::move(data)},
                                       {"created_at", mfa::workos::iso8601(event.at)}};
  return body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

struct Endpoint {
  std::string url; ///< https, or http on this machine
  mfa::crypto::SecretString secret;
};

struct Settings {
  std::vector<Endpoint> endpoints;
  std::string outbox;                ///< a SQLite file of this process alone
  std::set<std::string> events = {}; ///< the library's names of those that are posted; empty: all
  OutboxOptions limits = {};
  bool private_addresses =
      false;                ///< whether names may lead to addresses of private networks; see `Addresses`
  std::string ca_file = {}; ///< PEM: the authorities to trust instead of the system's
  unsigned threads = 4;     ///< for each endpoint
  std::chrono::milliseconds timeout = std::chrono::seconds(10);
  std::chrono::milliseconds first_delay = std::chrono::seconds(1); ///< doubled with each attempt
  std::chrono::milliseconds longest_delay = std::chrono::hours(1);
  std::chrono::milliseconds longest_pause = std::chrono::minutes(1); ///< of an endpoint that takes nothing
  std::chrono::milliseconds count_every = std::chrono::seconds(1);   ///< the outbox, at most so often
  std::function<void(const std::string&)> log = {};                  ///< from any thread
};

inline void check_secret(const mfa::crypto::SecretString& secret) {
  if (secret.size() < 16)
    throw mfa::Error(
        mfa::errc::invalid_argument,
        "a webhook secret must have 16 or more characters; make one with `openssl rand -hex 32`");
}

/// The URLs of these settings. Throws `errc::invalid_argument` for one that cannot be used, and for secrets
/// that are too short.
[[nodiscard]] inline std::vector<std::string> checked_urls(const Settings& settings) {
  std::vector<std::string> urls;
  for (const Endpoint& endpoint : settings.endpoints) {
    mfa::http::check_url("the webhook URL", endpoint.url);
    check_secret(endpoint.secret);
    if (std::find(urls.begin(), urls.end(), endpoint.url) != urls.end())
      throw mfa::Error(mfa::errc::invalid_argument, "a webhook URL is given twice; give each once");
    urls.push_back(endpoint.url);
  }
  return urls;
}

/// To which addresses connections may be made. An address that stands in the URL, and localhost, are taken as
/// they are: the operator wrote them. A name may lead to public addresses only, whatever its DNS says later,
/// unless `Settings::private_addresses` says otherwise.
class Addresses {
 public:
  Addresses(std::string_view url, bool private_addresses)
      : any_(private_addresses || is_written_out(mfa::http::host_of(url))) {}

  [[nodiscard]] bool allow(const sockaddr& address) const noexcept { return any_ || is_public(address); }

  [[nodiscard]] static bool is_public(const sockaddr& address) noexcept {
    if (address.sa_family == AF_INET)
      return is_public_v4(ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr));
    if (address.sa_family != AF_INET6) return false;
    const auto* const bytes = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr.s6_addr;
    const auto begins_with = [bytes](std::initializer_list<unsigned char> prefix) {
      return std::equal(prefix.begin(), prefix.end(), bytes);
    };
    const bool is_mapped = begins_with({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff});
    const bool is_translated = begins_with({0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}); // RFC 6052
    if (is_mapped || is_translated)
      return is_public_v4(std::uint32_t{bytes[12]} << 24 | std::uint32_t{bytes[13]} << 16 |
                          std::uint32_t{bytes[14]} << 8 | bytes[15]);
    return (bytes[0] & 0xe0) == 0x20 && !begins_with({0x20, 0x02}) && !begins_with({0x20, 0x01, 0, 0});
  }

 private:
  static bool is_written_out(std::string_view host) {
    if (host == "localhost" || host.starts_with('[')) return true;
    in_addr address{};
    return ::inet_pton(AF_INET, std::string(host).c_str(), &address) == 1;
  }

  static bool is_public_v4(std::uint32_t address) noexcept {
    struct Network {
      std::uint32_t address;
      int bits;
    };
    // RFC 6890: this network, private, shared, loopback, link-local, protocols, benchmarks, multicast,
    // reserved.
    constexpr std::array networks = {
        Network{0, 8},           Network{0x0a000000, 8},  Network{0x64400000, 10}, Network{0x7f000000, 8},
        Network{0xa9fe0000, 16}, Network{0xac100000, 12}, Network{0xc0000000, 24}, Network{0xc0a80000, 16},
        Network{0xc6120000, 15}, Network{0xe0000000, 3}};
    return std::none_of(networks.begin(), networks.end(), [address](const Network& network) {
      return ((address ^ network.address) >> (32 - network.bits)) == 0;
    });
  }

  bool any_;
};

/// One connection to one endpoint, for one thread.
class Poster {
 public:
  struct Outcome {
    int status = 0;       ///< 0: no answer
    std::string why = {}; ///< there is none
    std::chrono::seconds retry_after{0};

    [[nodiscard]] bool taken() const noexcept { return status >= 200 && status < 300; }
  };

  Poster(const Settings& settings, const std::string& url)
      : settings_(settings), url_(url), addresses_(url, settings.private_addresses), curl_(curl_easy_init()) {
    if (!curl_) throw std::bad_alloc();
  }
  Poster(const Poster&) = delete;
  Poster& operator=(const Poster&) = delete;

  /// Redirects are not followed, and no proxy is used. `stop` is asked now and then whether to break off.
  Outcome post(const std::string& body, const std::string& signed_by, const std::function<bool()>& stop) {
    CURL* const curl = curl_.get();
    curl_easy_reset(curl); // the connection stays
    const Headers headers = headers_of(signed_by);
    refused_ = false;
    answer_ = 0;
    stop_ = &stop;
    set(CURLOPT_URL, url_.c_str());
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!settings_.ca_file.empty()) {
      set(CURLOPT_CAINFO, settings_.ca_file.c_str());
      set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
    }
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(settings_.timeout.count()));
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_POSTFIELDS, body.data());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    set(CURLOPT_OPENSOCKETFUNCTION, &Poster::open_socket);
    set(CURLOPT_OPENSOCKETDATA, this);
    set(CURLOPT_WRITEFUNCTION, &Poster::hear);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &Poster::go_on);
    set(CURLOPT_XFERINFODATA, this);
    const CURLcode result = curl_easy_perform(curl);
    Outcome outcome;
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    outcome.status = static_cast<int>(status); // once it is known, the answer is known, cut off or not
    if (status == 0)
      outcome.why = refused_ ? "its name leads to an address of a private network, which is not allowed"
                             : curl_easy_strerror(result);
    curl_off_t wait = 0;
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait);
    outcome.retry_after = std::chrono::seconds(std::clamp<curl_off_t>(wait, 0, 3600));
    return outcome;
  }

 private:
  struct FreeList {
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
  };
  struct Close {
    void operator()(CURL* curl) const noexcept { curl_easy_cleanup(curl); }
  };
  using Headers = std::unique_ptr<curl_slist, FreeList>;

  static Headers headers_of(const std::string& signed_by) {
    Headers headers;
    for (const std::string& line :
         {"WorkOS-Signature: " + signed_by, std::string("Content-Type: application/json"),
          std::string("User-Agent: mfa-server"), std::string("Expect:")}) {
      curl_slist* const longer = curl_slist_append(headers.get(), line.c_str());
      if (longer == nullptr) throw std::bad_alloc();
      (void)headers.release();
      headers.reset(longer);
    }
    return headers;
  }

  template <class Value> void set(CURLoption option, Value value) {
    if (curl_easy_setopt(curl_.get(), option, value) != CURLE_OK)
      throw std::runtime_error("libcurl does not take an option of a webhook; check webhook-ca-file");
  }

  static curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* to) {
    auto& poster = *static_cast<Poster*>(self);
    if (!poster.addresses_.allow(to->addr)) {
      poster.refused_ = true;
      return CURL_SOCKET_BAD;
    }
    return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
  }

  /// What it says besides is not looked at.
  static std::size_t hear(char*, std::size_t size, std::size_t count, void* self) {
    constexpr std::size_t enough = 65'536;
    auto& heard = static_cast<Poster*>(self)->answer_;
    heard += size * count;
    return heard > enough ? 0 : size * count;
  }

  static int go_on(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return (*static_cast<Poster*>(self)->stop_)() ? 1 : 0;
  }

  const Settings& settings_;
  const std::string& url_;
  const Addresses addresses_;
  std::unique_ptr<CURL, Close> curl_;
  const std::function<bool()>* stop_ = nullptr;
  std::size_t answer_ = 0;
  bool refused_ = false;
};

/// Keeps events and posts them, at least once each, those of a user in their order. An attempt that brings
/// anything but 2xx is repeated, after growing delays, until the event is given up.
class Sender {
 public:
  /// Throws `mfa::Error` (`invalid_argument`) for URLs and secrets that cannot be used, and
  /// `std::runtime_error` if the outbox cannot.
  explicit Sender(Settings settings)
      : settings_(std::move(settings)), outbox_(settings_.outbox, checked_urls(settings_), settings_.limits) {
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (initialised != CURLE_OK) throw std::runtime_error("libcurl cannot be initialised");
    for (std::size_t i = 0; i < settings_.endpoints.size(); ++i)
      lanes_.emplace_back(settings_.endpoints[i].url, i);
    for (Lane& lane : lanes_)
      for (unsigned i = 0; i < settings_.threads; ++i) threads_.emplace_back([this, &lane] { work(lane); });
    threads_.emplace_back([this] { keep_tidy(); });
  }
  ~Sender() { stop(); }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  /// For `Options::observer`: when it returns, the event is on the disk.
  void operator()(const mfa::Event& event) {
    const std::string name(to_string(event.type));
    if (!settings_.events.empty() && !settings_.events.contains(name)) return;
    const std::string id = new_event_id(event.at);
    std::string chain = id;
    if (!event.user_id.empty())
      chain = std::string("user ").append(event.user_id);
    else if (!event.factor_id.empty())
      chain = event.factor_id;
    if (!outbox_.add(std::move(chain), body_of(event, id), now()))
      log("the webhook outbox cannot be written; events wait in memory: check its disk");
    for (Lane& lane : lanes_) wake(lane);
  }

  /// From here on payloads are signed by these, in the order of the endpoints.
  void replace_secrets(std::vector<mfa::crypto::SecretString> secrets) {
    if (secrets.size() != settings_.endpoints.size())
      throw mfa::Error(mfa::errc::invalid_argument, "give as many webhook secrets as there are URLs");
    for (const auto& secret : secrets) check_secret(secret);
    const std::lock_guard lock(secrets_);
    for (std::size_t i = 0; i < secrets.size(); ++i) settings_.endpoints[i].secret = std::move(secrets[i]);
  }

  /// Ends what is under way, at most for two seconds; the rest waits in the outbox for the next start.
  void stop() {
    if (stopping_.exchange(true)) return;
    for (Lane& lane : lanes_) wake(lane);
    {
      const std::lock_guard lock(tidying_);
      stopped_.notify_all();
    }
    const auto given = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    break_off_at_ = given.time_since_epoch().count();
    for (std::thread& thread : threads_) thread.join();
  }

  /// In Prometheus's text format. Throws `std::runtime_error` if the outbox cannot be read.
  [[nodiscard]] std::string metrics() {
    const std::vector<OutboxCounts> counts = recent_counts();
    std::string text;
    const auto family = [&](const std::string& name, const char* type, const char* help, auto value) {
      text += "# HELP mfa_webhook_" + name + ' ' + help + "\n# TYPE mfa_webhook_" + name + ' ' + type + '\n';
      for (const Lane& lane : lanes_)
        text += "mfa_webhook_" + name + "{endpoint=\"" + std::to_string(lane.number + 1) + "\",host=\"" +
                std::string(mfa::http::host_of(lane.url)) + "\"} " + std::to_string(value(lane)) + '\n';
    };
    family("deliveries_total", "counter", "Events that the endpoint took.",
           [](const Lane& lane) { return lane.delivered.load(); });
    family("failed_attempts_total", "counter", "Attempts that the endpoint did not answer with 2xx.",
           [](const Lane& lane) { return lane.failed.load(); });
    family("dead_letters_total", "counter", "Events that were given up since the start.",
           [](const Lane& lane) { return lane.given_up.load(); });
    family("pending", "gauge", "Events in the outbox.",
           [&](const Lane& lane) { return counts[lane.number].pending; });
    family("dead_letters", "gauge", "Events that were given up and are kept in the outbox.",
           [&](const Lane& lane) { return counts[lane.number].dead; });
    family("oldest_pending_seconds", "gauge", "Age of the oldest event in the outbox.",
           [&](const Lane& lane) {
             const auto oldest = counts[lane.number].oldest;
             return oldest ? std::chrono::duration_cast<std::chrono::seconds>(now() - *oldest).count() : 0;
           });
    const auto plain = [&](const std::string& name, const char* type, const char* help, auto value) {
      text += "# HELP mfa_webhook_" + name + ' ' + help + "\n# TYPE mfa_webhook_" + name + ' ' + type +
              "\nmfa_webhook_" + name + ' ' + std::to_string(value) + '\n';
    };
    plain("dropped_total", "counter",
          "Deliveries that were lost, since the outbox was full or the disk refused them.",
          outbox_.dropped());
    plain("unsaved", "gauge", "Events that are in memory alone, since the disk refused them.",
          outbox_.unsaved());
    return text;
  }

 private:
  // In a row, of whichever events: one alone may be the event's fault.
  static constexpr int failures_of_pause = 3;
  static constexpr int failures_of_outage = 5;

  /// What goes to one endpoint.
  struct Lane {
    Lane(std::string to, std::size_t which) : url(std::move(to)), number(which) {}

    const std::string url;
    const std::size_t number;
    std::mutex mutex; ///< of what follows
    std::condition_variable wake;
    int failures = 0; ///< in a row
    unsigned under_way = 0;
    bool hurrying = false; ///< after an outage: what waited for later goes out now
    std::chrono::steady_clock::time_point paused_until{};
    std::atomic<std::uint64_t> delivered{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<std::uint64_t> given_up{0};
  };

  static mfa::Time now() {
    return std::chrono::time_point_cast<mfa::Time::duration>(std::chrono::system_clock::now());
  }

  /// Of each lane. However often it is asked, the outbox is counted once in a while.
  std::vector<OutboxCounts> recent_counts() {
    const std::lock_guard lock(counting_);
    const auto time = std::chrono::steady_clock::now();
    if (counts_.empty() || time - counted_at_ >= settings_.count_every) {
      std::vector<OutboxCounts> counts;
      for (const Lane& lane : lanes_) counts.push_back(outbox_.counts(lane.url));
      counts_ = std::move(counts);
      counted_at_ = time;
    }
    return counts_;
  }

  void log(const std::string& what) const {
    if (settings_.log) settings_.log(what);
  }

  static void wake(Lane& lane) {
    const std::lock_guard lock(lane.mutex);
    lane.wake.notify_all();
  }

  /// Some of `delay`, so that those that failed together do not come again together.
  static std::chrono::milliseconds spread(std::chrono::milliseconds delay) {
    thread_local std::minstd_rand random{std::random_device{}()};
    return delay - std::chrono::milliseconds(
                       delay.count() / 4 == 0 ? 0 : random() % static_cast<unsigned>(delay.count() / 4));
  }

  [[nodiscard]] std::chrono::milliseconds delay_after(int failures, std::chrono::milliseconds longest) const {
    std::chrono::milliseconds delay = settings_.first_delay;
    for (int i = 1; i < failures && delay < longest; ++i) delay *= 2;
    return spread(std::min(delay, longest));
  }

  /// Waits for the next delivery that may be tried; nothing when all is to stop.
  std::optional<Delivery> wait(Lane& lane) {
    std::unique_lock lock(lane.mutex);
    while (!stopping_) {
      if (lane.failures >= failures_of_pause &&
          lane.under_way > 0) { // one at a time, until it takes something
        lane.wake.wait(lock);
        continue;
      }
      if (std::chrono::steady_clock::now() < lane.paused_until) {
        lane.wake.wait_until(lock, lane.paused_until);
        continue;
      }
      const mfa::Time time = now();
      if (auto delivery = outbox_.take(lane.url, time)) {
        ++lane.under_way;
        return delivery;
      }
      constexpr std::chrono::milliseconds longest =
          std::chrono::seconds(10); // operators write to the outbox too
      const auto next = outbox_.next_due(lane.url, time);
      lane.wake.wait_for(lock, next ? std::min(longest, *next - time) : longest);
    }
    return std::nullopt;
  }

  [[nodiscard]] std::string signed_by(const Lane& lane, const std::string& body) {
    const std::lock_guard lock(secrets_);
    return signature(settings_.endpoints[lane.number].secret.view(), now(), body);
  }

  void work(Lane& lane) {
    Poster poster(settings_, lane.url);
    const std::function<bool()> stop = [this] {
      return stopping_ && std::chrono::steady_clock::now().time_since_epoch().count() > break_off_at_;
    };
    while (!stopping_) {
      try {
        const auto delivery = wait(lane);
        if (!delivery) return;
        Poster::Outcome outcome;
        try {
          outcome = poster.post(delivery->body, signed_by(lane, delivery->body), stop);
        } catch (const std::exception& problem) {
          outcome.why = problem.what();
        }
        told(lane, outcome);
        keep(lane, *delivery, outcome);
      } catch (const std::exception& problem) {
        log(std::string("webhooks: ") + problem.what());
        std::unique_lock lock(lane.mutex);
        lane.wake.wait_for(lock, std::chrono::seconds(1));
      }
    }
  }

  /// What an attempt says of the endpoint.
  void told(Lane& lane, const Poster::Outcome& outcome) {
    const std::string host(mfa::http::host_of(lane.url));
    const std::lock_guard lock(lane.mutex);
    --lane.under_way;
    if (outcome.taken()) {
      if (lane.failures >= failures_of_outage) {
        lane.hurrying = true;
        log("the webhook endpoint at " + host + " takes events again");
      }
      lane.failures = 0;
      lane.paused_until = {};
    } else {
      ++lane.failures;
      if (lane.failures >= failures_of_pause)
        lane.paused_until = std::chrono::steady_clock::now() +
                            delay_after(lane.failures - failures_of_pause + 1, settings_.longest_pause);
      if (lane.failures == failures_of_outage)
        log("the webhook endpoint at " + host + " takes no events: " +
            (outcome.status != 0 ? "HTTP status " + std::to_string(outcome.status) : outcome.why));
    }
    lane.wake.notify_all();
  }

  void keep(Lane& lane, const Delivery& delivery, const Poster::Outcome& outcome) {
    const mfa::Time time = now();
    if (outcome.taken()) {
      ++lane.delivered;
      outbox_.delivered(lane.url, delivery, time);
      const std::lock_guard lock(lane.mutex);
      if (lane.hurrying) lane.hurrying = outbox_.hurry(lane.url, time) > 0;
      lane.wake.notify_all(); // the next of the chain is due
      return;
    }
    if (stopping_) return; // broken off: it counts as no attempt
    ++lane.failed;
    const auto delay = std::max<std::chrono::milliseconds>(
        delay_after(delivery.attempts + 1, settings_.longest_delay), outcome.retry_after);
    if (outbox_.failed(lane.url, delivery, time, time + delay)) {
      ++lane.given_up;
      log("an event was given up for the webhook endpoint at " + std::string(mfa::http::host_of(lane.url)) +
          "; it is kept in the outbox");
    }
  }

  /// While an endpoint takes nothing, attempts are too few to find everything that is too old.
  void give_up_old(Lane& lane) {
    {
      const std::lock_guard lock(lane.mutex);
      if (lane.failures < failures_of_outage) return;
    }
    // A minute late, so that what waited behind another event has its own attempt first.
    const std::size_t count = outbox_.give_up_old(lane.url, now() - std::chrono::minutes(1));
    if (count == 0) return;
    lane.given_up += count;
    log(std::to_string(count) + " events were given up for the webhook endpoint at " +
        std::string(mfa::http::host_of(lane.url)) + ", since they are too old; they are kept in the outbox");
  }

  void keep_tidy() {
    std::unique_lock lock(tidying_);
    for (unsigned second = 0; !stopping_; ++second) {
      try {
        outbox_.save();
        if (second % 60 == 0) outbox_.tidy(now());
        for (Lane& lane : lanes_) give_up_old(lane);
      } catch (const std::exception& problem) {
        log(std::string("webhooks: ") + problem.what());
      }
      stopped_.wait_for(lock, std::chrono::seconds(1));
    }
    outbox_.save();
  }

  Settings settings_;
  std::mutex secrets_;
  Outbox outbox_;
  std::list<Lane> lanes_;
  std::mutex counting_; ///< of what follows
  std::vector<OutboxCounts> counts_;
  std::chrono::steady_clock::time_point counted_at_{};
  std::atomic<bool> stopping_{false};
  std::atomic<std::chrono::steady_clock::rep> break_off_at_{
      std::chrono::steady_clock::time_point::max().time_since_epoch().count()};
  std::mutex tidying_;
  std::condition_variable stopped_;
  std::vector<std::thread> threads_;
};

} // namespace webhooks
