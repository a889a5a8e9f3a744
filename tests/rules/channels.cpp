// One code and one limit under several channels: by what it goes, in which order others are tried, what is
// kept and told of it, and what is refused.
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/decision/challenge.hpp>
#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_email.hpp>
#include <mfa/testing/recording_sms.hpp>
#include <mfa/testing/recording_transport.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using namespace mfa;
using namespace mfa::test;
using std::chrono::hours;
using std::chrono::seconds;

namespace {

constexpr const char* phone_number = "+14155550123";

/// Sends by all channels.
struct Gateways {
  testing::RecordingSms sms;
  testing::RecordingEmail email;
  testing::RecordingTransport<VoiceMessage> voice{"a recording gateway for calls"};
  testing::RecordingTransport<PushMessage> push{"a recording app"};

  void send(const SmsMessage& message) { sms.send(message); }
  void send(const EmailMessage& message) { email.send(message); }
  void send(const VoiceMessage& message) { voice.send(message); }
  void send(const PushMessage& message) { push.send(message); }

  [[nodiscard]] std::size_t sent() const {
    return sms.messages().size() + email.messages().size() + voice.messages().size() + push.messages().size();
  }
};

/// What an observer heard of messages.
struct Heard {
  EventType type;
  std::optional<Channel> channel;
  bool operator==(const Heard&) const = default;
};

struct Site {
  explicit Site(Options options = {}) : verifier(storage, clock, gateways, completed(std::move(options))) {}

  storage::Memory storage;
  testing::ManualClock clock;
  Gateways gateways;
  std::vector<Heard> heard;
  Verifier<storage::Memory, testing::ManualClock, Gateways> verifier;

  /// A phone whose user has shown that he has it, more than a day ago.
  std::string enroll_verified(const std::optional<UserId>& user_id = "u_42") {
    const auto enrolled = verifier.enroll_factor(Sms{.phone_number = phone_number, .user_id = user_id});
    const auto challenge = verifier.challenge_enrollment(enrolled.factor.id(), any_user);
    REQUIRE(challenge.confirm(gateways.sms.last().body).confirmed());
    clock.advance(hours(25));
    heard.clear();
    return enrolled.factor.id();
  }

  auto challenge(const std::string& factor_id, std::vector<Channel> channels) const {
    return verifier.challenge_factor(factor_id, any_user,
                                     {.channels = std::move(channels), .email_address = "alan@example.com"});
  }

 private:
  Options completed(Options options) {
    options.sms_template = code_only;
    options.sms_allowed_country_codes = {"1"};
    if (options.sms_channels.size() == 1)
      options.sms_channels = {Channel::push, Channel::sms, Channel::voice, Channel::email};
    options.email_template = {.subject = "Sign in", .text = "{{code}}"};
    options.observer = [this](const Event& event) {
      if (event.channel) heard.push_back({event.type, event.channel});
    };
    return options;
  }
};

/// The digits of what a call says, up to the full stop.
std::string heard_digits(std::string_view spoken) {
  std::string digits;
  for (const char c : spoken.substr(0, spoken.find('.')))
    if (c >= '0' && c <= '9') digits.push_back(c);
  return digits;
}

std::string text(const crypto::SecretString& secret) { return std::string(secret); }

} // namespace

TEST_CASE("Unless it is said, a code goes by a text message alone, and nothing more is kept of that") {
  Site site;
  const std::string id = site.enroll_verified();
  const auto challenge = site.verifier.challenge_factor(id, "u_42");
  CHECK(challenge.channel() == Channel::sms);
  CHECK(site.verifier.get_challenge(challenge.id(), "u_42").channel() == Channel::sms);
  storage::ChallengeRecord terms_of;
  decision::put_terms(terms_of, decision::ChallengeTerms());
  CHECK(terms_of.answer.front() == '\1'); // as it was before there were channels
  const auto shown = challenge.verify(site.gateways.sms.last().body);
  CHECK(shown.channel() == Channel::sms);
  CHECK(std::string(shown.amr().front()) == "sms");
}

TEST_CASE("A code goes by each channel, which is told, kept and shown") {
  struct Case {
    Channel channel;
    const char* amr;
  };
  for (const auto& [channel, amr] : {Case{Channel::sms, "sms"}, Case{Channel::voice, "tel"},
                                     Case{Channel::email, "otp"}, Case{Channel::push, "otp"}}) {
    Site site;
    const std::string id = site.enroll_verified();
    const std::size_t before = site.gateways.sent();
    const auto challenge = site.challenge(id, {channel});
    CHECK(site.gateways.sent() == before + 1);
    CHECK(challenge.channel() == channel);
    CHECK(challenge.resend_after() == seconds(30));
    CHECK(site.heard ==
          std::vector<Heard>{
              {channel == Channel::sms ? EventType::sms_sent : EventType::message_sent, channel}});
    std::string code = text(site.gateways.sms.last().body);
    if (channel == Channel::voice) {
      const VoiceMessage& call = site.gateways.voice.last();
      CHECK(call.to == phone_number);
      CHECK(call.language == "en");
      CHECK(call.id == challenge.id() + ".voice");
      code = heard_digits(call.spoken);
    }
    if (channel == Channel::email) {
      CHECK(site.gateways.email.last().to == "alan@example.com");
      code = text(site.gateways.email.last().text);
    }
    if (channel == Channel::push) {
      CHECK(site.gateways.push.last().user_id == "u_42");
      code = text(site.gateways.push.last().body);
    }
    CHECK(site.verifier.get_challenge(challenge.id(), "u_42").channel() == channel);
    const auto shown = challenge.verify(code);
    REQUIRE(shown.valid());
    CHECK(shown.channel() == channel);
    CHECK(std::string(shown.amr().front()) == amr);
    CHECK(site.verifier.get_challenge(challenge.id(), "u_42").channel() == channel); // of what is over too
  }
}

TEST_CASE("If a channel surely does not take the code, the next one gets the same") {
  Site site;
  const std::string id = site.enroll_verified();
  site.gateways.push.fail_next(DeliveryFailure::invalid_recipient); // no such app
  site.gateways.sms.fail_next(DeliveryFailure::unavailable);
  const auto challenge = site.challenge(id, {Channel::push, Channel::sms, Channel::voice, Channel::email});
  CHECK(challenge.channel() == Channel::voice);
  CHECK(site.heard == std::vector<Heard>{{EventType::message_not_sent, Channel::push},
                                         {EventType::sms_not_sent, Channel::sms},
                                         {EventType::message_sent, Channel::voice}});
  CHECK(site.gateways.email.messages().empty());
  CHECK(site.verifier.get_challenge(challenge.id(), "u_42").channel() == Channel::voice);
  const auto shown = challenge.verify(heard_digits(site.gateways.voice.last().spoken));
  CHECK(shown.valid());
  CHECK(std::string(shown.amr().front()) == "tel");
}

TEST_CASE("What several channels were tried with is counted once") {
  Options options;
  options.sms_sends_an_hour = 2;
  Site site{options};
  const std::string id = site.enroll_verified();
  for (int sends = 0; sends < 2; ++sends) {
    site.gateways.sms.fail_next();
    CHECK(site.challenge(id, {Channel::sms, Channel::voice}).channel() == Channel::voice);
    site.clock.advance(seconds(30));
  }
  for (const Channel channel : {Channel::sms, Channel::voice, Channel::email, Channel::push})
    CHECK(thrown_by([&] { return site.challenge(id, {channel}); }) == errc::sms_rate_limited);
}

TEST_CASE("What may be on its way is not sent by another channel") {
  Site site;
  const std::string id = site.enroll_verified();
  site.gateways.push.fail_next(DeliveryFailure::unclear);
  const auto challenge = site.challenge(id, {Channel::push, Channel::sms});
  CHECK(challenge.channel() == Channel::push);
  CHECK(site.heard == std::vector<Heard>{{EventType::message_unclear, Channel::push}});
  CHECK(site.verifier.get_challenge(challenge.id(), "u_42").state() == ChallengeState::pending);
}

TEST_CASE("If no channel takes it, the challenge is withdrawn, and the last one's error told") {
  Site site;
  const std::string id = site.enroll_verified();
  site.gateways.sms.fail_next();
  site.gateways.voice.fail_next(DeliveryFailure::balance_empty);
  try {
    (void)site.challenge(id, {Channel::sms, Channel::voice});
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.code() == errc::message_not_delivered);
    CHECK(std::string_view(error.what()).find("voice transport") != std::string_view::npos);
    CHECK(std::string_view(error.what()).find("withdrawn") != std::string_view::npos);
  }
  CHECK(site.heard == std::vector<Heard>{{EventType::sms_not_sent, Channel::sms},
                                         {EventType::message_not_sent, Channel::voice}});
}

TEST_CASE("A code is sent another way, and by that again") {
  for (const bool same : {false, true}) {
    Options options;
    options.resend_same_code = same;
    Site site{options};
    const std::string id = site.enroll_verified();
    const auto challenge = site.verifier.challenge_factor(id, "u_42");
    const std::string first = text(site.gateways.sms.last().body);
    CHECK(thrown_by([&] { return challenge.resend({.channel = Channel::voice}); }) == errc::sms_rate_limited);
    site.clock.advance(seconds(30));
    const auto called = challenge.resend({.channel = Channel::voice});
    CHECK(called.channel() == Channel::voice);
    CHECK(site.gateways.voice.last().id == challenge.id() + ".2.voice");
    CHECK((heard_digits(site.gateways.voice.last().spoken) == first) == same);
    site.clock.advance(seconds(30));
    CHECK(challenge.resend().channel() == Channel::voice);
    CHECK(site.gateways.voice.messages().size() == 2);
    const auto shown = challenge.verify(heard_digits(site.gateways.voice.last().spoken));
    CHECK(shown.valid());
    CHECK(std::string(shown.amr().front()) == "tel");
  }
}

TEST_CASE("What is not sent another way leaves the code and the channel that were before") {
  Site site;
  const std::string id = site.enroll_verified();
  const auto challenge = site.verifier.challenge_factor(id, "u_42");
  const std::string first = text(site.gateways.sms.last().body);
  site.clock.advance(seconds(30));
  site.gateways.voice.fail_next();
  CHECK(thrown_by([&] { return challenge.resend({.channel = Channel::voice}); }) ==
        errc::message_not_delivered);
  CHECK(site.verifier.get_challenge(challenge.id(), "u_42").channel() == Channel::sms);
  const auto shown = challenge.verify(first);
  CHECK(shown.valid());
  CHECK(std::string(shown.amr().front()) == "sms");
}

TEST_CASE("What becomes of a message is told by its id, whatever it went by") {
  const bool again = GENERATE(false, true);
  for (const Channel channel : {Channel::voice, Channel::email, Channel::push}) {
    Options options;
    options.sms_sends_an_hour = 100;
    options.sms_budgets = {.unanswered_a_prefix = 0, .unanswered_a_country = 0, .unanswered = 0};
    options.sms_budgets.a_country_an_hour = again ? 3 : 1; // of which the text messages are spent
    Site site{options};
    const std::string id = site.enroll_verified();
    const auto reported_id = [&] {
      if (channel == Channel::voice) return site.gateways.voice.last().id;
      return channel == Channel::email ? site.gateways.email.last().id : site.gateways.push.last().id;
    };
    for (int reports = 0; reports < 2; ++reports) { // as what was not sent is given back
      const auto challenge = site.challenge(id, {again ? Channel::sms : channel});
      site.clock.advance(seconds(30));
      if (again) (void)challenge.resend({.channel = channel, .email_address = "alan@example.com"});
      const std::string message_id = reported_id();
      CHECK(message_id == challenge.id() + (again ? ".2." : ".") + std::string(to_string(channel)));
      CHECK(site.verifier.report_delivery(message_id, DeliveryReport::delivered));
      CHECK(site.verifier.get_challenge(challenge.id(), "u_42").state() == ChallengeState::pending);
      CHECK(site.verifier.report_delivery(message_id, DeliveryReport::not_sent));
      CHECK(thrown_by([&] { return site.verifier.get_challenge(challenge.id(), "u_42"); }) ==
            errc::entity_not_found);
      CHECK_FALSE(site.verifier.report_delivery(message_id, DeliveryReport::not_sent));
      site.clock.advance(seconds(30));
    }
  }
}

TEST_CASE("A report on a channel that did not take the code does not end what another one brings") {
  Site site;
  const std::string id = site.enroll_verified();
  site.gateways.sms.fail_next();
  const auto challenge = site.challenge(id, {Channel::sms, Channel::voice});
  REQUIRE(challenge.channel() == Channel::voice);
  CHECK(site.verifier.report_delivery(challenge.id(), DeliveryReport::not_sent)); // of the text message
  CHECK(site.verifier.report_delivery(challenge.id() + ".push", DeliveryReport::undelivered));
  for (const char* const none : {".sms", ".fax", ".voice.voice", "voice", ".2.voice", ".1.voice", ".voice."})
    CHECK_FALSE(site.verifier.report_delivery(challenge.id() + none, DeliveryReport::undelivered));
  CHECK(challenge.verify(heard_digits(site.gateways.voice.last().spoken)).valid());

  const auto mail = site.verifier.enroll_factor(Email{.address = "alan@example.com", .user_id = "u_43"});
  const auto mailed = site.verifier.challenge_enrollment(mail.factor.id(), "u_43");
  CHECK_FALSE(site.verifier.report_delivery(mailed.id() + ".email", DeliveryReport::undelivered));
  CHECK(site.verifier.report_delivery(mailed.id(), DeliveryReport::undelivered));
  CHECK(thrown_by([&] { return site.verifier.get_challenge(mailed.id(), "u_43"); }) ==
        errc::entity_not_found);
}

TEST_CASE("Only what is allowed is sent, and only what shows the phone confirms its enrolment") {
  Options calls_too;
  calls_too.sms_channels = {Channel::sms, Channel::voice};
  Site site{calls_too};
  const std::string id = site.enroll_verified();
  const std::size_t sent = site.gateways.sent();
  const auto refused = [&](std::vector<Channel> channels) {
    return thrown_by([&] { return site.challenge(id, std::move(channels)); });
  };
  CHECK(refused({Channel::email}) == errc::invalid_argument);
  CHECK(refused({Channel::sms, Channel::push}) == errc::invalid_argument);
  CHECK(refused({Channel::sms, Channel::sms}) == errc::invalid_argument);
  CHECK(site.gateways.sent() == sent); // and none of them counts
  CHECK(refused({Channel::voice, Channel::sms}) == errc{});

  Site all;
  const auto phone = all.verifier.enroll_factor(Sms{.phone_number = phone_number, .user_id = "u_42"});
  const auto enrolled_by = [&](Channel channel) {
    return thrown_by([&] {
      return all.verifier.challenge_enrollment(phone.factor.id(), "u_42",
                                               {.channels = {channel}, .email_address = "alan@example.com"});
    });
  };
  CHECK(enrolled_by(Channel::push) == errc::invalid_argument);
  CHECK(enrolled_by(Channel::email) == errc::invalid_argument);
  const auto called =
      all.verifier.challenge_enrollment(phone.factor.id(), "u_42", {.channels = {Channel::voice}});
  all.clock.advance(seconds(30));
  CHECK(thrown_by([&] { return called.resend({.channel = Channel::push}); }) == errc::invalid_argument);
  CHECK(called.confirm(heard_digits(all.gateways.voice.last().spoken)).confirmed());
}

TEST_CASE("Each channel has what it needs, or is refused before anything is sent") {
  Site site;
  const std::string id = site.enroll_verified(std::nullopt);
  const std::size_t sent = site.gateways.sent();
  const auto refused = [&](const ChallengeOptions& said) {
    return thrown_by([&] { return site.verifier.challenge_factor(id, any_user, said); });
  };
  CHECK(refused({.channels = {Channel::push}}) == errc::invalid_argument); // nobody's app
  CHECK(refused({.channels = {Channel::email}}) == errc::invalid_argument);
  CHECK(refused({.channels = {Channel::email}, .email_address = "nobody"}) == errc::invalid_email_address);
  CHECK(refused({.channels = {Channel::voice}, .voice_template = "No code"}) == errc::invalid_argument);
  CHECK(refused({.channels = {Channel::voice}, .voice_template = "<break/> {{code}}"}) ==
        errc::invalid_argument);
  CHECK(refused({.channels = {Channel::voice}, .voice_language = "de DE"}) == errc::invalid_argument);
  CHECK(site.gateways.sent() == sent);

  const auto link = email::Template{.subject = "Sign in", .text = "{{link}}"};
  CHECK(refused({.email_template = link, .channels = {Channel::email}, .email_address = "a@example.com"}) ==
        errc::invalid_argument);
  const auto without_text = email::Template{.subject = "Sign in", .html = "<p>{{code}}</p>"};
  CHECK(refused({.email_template = without_text,
                 .channels = {Channel::email},
                 .email_address = "a@example.com"}) == errc::invalid_email_template);
  CHECK(site.gateways.sent() == sent);
  const auto totp = site.verifier.enroll_factor(GenericOtp{.destination = "a***", .user_id = "u_43"});
  const auto delivered = site.verifier.challenge_enrollment(totp.factor.id(), "u_43");
  CHECK(delivered.channel() == std::nullopt);
  site.clock.advance(seconds(30));
  CHECK(thrown_by([&] { return delivered.resend({.channel = Channel::voice}); }) == errc::invalid_argument);
}

TEST_CASE("A call says the code digit by digit and twice, in its language") {
  Site site;
  const std::string id = site.enroll_verified();
  (void)site.challenge(id, {Channel::voice});
  const std::string spoken = text(site.gateways.voice.last().spoken);
  const std::string code = heard_digits(spoken);
  REQUIRE(code.size() == 6);
  std::string apart;
  for (const char digit : code) apart.append(apart.empty() ? "" : ", ").push_back(digit);
  CHECK(spoken == "Your verification code is: " + apart + ". Once more: " + apart + ".");

  for (const voice::SpokenText& each : voice::spoken_texts) {
    CAPTURE(each.text);
    site.clock.advance(hours(1));
    (void)site.verifier.challenge_factor(id, any_user,
                                         {.channels = {Channel::voice},
                                          .voice_template = std::string(each.text),
                                          .voice_language = std::string(each.language)});
    CHECK(site.gateways.voice.last().language == each.language);
    const std::string said = text(site.gateways.voice.last().spoken);
    std::size_t digits = 0;
    for (const char c : said) digits += c >= '0' && c <= '9' ? 1 : 0;
    CHECK(digits == 12);
    site.clock.advance(hours(24));
  }
}

TEST_CASE("A verifier is not made for channels that its transport does not send by") {
  storage::Memory storage;
  testing::ManualClock clock;
  testing::RecordingSms sms;
  Options options;
  options.sms_allowed_country_codes = {"1"};
  const auto thrown = [&](std::vector<Channel> channels) {
    options.sms_channels = std::move(channels);
    return thrown_by([&] { const Verifier verifier{storage, clock, sms, options}; });
  };
  for (const Channel channel : {Channel::voice, Channel::email, Channel::push})
    CHECK(thrown({Channel::sms, channel}) == errc::invalid_argument);
  CHECK(thrown({}) == errc::invalid_argument);
  CHECK(thrown({Channel::sms}) == errc{});
}

TEST_CASE("Records with and without a channel are read, and damaged ones refused") {
  for (const std::optional<Channel> channel :
       {std::optional<Channel>(), std::optional(Channel::voice), std::optional(Channel::push)})
    for (const bool credited : {false, true}) {
      decision::ChallengeTerms terms;
      terms.channel = channel;
      if (credited) terms.credit.counters = {"a counter"};
      storage::ChallengeRecord record;
      record.answer = "what the kind keeps";
      decision::put_terms(record, terms);
      const std::string stored = record.answer;
      const auto read = decision::take_terms(record);
      CHECK(read.channel == channel);
      CHECK(read.credit.counters == terms.credit.counters);
      CHECK(record.answer == "what the kind keeps");
      for (std::size_t size = 0; size < stored.size(); ++size) {
        record.answer = stored.substr(0, size);
        CHECK(thrown_by([&] { return decision::take_terms(record); }) == errc::corrupt_record);
      }
      for (const char format : {'\0', '\x09', '\x7F', '\xFF'}) {
        record.answer = stored;
        record.answer.front() = format;
        CHECK(thrown_by([&] { return decision::take_terms(record); }) == errc::corrupt_record);
      }
    }
}
