// What a host holds stays usable: options own what they are given, what a temporary returns does not dangle,
// and a factor or challenge whose Verifier is gone says so. The cases that do compile are for
// AddressSanitizer.
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/otp/uri_parser.hpp>
#include <mfa/testing/storage_conformance.hpp>

#include "support/catch.hpp"
#include "support/compiler.hpp"
#include "support/host.hpp"

using mfa::Page;
using mfa::Status;
using mfa::VerifyOptions;
using mfa::crypto::SecretString;
using mfa::test::Compiler;
using mfa::test::Host;

namespace {

/// A text too long for a string to keep in itself, from a function as hosts have them.
std::string session_id() { return std::string(64, 's'); }
std::string user_id() { return "user " + std::string(64, 'u'); }

/// Overwrites what a function that returned has left, so that a view of it shows.
[[gnu::noinline]] void use_the_stack() {
  volatile char bytes[4096];
  for (volatile char& byte : bytes) byte = '!';
}

} // namespace

TEST_CASE("The next page is asked for by an id of a page that is gone") {
  Host host;
  std::vector<std::string> enrolled;
  for (int i = 0; i < 5; ++i) {
    host.clock.advance(std::chrono::seconds(1));
    enrolled.push_back(host.enroll_totp(user_id()).factor.id());
  }
  std::vector<std::string> listed;
  Page page{.limit = 2};
  for (;;) {
    const auto factors = host.verifier.list_factors(user_id(), page);
    for (const auto& factor : factors) listed.push_back(factor.id());
    if (factors.size() < page.limit) break;
    page.after = factors.back().id();
  }
  CHECK(listed == enrolled);
}

TEST_CASE("Options are made of temporaries and used later") {
  Host host;
  const auto enrolled = host.enroll_verified_totp(user_id());
  const mfa::ChallengeOptions asked{
      .purpose = mfa::Purpose::action, .action = session_id(), .binding = session_id()};
  const VerifyOptions options{
      .purpose = mfa::Purpose::action, .action = session_id(), .binding = session_id(), .user = user_id()};
  const auto authorization = mfa::Authorization::of_challenge(std::string(40, 'c'));
  use_the_stack();
  const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), user_id(), asked);
  CHECK(host.verify(challenge.id(), host.code(enrolled.totp.secret), options) == Status::valid);
  CHECK(authorization.challenge_id() == std::string(40, 'c'));

  const mfa::testing::ConformanceOptions checks{.only = session_id()};
  use_the_stack();
  CHECK(checks.only == session_id());

  const mfa::otp::Account account{
      .issuer = session_id(), .user = user_id(), .secret = mfa::crypto::SecretBytes(20)};
  use_the_stack();
  const auto uri = mfa::otp::uri(account);
  CHECK(mfa::otp::parse_uri(uri).user == user_id());
}

TEST_CASE("What a temporary returns lives on") {
  Host host;
  const auto enrolled = host.verifier.enroll_factor(
      mfa::Totp{.issuer = session_id(), .user = "alan", .user_id = user_id(), .friendly_name = session_id()});
  const std::string factor_id = enrolled.factor.id();
  auto& verifier = host.verifier;
  const auto& confirmed = verifier.confirm_enrollment(factor_id, host.code(enrolled.totp.secret));
  const auto& confirmed_user = mfa::Confirmation(confirmed).user_id();
  const auto& confirmed_factor = mfa::Confirmation(confirmed).factor_id();
  const auto& confirmed_challenge = mfa::Confirmation(confirmed).challenge();
  host.clock.advance(std::chrono::seconds(30));
  const std::string challenge_id = host.challenge(factor_id);

  const auto& id = verifier.get_factor(factor_id, mfa::any_user).id();
  const auto& user = verifier.get_factor(factor_id, mfa::any_user).user_id();
  const auto& name = verifier.get_factor(factor_id, mfa::any_user).friendly_name();
  const auto& details = verifier.get_factor(factor_id, mfa::any_user).details();
  const auto& totp = verifier.get_factor(factor_id, mfa::any_user).totp();
  const auto& no_phone = verifier.get_factor(factor_id, mfa::any_user).sms();
  const auto& enrolled_id = host.enroll_totp().factor.id();
  const auto& new_challenge_id = verifier.challenge_factor(factor_id, mfa::any_user).id();
  const auto& found_challenge_id = verifier.get_challenge(challenge_id, mfa::any_user).id();
  const auto& challenged_id = verifier.get_challenge(challenge_id, mfa::any_user).factor_id();
  const auto& options = verifier.challenge_factor(factor_id, mfa::any_user).webauthn_options();
  const auto& answered = verifier.verify_challenge(challenge_id, host.code(enrolled.totp.secret));
  const auto& verified_user = mfa::Verification(answered).user_id();
  const auto& verified_factor = mfa::Verification(answered).factor_id();
  const auto& verified_challenge = mfa::Verification(answered).challenge();
  const auto& defaults = mfa::Verifier{mfa::storage::Memory{}}.options();
  use_the_stack();

  CHECK(id == factor_id);
  CHECK(user == user_id());
  CHECK(name == session_id());
  CHECK(std::get<mfa::TotpDetails>(details).issuer == session_id());
  REQUIRE(totp);
  CHECK(totp->issuer == session_id());
  CHECK_FALSE(no_phone);
  CHECK(enrolled_id.starts_with("auth_factor_"));
  CHECK(new_challenge_id.starts_with("auth_challenge_"));
  CHECK(found_challenge_id == challenge_id);
  CHECK(challenged_id == factor_id);
  CHECK(options.empty());
  CHECK(confirmed.confirmed());
  CHECK(confirmed_user == user_id());
  CHECK(confirmed_factor == factor_id);
  CHECK(confirmed_challenge.factor_id() == factor_id);
  CHECK(answered.valid());
  CHECK(verified_user == user_id());
  CHECK(verified_factor == factor_id);
  CHECK(verified_challenge.factor_id() == factor_id);
  CHECK(defaults.sms_template == mfa::sms::default_message_template);
}

TEST_CASE("Each kind's details come out of a temporary by value, and by a pointer of what has a name") {
  using Factor = decltype(std::declval<Host&>().verifier.get_factor("", mfa::any_user));
  const auto told = []<class Details>(std::type_identity<Details>, auto of) {
    return std::is_same_v<decltype(of(std::declval<Factor>())), std::optional<Details>> &&
           std::is_same_v<decltype(of(std::declval<const Factor&>())), const Details*>;
  };
  CHECK(told(std::type_identity<mfa::TotpDetails>{},
             [](auto&& factor) { return std::forward<decltype(factor)>(factor).totp(); }));
  CHECK(told(std::type_identity<mfa::SmsDetails>{},
             [](auto&& factor) { return std::forward<decltype(factor)>(factor).sms(); }));
  CHECK(told(std::type_identity<mfa::GenericOtpDetails>{},
             [](auto&& factor) { return std::forward<decltype(factor)>(factor).generic_otp(); }));
  CHECK(told(std::type_identity<mfa::HotpDetails>{},
             [](auto&& factor) { return std::forward<decltype(factor)>(factor).hotp(); }));
  CHECK(told(std::type_identity<mfa::RecoveryCodesDetails>{},
             [](auto&& factor) { return std::forward<decltype(factor)>(factor).recovery_codes(); }));
  CHECK(told(std::type_identity<mfa::WebAuthnDetails>{},
             [](auto&& factor) { return std::forward<decltype(factor)>(factor).webauthn(); }));
}

TEST_CASE("The code of a temporary challenge is kept as what it is") {
  Host host;
  const auto channel = host.verifier.enroll_factor(mfa::GenericOtp{.destination = "e-mail"});
  const auto challenge = host.verifier.challenge_enrollment(channel.factor.id(), mfa::any_user);
  const auto again = [&] { return challenge; };
  const auto& code = again().code();
  const std::string copied(again().code());
  use_the_stack();
  CHECK(code == challenge.code());
  CHECK(code == copied);
  CHECK(host.verify(challenge.id(), code) == Status::valid);
}

TEST_CASE("A factor or challenge whose Verifier is gone refuses, and its texts stay") {
  auto host = std::make_unique<Host>();
  const auto enrolled = host->enroll_verified_totp();
  auto challenge = enrolled.factor.challenge();
  const auto copy = challenge;
  const std::string code = host->code(enrolled.totp.secret);
  const auto listed = host->verifier.list_factors("u_42");
  const std::string challenge_id = challenge.id();

  const auto moved_to = std::move(challenge);
  CHECK(moved_to.verify("000000x").status() == Status::malformed_code);
  host.reset();

  const auto refuses = [](auto&& call) {
    try {
      (void)call();
      FAIL_CHECK("not refused");
    } catch (const mfa::Error& error) {
      CHECK(error.code() == mfa::errc::invalid_argument);
      CHECK_THAT(error.what(),
                 mfa::test::contains("the Verifier of this factor or challenge is gone; keep it"));
    }
  };
  refuses([&] { return enrolled.factor.challenge(); });
  refuses([&] { return listed.front().challenge(); });
  refuses([&] { return enrolled.factor.challenge_enrollment(); });
  refuses([&] { return enrolled.factor.confirm(code); });
  refuses([&] {
    enrolled.factor.remove(mfa::by_operator);
    return 0;
  });
  refuses([&] { return moved_to.verify(code); });
  refuses([&] { return copy.verify(code); });
  refuses([&] { return copy.confirm(code); });
  refuses([&] { return challenge.verify(code); }); // moved from
  CHECK(moved_to.id() == challenge_id);
  CHECK(enrolled.factor.totp()->issuer == "Foo Corp");
}

TEST_CASE("A view of a text that is about to be wiped does not compile") {
  const std::string head = R"(
extern mfa::Verifier<mfa::storage::Memory, mfa::clock::System, mfa::sms::Console> v;
void show(std::string_view text);
void mail(const std::string& text);
std::string id();
mfa::crypto::SecretString make();
)";
  struct Row {
    std::string line;
    bool compiles;
  };
  const Row rows[] = {
      {"std::string_view code = v.challenge_factor(id(), mfa::any_user).code();", false},
      {"const std::string& code = v.challenge_factor(id(), mfa::any_user).code();", false},
      {"const auto code = v.challenge_factor(id(), mfa::any_user).code(); show(code); mail(code);", true},
      {"const auto challenge = v.challenge_factor(id(), mfa::any_user); std::string_view code = "
       "challenge.code(); "
       "show(code);",
       true},
      {"std::string_view text = make();", false},
      {"const std::string& text = make();", false},
      {"std::string_view text = make().view();", false},
      {"const std::string& text = make().str();", false},
      {"const char* text = make().c_str(); show(text);", false},
      {"std::string_view text = std::move(std::as_const(*new mfa::crypto::SecretString));", false},
      {"const mfa::TotpDetails* totp = v.get_factor(id(), mfa::any_user).totp();", false},
      {"const mfa::RecoveryCodesDetails* codes = v.list_factors(id()).front().recovery_codes(); (void)codes;",
       true},
      {"const unsigned left = v.get_factor(id(), mfa::any_user).recovery_codes()->remaining; (void)left;",
       true},
      {"const auto factor = v.get_factor(id(), mfa::any_user); if (const auto* sms = factor.sms()) "
       "show(sms->phone_number);",
       true},
      {"std::string text(make()); show(text);", true},
      {"std::string text = make(); show(text);", true},
      {"const std::string code = v.challenge_factor(id(), mfa::any_user).code(); show(code);", true},
      {"auto text = \"Your code is \" + make() + \".\" + make(); show(text);", true},
      {"mfa::Page page{.after = v.get_factor(id(), mfa::any_user).id()}; (void)page;", true},
      {"mfa::VerifyOptions options{.binding = id(), .user = id()}; (void)options;", true},
  };
  const auto number_of = [&rows](const Row& row) { return std::to_string(&row - rows + 1); };
  for (const std::string name : {"g++", "clang++"}) {
    if (!Compiler::available(name)) {
      WARN(name << " is not here and was not asked");
      continue;
    }
    const Compiler compiler(name,
                            "#include <utility>\n#include <mfa/mfa.hpp>\n#include <mfa/sms/console.hpp>\n");
    std::string right = head;
    std::string wrong = head;
    for (const Row& row : rows) { // each in a function of its own
      const std::string number = number_of(row);
      (row.compiles ? right : wrong)
          .append("#line " + number + " \"row\"\nvoid host_" + number + "() { " + row.line + " }\n");
    }
    CAPTURE(name);
    CHECK(compiler.complaints(right) == std::vector<std::string>{});
    const auto said = compiler.complaints(wrong);
    for (const Row& row : rows) {
      if (row.compiles) continue;
      CAPTURE(row.line);
      const std::string place = "row:" + number_of(row) + ':';
      CHECK(std::ranges::any_of(said, [&](const std::string& line) {
        return line.starts_with(place) && line.find(" error: ") != std::string::npos;
      }));
    }
  }
}
