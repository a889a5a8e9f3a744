// Uses the component workos: a request through the API, whose answer nlohmann/json reads.
#include <string>

#include <nlohmann/json.hpp>

#include <mfa/mfa.hpp>
#include <mfa/workos/api.hpp>

int main() {
  mfa::storage::Memory storage;
  mfa::Verifier verifier{storage};
  const mfa::workos::Api api(verifier, {"sk_of_this_program"});
  const auto answer =
      api.handle({"POST",
                  "/auth/factors/enroll",
                  {{"Authorization", "Bearer sk_of_this_program"}},
                  R"({"type": "totp", "totp_issuer": "Foo Corp", "totp_user": "alan.turing"})"});
  if (answer.status != 201) return 1;
  const auto factor = nlohmann::json::parse(answer.body);
  const std::string id = factor.at("id");
  return verifier.get_factor(id, mfa::any_user).totp()->issuer == "Foo Corp" ? 0 : 1;
}
