// Uses the component workos: nlohmann/json.
#include <string>

#include <mfa/mfa.hpp>
#include <mfa/workos/json.hpp>

int main() {
  mfa::storage::Memory storage;
  mfa::Verifier verifier{storage};
  const auto enrolled = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan.turing"});
  const auto json = mfa::workos::json(enrolled.factor);
  return json.at("object") == "authentication_factor" && json.at("id") == enrolled.factor.id() ? 0 : 1;
}
