// Enrols, confirms, challenges and verifies. Of the components that the package has, it links what they need.
#include <chrono>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/manual_clock.hpp>
#ifdef WITH_curl
#include <mfa/sms/twilio.hpp>
#endif
#ifdef WITH_phonenumber
#include <mfa/phonenumber/read_phone_number.hpp>
#endif
#ifdef WITH_postgres
#include <mfa/storage/postgres.hpp>
#endif
#ifdef WITH_pskc
#include <mfa/pskc/read_pskc.hpp>
#endif
#ifdef WITH_redis
#include <mfa/storage/redis.hpp>
#endif
#ifdef WITH_sqlite
#include <mfa/storage/sqlite.hpp>
#endif
#ifdef WITH_webauthn
#include <mfa/webauthn/relying_party.hpp>
#endif
#ifdef WITH_workos
#include <mfa/workos/api.hpp>
#endif

int main(int argc, char**) {
  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  mfa::Verifier verifier{storage, clock};
  const auto enrolled = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan.turing"});
  const auto code = [&] {
    return mfa::otp::totp(mfa::otp::base32_decode(enrolled.totp.secret), clock.now());
  };
  bool works = verifier.confirm_enrollment(enrolled.factor.id(), code()).confirmed();
  clock.advance(std::chrono::seconds(30));
  const auto challenge = verifier.challenge_factor(enrolled.factor.id(), mfa::any_user);
  works = works && verifier.verify_challenge(challenge.id(), code()).valid();

#ifdef WITH_curl
  mfa::sms::Twilio twilio({.account = {.account_sid = "AC1", .secret = "secret"}, .from = "Foo Corp"});
  if (argc > 1) twilio.send({.to = "+14155550123", .body = "Hello", .id = "1"}); // linked, never run
#endif
#ifdef WITH_phonenumber
  works = works && mfa::read_phone_number("0171 1234567", {.default_region = "DE"}) == "+491711234567";
#endif
#ifdef WITH_postgres
  if (argc > 1) mfa::storage::Postgres("postgresql://app@127.0.0.1/app"); // needs a server: linked, never run
#endif
#ifdef WITH_pskc
  works = works &&
          mfa::read_pskc("<KeyContainer Version='1.0' xmlns='urn:ietf:params:xml:ns:keyprov:pskc'/>").empty();
#endif
#ifdef WITH_redis
  if (argc > 1) mfa::storage::Redis({.host = "127.0.0.1"});
#endif
#ifdef WITH_sqlite
  works = works && !mfa::storage::Sqlite("test_package.db").find_factor("unknown");
#endif
#ifdef WITH_webauthn
  works = works && mfa::webauthn::relying_party(
                       {.id = "example.org", .name = "Foo Corp", .origins = {"https://example.org"}});
#endif
#ifdef WITH_workos
  const mfa::workos::Api api(verifier, {"sk_of_the_test_package"});
  works = works && api.handle({"GET",
                               "/auth/factors/" + enrolled.factor.id(),
                               {{"Authorization", "Bearer sk_of_the_test_package"}},
                               {}})
                           .status == 200;
#endif
  return works && argc > 0 ? 0 : 1;
}
