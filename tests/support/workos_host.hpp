#pragma once

#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_sms.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/workos/api.hpp>
#include <mfa/workos/exchange.hpp>
#include <mfa/workos/http.hpp>

#include "api_answers.hpp"

// What the API does is compiled once, in workos_host.cpp.
extern template mfa::verbs::Verb<mfa::workos::Reply>
mfa::workos::detail::Exchange::verb<mfa::verbs::Run>(const mfa::verbs::Run&);

/// Hosts of WorkOS's API, blocking and awaited, for the same tests.
namespace mfa::test {

/// Sign-ins that wait for a second factor, by their tokens.
struct PendingSignIns {
  std::map<std::string, workos::PendingUser, std::less<>> users;
  std::vector<workos::SecondFactor> finished;
  std::exception_ptr failure;   ///< of the next searches, if any
  bool ended_meanwhile = false; ///< whichever is finished

  std::optional<workos::PendingUser> find(std::string_view token) {
    if (failure) std::rethrow_exception(failure);
    const auto found = users.find(token);
    return found != users.end() ? std::optional(found->second) : std::nullopt;
  }
  std::optional<Json> finish(std::string_view token, const workos::SecondFactor& shown) {
    const auto found = users.find(token);
    if (found == users.end() || ended_meanwhile) return std::nullopt;
    users.erase(found);
    finished.push_back(shown);
    return Json{{"user",
                 {{"object", "user"},
                  {"id", shown.user_id},
                  {"email", "alan.turing@example.com"},
                  {"email_verified", true},
                  {"first_name", "Alan"},
                  {"last_name", "Turing"},
                  {"profile_picture_url", nullptr},
                  {"last_sign_in_at", nullptr},
                  {"external_id", nullptr},
                  {"metadata", Json::object()},
                  {"created_at", "2026-01-01T00:00:00.000Z"},
                  {"updated_at", "2026-01-01T00:00:00.000Z"}}},
                {"access_token", "access"},
                {"refresh_token", "refresh"},
                {"authentication_method", "Password"}};
  }
};

inline Options with_code_only(Options options) {
  options.sms_template = "{{code}}";
  if (options.sms_allowed_country_codes.empty()) options.sms_allowed_country_codes = {"1"};
  return options;
}

/// A host of the API, whichever its verifier.
class WorkosHost {
 public:
  virtual ~WorkosHost() = default;

  testing::ManualClock clock;
  testing::RecordingSms sms;
  PendingSignIns pending;

  virtual workos::Response handle(const workos::Request& request) = 0;
  virtual void replace_keys(const std::vector<crypto::SecretString>& keys) = 0;

  /// What the authenticator shows `steps` periods from now.
  [[nodiscard]] std::string code(std::string_view secret, int steps = 0) const {
    return otp::totp(otp::base32_decode(secret), clock.now() + steps * std::chrono::seconds(30));
  }
};

class BlockingWorkosHost final : public WorkosHost {
 public:
  explicit BlockingWorkosHost(workos::ApiOptions api_options = {}, Options options = {})
      : verifier(storage, clock, sms, with_code_only(std::move(options))),
        api(verifier, {api_key, second_api_key}, std::move(api_options), pending) {}

  storage::Memory storage;
  Verifier<storage::Memory, testing::ManualClock, testing::RecordingSms> verifier;
  workos::Api<decltype(verifier), PendingSignIns> api;

  workos::Response handle(const workos::Request& request) override { return api.handle(request); }
  void replace_keys(const std::vector<crypto::SecretString>& keys) override { api.replace_keys(keys); }
};

/// One of either kind.
std::unique_ptr<WorkosHost> workos_host(bool awaited, workos::ApiOptions api_options = {},
                                        Options options = {});

inline Answered ask(WorkosHost& host, std::string method, std::string target, const Json& body = nullptr) {
  return answered(
      host.handle(request_with_key(std::move(method), std::move(target), body.is_null() ? "" : body.dump())));
}

} // namespace mfa::test
