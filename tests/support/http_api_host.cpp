#include "http_api_host.hpp"

#include <memory>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>

#include <mfa/async.hpp>
#include <mfa/mfa.hpp>
#include <mfa/webauthn/relying_party.hpp>
#include <mfa/workos/api.hpp>
#include <mfa/workos/async_api.hpp>

#include "awaited_storage.hpp"
#include "forwarding_storage.hpp"
#include "task.hpp"
#include "webauthn_host.hpp"
#include "workos_host.hpp"

namespace mfa::test {

/// A storage in memory that fails when it is told to.
struct FailingMemory {
  static constexpr bool ephemeral = true;
  storage::Memory memory;
  Failure fails = Failure::none;

  auto find_factor(std::string_view id) { return answering().find_factor(id); }
  auto find_challenge(std::string_view id) { return answering().find_challenge(id); }
  auto find_counter(std::string_view id) { return answering().find_counter(id); }
  auto list_factors(std::string_view user_id) { return answering().list_factors(user_id); }
  bool commit(const storage::Batch& batch) { return answering().commit(batch); }

 private:
  storage::Memory& answering() {
    if (fails == Failure::of_storage) throw Error(errc::storage_failure, "the disk of user u_1 is full");
    if (fails == Failure::unknown) throw std::runtime_error("secret of the host");
    return memory;
  }
};

static Options with_plain_messages(Options options) {
  options.sms_template = "{{code}}";
  options.email_template = {.subject = "Your code", .text = "{{code}}"};
  options.sms_channels = {Channel::sms, Channel::voice};
  if (options.sms_allowed_country_codes.empty()) options.sms_allowed_country_codes = {"1"};
  return options;
}

class BlockingHttpApiHost final : public HttpApiHost {
 public:
  explicit BlockingHttpApiHost(workos::ApiOptions api_options = {}, Options options = {})
      : verifier(storage, clock, messages, with_plain_messages(std::move(options))),
        api(verifier, {api_key}, std::move(api_options)) {}

  FailingMemory storage;
  Verifier<FailingMemory, testing::ManualClock, RecordingMessages> verifier;
  workos::Api<decltype(verifier)> api;

  workos::Response handle(const workos::Request& request) override { return api.handle(request); }
  void fail(Failure fails) override { storage.fails = fails; }
};

/// Each of its requests to the storage waits twice.
class AwaitedHttpApiHost final : public HttpApiHost {
 public:
  explicit AwaitedHttpApiHost(workos::ApiOptions api_options = {}, Options options = {})
      : verifier(storage, clock, messages, with_plain_messages(std::move(options))),
        api(verifier, {api_key}, std::move(api_options)) {}

  struct Storage : ForwardingStorage<Storage, FailingMemory> {
    AwaitedMemory turns;
    FailingMemory memory;
    template <class Call>
    Task<std::invoke_result_t<Call, FailingMemory&>> around(std::string_view function, Call call) {
      (void)co_await turns.around(function, [](storage::Memory&) { return true; });
      co_return call(memory);
    }
  };

  Storage storage;
  async::Verifier<Task, Storage, testing::ManualClock, RecordingMessages> verifier;
  workos::AsyncApi<decltype(verifier)> api;

  workos::Response handle(const workos::Request& request) override {
    const auto task = api.handle(request);
    task.start();
    while (!task.done())
      if (!storage.turns.step()) throw std::logic_error("a task waits for nothing");
    return task.result();
  }
  void fail(Failure fails) override { storage.memory.fails = fails; }
};

class SilentHttpApiHost final : public HttpApiHost {
 public:
  FailingMemory storage;
  Verifier<FailingMemory, testing::ManualClock> verifier{storage, clock};
  workos::Api<decltype(verifier)> api{verifier, {api_key}};

  workos::Response handle(const workos::Request& request) override { return api.handle(request); }
  void fail(Failure fails) override { storage.fails = fails; }
};

std::unique_ptr<HttpApiHost> http_api_host(bool awaited, workos::ApiOptions api_options, Options options) {
  if (awaited) return std::make_unique<AwaitedHttpApiHost>(std::move(api_options), std::move(options));
  return std::make_unique<BlockingHttpApiHost>(std::move(api_options), std::move(options));
}

std::unique_ptr<HttpApiHost> host_without_transports() { return std::make_unique<SilentHttpApiHost>(); }

std::unique_ptr<HttpApiHost> whole_host(bool awaited, workos::ApiOptions api_options, Options options) {
  api_options.totp_issuer = "Foo Corp";
  options.webauthn = webauthn::relying_party(example_settings());
  return http_api_host(awaited, std::move(api_options), std::move(options));
}

} // namespace mfa::test
