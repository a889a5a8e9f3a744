// A host that uses the library in a way that it does not offer is told by the compiler's first error what to
// write.
#include <cstddef>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/compiler.hpp"

using mfa::test::Compiler;
using mfa::test::first_error;

namespace {

/// A host that is right until a test changes a part. Its storage is in memory, or has the five functions
/// alone.
const std::string host = R"(
struct Bare {
  static constexpr bool ephemeral = true;
  std::optional<mfa::storage::FactorRecord> find_factor(std::string_view id);
  std::optional<mfa::storage::ChallengeRecord> find_challenge(std::string_view id);
  std::optional<mfa::storage::CounterRecord> find_counter(std::string_view id);
  std::vector<mfa::storage::FactorRecord> list_factors(std::string_view user_id);
  bool commit(const mfa::storage::Batch& batch);
};
using Storage = mfa::storage::Memory;
int status_of(const mfa::Error& error) {
  switch (error.code()) {
  case mfa::errc::entity_not_found: return 404;
  default: return 500;
  }
}
class Service {
  Storage storage;
  mfa::Verifier<Storage> verifier{storage};
};
void serve(Storage& storage, const mfa::clock::System& clock, mfa::sms::Console& sms, const mfa::Options& options) {
  mfa::clock::System own_clock = clock;
  auto shared = std::make_shared<Storage>();
  mfa::Verifier verifier{storage, own_clock, sms, options};
  auto enrolled = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
  auto confirmation = verifier.confirm_enrollment(enrolled.factor.id(), "123456");
  auto codes = verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42"}, confirmation);
  auto challenge = verifier.challenge_factor(enrolled.factor.id(), mfa::any_user);
  auto bound = verifier.challenge_factor(enrolled.factor.id(), "u_42", {.binding = "session"});
  auto enrollment = verifier.challenge_enrollment(enrolled.factor.id(), "u_42");
  auto found = verifier.get_challenge(challenge.id(), "u_42");
  auto factor = verifier.get_factor(enrolled.factor.id(), "u_42");
  auto verification = challenge.verify("123456");
  verifier.unlock_factor(enrolled.factor.id(), "u_42", verification);
  verifier.delete_factor(enrolled.factor.id(), "u_42", verification);
  auto some = verifier.list_factors("u_42", {.limit = 10});
  auto purged = verifier.purge_expired();
  auto resealed = verifier.reseal_all();
  auto counted = verifier.count_keys();
}
template class mfa::Verifier<Bare>;
)";

} // namespace

TEST_CASE("The first error says what to write instead") {
  struct Row {
    std::string right; ///< a part of the host
    std::string wrong;
    std::string first_error;
  };
  const std::string request = "mfa::Totp{.issuer = \"Foo Corp\", .user = \"alan\"}";
  const std::string takes_request =
      "mfa: enroll_factor takes a request by its name: mfa::Totp{...}, mfa::Sms{...}, ";
  const std::string say_whose = "mfa: say whose it is, after the id: a user's id, as challenge_factor(";
  const std::string the_verification =
      "mfa: what allows this is the Verification itself, or the Confirmation";
  const std::string policies = "{storage, own_clock, sms, options}";
  const std::string options_last = "mfa: Options come last: Verifier{storage, options}, ";
  const std::string no_pointer =
      "mfa: give the policy itself, not a pointer to it: Verifier{*storage} borrows ";
  const std::string storage = "Storage = mfa::storage::Memory";
  const std::string scan = "std::vector<mfa::storage::FactorRecord> scan_factors(std::string_view after_id, "
                           "std::size_t limit)";
  std::vector<Row> rows{
      // what to enrol
      {request, "\"totp\"", takes_request},
      {request, "mfa::TotpDetails{\"Foo Corp\", \"alan\"}", takes_request},
      {request, "{\"Foo Corp\", \"alan\"}", takes_request},
      {request, "{.issuer = \"Foo Corp\", .user = \"alan\", .user_id = \"u_42\"}", takes_request},
      {request, "{.issuer = \"Foo Corp\", .user = \"alan\", .digits = 8, .counter = 5}", takes_request},
      {request, "{.issuer = \"Foo Corp\", .user = \"alan\", .digits = 8, .period = 60s}", takes_request},
      {request, "{.phone_number = \"+14155550123\", .user_id = \"u_42\"}", takes_request},
      {request, "{.address = \"alan@example.com\", .user_id = \"u_42\"}", takes_request},
      {request, "{.destination = \"a***@example.com\", .user_id = \"u_42\"}", takes_request},
      {request, "{.user_id = \"u_42\", .count = 10}", takes_request},
      {request, "{.user = \"alan\", .display_name = \"Alan\", .user_id = \"u_42\"}", takes_request},
      // whose
      {"id(), mfa::any_user)", "id())", say_whose},
      {"id(), \"u_42\", {.binding", "id(), {.binding", say_whose},
      {"challenge_enrollment(enrolled.factor.id(), \"u_42\")", "challenge_enrollment(enrolled.factor.id())",
       say_whose},
      {"get_challenge(challenge.id(), \"u_42\")", "get_challenge(challenge.id())", say_whose},
      {"get_factor(enrolled.factor.id(), \"u_42\")", "get_factor(enrolled.factor.id())", say_whose},
      {"unlock_factor(enrolled.factor.id(), \"u_42\", verification)", "unlock_factor(enrolled.factor.id())",
       say_whose},
      {"delete_factor(enrolled.factor.id(), \"u_42\", verification)", "delete_factor(enrolled.factor.id())",
       say_whose},
      // by what it is allowed
      {"confirmation);", "confirmation.confirmed());", the_verification},
      {"delete_factor(enrolled.factor.id(), \"u_42\", verification)",
       "delete_factor(enrolled.factor.id(), \"u_42\", verification.valid())", the_verification},
      {"confirmation);", "true);", the_verification},
      // a confirmation signs nobody in
      {"auto enrollment = ", "if (confirmation.valid()) return; auto enrollment = ",
       "o member named"}, // g++ says "has no", clang++ says "no"
      // the order
      {policies, "{storage, own_clock, options, sms}", options_last},
      {policies, "{options, storage, own_clock, sms}", options_last},
      {policies, "{options, storage}", options_last},
      // a policy behind a pointer
      {policies, "{shared, own_clock, sms, options}", no_pointer},
      {policies, "{std::make_unique<Storage>(), own_clock, sms}", no_pointer},
      {policies, "{&storage}", no_pointer},
      {policies, "{storage, own_clock, &sms}", no_pointer},
  };
  // what the storage does not offer
  const std::vector<Row> offers{
      {"auto some = verifier.list_factors(\"u_42\", {.limit = 10});", "",
       "mfa: list_factors by pages needs a storage that offers: std::vector<mfa::storage::FactorRecord> "
       "list_factors(std::string_view user_id, std::string_view after_id, std::size_t limit)"},
      {"auto purged = verifier.purge_expired();", "",
       "mfa: purge_expired needs a storage that offers: std::size_t purge(mfa::Time now, std::size_t limit)"},
      {"auto resealed = verifier.reseal_all();", "", "mfa: reseal_all needs a storage that offers: " + scan},
      {"auto counted = verifier.count_keys();", "", "mfa: count_keys needs a storage that offers: " + scan},
  };

  for (const std::string compiler_name : {"g++", "clang++"}) {
    if (!Compiler::available(compiler_name)) {
      WARN(compiler_name << " is not here and was not asked");
      continue;
    }
    const Compiler compiler(compiler_name, "#include <mfa/mfa.hpp>\nusing namespace std::chrono_literals;\n");
    CAPTURE(compiler_name);
    REQUIRE(compiler.complaints(host) == std::vector<std::string>{});
    const auto first_error_with = [&compiler](std::string program, const std::string& right,
                                              const std::string& wrong) {
      const std::size_t at = program.find(right);
      REQUIRE(at != std::string::npos);
      const auto lines = compiler.complaints(program.replace(at, right.size(), wrong));
      CHECK(lines.size() <= 60);
      return first_error(lines);
    };
    for (const Row& row : rows) {
      CAPTURE(row.right, row.wrong);
      CHECK_THAT(first_error_with(host, row.right, row.wrong), mfa::test::contains(row.first_error));
    }
    std::string bare = host;
    bare.replace(bare.find(storage), storage.size(), "Storage = Bare");
    for (const Row& row : offers) {
      CAPTURE(row.right);
      // Of the verbs that need an offer, this one alone is left.
      std::string program = bare;
      for (const Row& other : offers)
        if (&other != &row) program.replace(program.find(other.right), other.right.size(), other.wrong);
      CHECK_THAT(first_error_with(program, row.right, row.right), mfa::test::contains(row.first_error));
    }
  }
}
