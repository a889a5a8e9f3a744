#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <mfa/crypto/bytes.hpp>
#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_sms.hpp>
#include <mfa/workos/api.hpp>

// Covers: workos/exchange.hpp workos/route.hpp workos/body.hpp workos/user_management.hpp
// Covers: workos/authenticate.hpp workos/extension/arguments.hpp workos/operations.hpp
// Covers: workos/extension/enrollment.hpp workos/extension/challenges.hpp workos/extension/verification.hpp
// Covers: workos/extension/devices.hpp workos/extension/users.hpp workos/extension/imports.hpp

namespace {

struct SignIns {
  std::optional<mfa::workos::PendingUser> find(std::string_view) {
    return mfa::workos::PendingUser{.user_id = "u_1", .may_enroll = true};
  }
  std::optional<nlohmann::ordered_json> finish(std::string_view, const mfa::workos::SecondFactor&) {
    return nlohmann::ordered_json::object();
  }
};

std::string with(std::string_view text, std::string_view name, std::string_view value) {
  std::string replaced(text);
  for (std::size_t at = 0; (at = replaced.find(name, at)) != std::string::npos; at += value.size())
    replaced.replace(at, name.size(), value);
  return replaced;
}

/// A client with a key is never answered 5xx, and what he is answered can be sent as it is.
void check(const mfa::workos::Response& response) {
  const bool refused_for_now = response.status == 429;
  if (response.status < 200 || response.status == 401 || (response.status > 422 && !refused_for_now))
    std::abort();
  for (const auto& [name, value] : response.headers)
    if (std::any_of(value.begin(), value.end(), [](char c) { return c < ' ' || c > '~'; })) std::abort();
  if (response.body.empty() != (response.status == 204)) std::abort();
  if (!response.body.empty() && !nlohmann::json::accept(response.body)) std::abort();
}

} // namespace

/// A method, a target and a body, each on a line of its own, but for the body, which is the rest. FACTOR and
/// CHALLENGE in them stand for ids.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = mfa::crypto::text_of({data, size});
  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  mfa::testing::RecordingSms sms;
  static const mfa::KeyRing keys = mfa::KeyRing::generate();
  const mfa::Verifier verifier{storage, clock, sms,
                               mfa::Options{.key_ring = keys, .sms_allowed_country_codes = {"1"}}};
  SignIns sign_ins;
  const mfa::workos::Api api(
      verifier, {"a-key-of-a-fuzzer"},
      {.totp_issuer = "Fuzz",
       .events = [](std::string_view,
                    std::size_t) { return std::optional<mfa::workos::EventPage>(std::in_place); }},
      sign_ins);
  const auto factor = verifier.enroll_factor(mfa::GenericOtp{.user_id = "u_1"}).factor;
  const auto challenge = verifier.challenge_enrollment(factor.id(), mfa::any_user);

  const auto line = [&text, &factor, &challenge] {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view taken = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return with(with(taken, "FACTOR", factor.id()), "CHALLENGE", challenge.id());
  };
  mfa::workos::Request request;
  request.method = line();
  request.target = line();
  request.body = with(with(with(text, "FACTOR", factor.id()), "CHALLENGE", challenge.id()), "CODE",
                      challenge.code().view());
  const int without_key = api.handle(request).status;
  if (without_key != 401 && !request.target.starts_with("/user_management/authenticate")) std::abort();
  request.headers.emplace_back("Authorization", "Bearer a-key-of-a-fuzzer");
  check(api.handle(request));
  return 0;
}
