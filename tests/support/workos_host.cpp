#include "workos_host.hpp"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <mfa/async.hpp>
#include <mfa/workos/async_api.hpp>

#include "awaited_storage.hpp"
#include "task.hpp"

template mfa::verbs::Verb<mfa::workos::Reply>
mfa::workos::detail::Exchange::verb<mfa::verbs::Run>(const mfa::verbs::Run&);

namespace mfa::test {

/// Those sign-ins, awaited.
struct AwaitedSignIns {
  PendingSignIns& pending;

  Task<std::optional<workos::PendingUser>> find(std::string_view token) { co_return pending.find(token); }
  Task<std::optional<Json>> finish(std::string_view token, const workos::SecondFactor& shown) {
    co_return pending.finish(token, shown);
  }
};

/// Each of its requests to the storage waits twice.
class AwaitedWorkosHost final : public WorkosHost {
 public:
  explicit AwaitedWorkosHost(workos::ApiOptions api_options = {}, Options options = {})
      : verifier(storage, clock, sms, with_code_only(std::move(options))),
        api(verifier, {api_key, second_api_key}, std::move(api_options), sign_ins) {}

  AwaitedMemory storage;
  AwaitedSignIns sign_ins{pending};
  async::Verifier<Task, AwaitedMemory, testing::ManualClock, testing::RecordingSms> verifier;
  workos::AsyncApi<decltype(verifier), AwaitedSignIns> api;

  workos::Response handle(const workos::Request& request) override {
    const auto task = api.handle(request);
    task.start();
    while (!task.done())
      if (!storage.step()) throw std::logic_error("a task waits for nothing");
    return task.result();
  }
  void replace_keys(const std::vector<crypto::SecretString>& keys) override { api.replace_keys(keys); }
};

std::unique_ptr<WorkosHost> workos_host(bool awaited, workos::ApiOptions api_options, Options options) {
  if (awaited) return std::make_unique<AwaitedWorkosHost>(std::move(api_options), std::move(options));
  return std::make_unique<BlockingWorkosHost>(std::move(api_options), std::move(options));
}

} // namespace mfa::test
