#pragma once

#include <chrono>
#include <exception>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>

#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/delivery_report.hpp>
#include <mfa/event.hpp>
#include <mfa/options.hpp>
#include <mfa/workos/api_options.hpp>
#include <mfa/workos/http.hpp>

#include "settings.hpp"
#include "transports.hpp"

namespace server {

/// The API over a storage, in one of two ways: by threads that wait for the storage, or by coroutines.
/// Usable from many threads.
class Service {
 public:
  Service() = default;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  virtual ~Service() = default;

  /// Throws nothing but for want of memory. Busy: 503.
  [[nodiscard]] virtual asio::awaitable<mfa::workos::Response> handle(mfa::workos::Request request) = 0;
  /// Throws what the storage says if it cannot be read.
  [[nodiscard]] virtual asio::awaitable<void> ask_storage() = 0;
  /// Removes what is over; returns how many records.
  [[nodiscard]] virtual asio::awaitable<std::size_t> purge() = 0;
  [[nodiscard]] virtual asio::awaitable<void> report_delivery(std::string message_id,
                                                              mfa::DeliveryReport report) = 0;
  [[nodiscard]] virtual asio::awaitable<void> replace_key_ring(mfa::KeyRing keys) = 0;
  virtual void replace_api_keys(const std::vector<mfa::crypto::SecretString>& keys) = 0;

  /// Requests that wait for a thread or the storage now.
  [[nodiscard]] virtual std::size_t waiting() const = 0;
};

/// What a service is made of.
struct ServiceParts {
  const Settings& settings;
  Messages& messages;
  mfa::Options options; ///< with the key ring
  std::vector<mfa::crypto::SecretString> api_keys;
  mfa::workos::ApiOptions api_options;
};

/// Both throw what is wrong; so does `errc::options_differ`, with another node of this storage that runs with
/// other options.
[[nodiscard]] std::unique_ptr<Service> blocking_service(ServiceParts parts);
[[nodiscard]] std::unique_ptr<Service> asynchronous_service(ServiceParts parts, asio::io_context& context);

/// Throws what keeps this process from making a file, or from writing the one that is there. Makes none.
void check_may_make(const std::string& path);

/// Opens the storage and asks it something, as a service does; throws what is wrong.
void check_storage(const Settings& settings);

/// Moves what is stored to the first key of the ring, beside servers that run, and tells `out` of it. False:
/// something did not open, or is under another key still. Throws what the storage says.
[[nodiscard]] bool reseal(const Settings& settings, mfa::Options options, std::ostream& out);

/// From now on servers of this storage are held against these options. Throws what the storage says.
void publish_options(const Settings& settings, mfa::Options options);

} // namespace server
