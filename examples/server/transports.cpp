#include "transports.hpp"

#include <cstdlib>

#include <nlohmann/json.hpp>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/guarded_file.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/delivery/background.hpp>
#include <mfa/delivery/circuit_breaker.hpp>
#include <mfa/delivery/failover.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/delivery/retry.hpp>
#include <mfa/email/smtp.hpp>
#include <mfa/sms/messagebird.hpp>
#include <mfa/sms/sinch.hpp>
#include <mfa/sms/sns.hpp>
#include <mfa/sms/twilio.hpp>
#include <mfa/sms/twilio_verify.hpp>
#include <mfa/sms/vonage.hpp>
#include <mfa/sms/webhook.hpp>

#include "authorities.hpp"

namespace server {
namespace {

using mfa::EmailMessage;
using mfa::SmsMessage;
using mfa::crypto::SecretString;

/// For `none`.
template <class Message> struct Nobody final : Carrier<Message>::Interface {
  void send(const Message&) override {
    throw mfa::DeliveryError(mfa::DeliveryFailure::not_permitted,
                             "this server was given nobody to send such messages by; set --sms or --email");
  }
};

nlohmann::ordered_json json_of(const SmsMessage& message) {
  return {{"to", message.to}, {"body", std::string(message.body.view())}};
}
nlohmann::ordered_json json_of(const EmailMessage& message) {
  return {{"to", message.to},
          {"subject", std::string(message.subject.view())},
          {"text", std::string(message.text.view())}};
}

/// For `log:FILE`: a line of JSON a message, codes and all.
template <class Message> class LogFile final : public Carrier<Message>::Interface {
 public:
  explicit LogFile(const std::string& path)
      : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR)) {
    if (file_ < 0)
      throw std::invalid_argument("cannot write '" + path + "': " + std::generic_category().message(errno));
  }
  ~LogFile() override { ::close(file_); }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  void send(const Message& message) override {
    const SecretString line(json_of(message).dump() + "\n");
    const std::lock_guard lock(mutex_);
    if (::write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
      throw mfa::DeliveryError(mfa::DeliveryFailure::unavailable, "the file of messages cannot be written");
  }

 private:
  std::mutex mutex_;
  int file_;
};

/// The file of a provider's settings: NAME = VALUE a line. It holds credentials, so who may read it is
/// checked as of a key file.
class ProviderFile {
 public:
  explicit ProviderFile(const std::string& path) : path_(path) {
    const auto bytes = mfa::detail::read_guarded_file("file of a provider's settings", path, {});
    Settings::for_each_line(mfa::crypto::text_of(bytes), [&](std::size_t number, std::string_view line) {
      const auto equals = line.find('=');
      const std::string name(Settings::trimmed(line.substr(0, equals)));
      if (equals == std::string_view::npos || name.empty())
        throw std::invalid_argument(path + ", line " + std::to_string(number) + ": write NAME = VALUE");
      if (!values_.emplace(name, SecretString(Settings::trimmed(line.substr(equals + 1)))).second)
        throw std::invalid_argument(path + ", line " + std::to_string(number) + ": " + name +
                                    " is set twice");
    });
  }

  std::string text(const std::string& name) {
    const SecretString value = secret(name);
    return value.str();
  }
  SecretString secret(const std::string& name) {
    const auto found = values_.extract(name);
    return found.empty() ? SecretString() : std::move(found.mapped());
  }
  /// Into `value`, if it is there.
  void take(const std::string& name, std::string& value) {
    if (values_.contains(name)) value = text(name);
  }

  /// When all that is known was taken.
  void end() const {
    if (!values_.empty())
      throw std::invalid_argument(path_ + " sets '" + values_.begin()->first +
                                  "', which this provider has not; docs/server.md lists what each has");
  }

 private:
  std::string path_;
  std::map<std::string, SecretString> values_;
};

/// A transport of the library's as a carrier.
template <class Message, class Transport> struct Held final : Carrier<Message>::Interface {
  template <class... Arguments>
  explicit Held(Arguments&&... arguments) : transport(std::forward<Arguments>(arguments)...) {}

  void send(const Message& message) override { (void)transport.send(message); }
  bool stop(std::chrono::milliseconds at_most) override {
    if constexpr (requires { transport.stop(at_most); })
      return transport.stop(at_most);
    else
      return true;
  }

  Transport transport;
};

mfa::http::CurlOptions curl_options(ProviderFile& file) {
  mfa::http::CurlOptions options;
  file.take("ca_file", options.ca_file);
  if (!options.ca_file.empty()) check_authorities("ca_file", options.ca_file);
  file.take("proxy", options.proxy);
  return options;
}

mfa::http::TwilioAccount twilio_account(ProviderFile& file) {
  mfa::http::TwilioAccount account;
  account.account_sid = file.text("account_sid");
  account.api_key = file.text("api_key");
  account.secret = file.secret("secret");
  return account;
}

Carrier<SmsMessage> sms_provider(const std::string& name, const std::string& path) {
  using namespace mfa::sms;
  ProviderFile file(path);
  const auto made = [&]<class Transport, class Given>(std::type_identity<Transport>, Given given) {
    file.take("base_url", given.base_url);
    const auto options = curl_options(file);
    file.end();
    return Carrier<SmsMessage>(std::make_unique<Held<SmsMessage, Transport>>(std::move(given), options));
  };
  if (name == "twilio") {
    TwilioSettings given;
    given.account = twilio_account(file);
    given.messaging_service_sid = file.text("messaging_service_sid");
    given.from = file.text("from");
    return made(std::type_identity<Twilio>(), std::move(given));
  }
  if (name == "twilio_verify") {
    TwilioVerifySettings given;
    given.account = twilio_account(file);
    given.service_sid = file.text("service_sid");
    given.locale = file.text("locale");
    given.template_sid = file.text("template_sid");
    return made(std::type_identity<TwilioVerify>(), std::move(given));
  }
  if (name == "vonage") {
    VonageSettings given;
    given.api_key = file.text("api_key");
    given.api_secret = file.secret("api_secret");
    given.from = file.text("from");
    return made(std::type_identity<Vonage>(), std::move(given));
  }
  if (name == "sns") {
    SnsSettings given;
    given.credentials.access_key_id = file.text("access_key_id");
    given.credentials.secret_access_key = file.secret("secret_access_key");
    given.region = file.text("region");
    given.sender_id = file.text("sender_id");
    given.origination_number = file.text("origination_number");
    given.max_price = file.text("max_price");
    return made(std::type_identity<Sns>(), std::move(given));
  }
  if (name == "messagebird") {
    MessageBirdSettings given;
    given.access_key = file.secret("access_key");
    given.originator = file.text("originator");
    return made(std::type_identity<MessageBird>(), std::move(given));
  }
  if (name == "sinch") {
    SinchSettings given;
    given.service_plan_id = file.text("service_plan_id");
    given.api_token = file.secret("api_token");
    given.from = file.text("from");
    return made(std::type_identity<Sinch>(), std::move(given));
  }
  if (name == "webhook") {
    mfa::http::WebhookSettings given;
    given.url = file.secret("url");
    given.body = file.text("body");
    given.signing_key = file.secret("signing_key");
    if (SecretString authorization = file.secret("authorization"); !authorization.empty())
      given.headers.push_back({"Authorization", std::move(authorization)});
    const auto options = curl_options(file);
    file.end();
    return Carrier<SmsMessage>(std::make_unique<Held<SmsMessage, Webhook>>(std::move(given), options));
  }
  throw std::invalid_argument("there is no provider '" + name +
                              "'; there are twilio, twilio_verify, vonage, sns, messagebird, sinch, webhook, "
                              "and log and none");
}

Carrier<EmailMessage> email_provider(const std::string& name, const std::string& path) {
  if (name != "smtp")
    throw std::invalid_argument("there is no way of e-mails '" + name + "'; there are smtp, log and none");
  ProviderFile file(path);
  mfa::email::SmtpSettings given;
  given.server = file.text("server");
  given.user = file.text("user");
  given.password = file.secret("password");
  given.from = file.text("from");
  given.from_name = file.text("from_name");
  given.hello_name = file.text("hello_name");
  const auto options = curl_options(file);
  file.end();
  return Carrier<EmailMessage>(
      std::make_unique<Held<EmailMessage, mfa::email::Smtp>>(std::move(given), options));
}

template <class Message> auto guarded(Carrier<Message> carrier, std::string name) {
  mfa::delivery::CircuitBreakerOptions options;
  options.name = std::move(name);
  return mfa::delivery::CircuitBreaker{std::move(carrier), std::move(options)};
}

template <class Message, class Transport>
Carrier<Message> in_background(Transport transport, mfa::Channel channel, const DeliveryObserver& observer) {
  using namespace mfa::delivery;
  BackgroundOptions options;
  options.workers = 8;
  options.observer = [observer, channel](const Attempt& attempt) {
    if (observer) observer(channel, attempt);
  };
  using Sent = Background<Retry<Transport>>;
  return Carrier<Message>(
      std::make_unique<Held<Message, Sent>>(Retry<Transport>(std::move(transport)), std::move(options)));
}

template <class Message, class Make>
Carrier<Message> carrier(const Settings& settings, std::string_view setting, mfa::Channel channel,
                         const DeliveryObserver& observer, Make make) {
  try {
    std::vector<std::pair<std::string, std::string>> providers;
    for (const std::string& one : settings.list(setting)) {
      const auto colon = one.find(':');
      const std::string name = one.substr(0, colon);
      if (name == "none") {
        if (one != "none") throw std::invalid_argument("write none and nothing after it");
        return Carrier<Message>(std::make_unique<Nobody<Message>>());
      }
      if (colon == std::string::npos || colon + 1 == one.size())
        throw std::invalid_argument("'" + name + "' names no file; write " + name + ":FILE");
      const std::string path = one.substr(colon + 1);
      if (name == "log") return Carrier<Message>(std::make_unique<LogFile<Message>>(path));
      providers.emplace_back(name, path);
    }
    if (providers.empty() || providers.size() > 2)
      throw std::invalid_argument("name one provider, or two with a comma between them, or none");
    const auto at = [&](std::size_t i) {
      return guarded<Message>(make(providers[i].first, providers[i].second), providers[i].first);
    };
    if (providers.size() == 1) return in_background<Message>(at(0), channel, observer);
    mfa::delivery::FailoverOptions options;
    options.names = {providers[0].first, providers[1].first};
    return in_background<Message>(mfa::delivery::Failover{std::move(options), at(0), at(1)}, channel,
                                  observer);
  } catch (const std::exception& error) {
    throw std::invalid_argument(settings.said(setting) + ": " + error.what());
  }
}

} // namespace

Messages::Messages(const Settings& settings, DeliveryObserver observer)
    : sms_(carrier<mfa::SmsMessage>(settings, "sms", mfa::Channel::sms, observer, sms_provider)),
      email_(carrier<mfa::EmailMessage>(settings, "email", mfa::Channel::email, observer, email_provider)) {}

} // namespace server
