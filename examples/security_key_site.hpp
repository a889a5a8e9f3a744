#pragma once

#include <exception>
#include <mutex>
#include <string>
#include <string_view>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <mfa/mfa.hpp>

#include "security_key_page.hpp"

/// The site of the example security_key over a host's verifier, which must outlive the server. A real site
/// knows its user, and what he has shown, from the session; here everybody is "u_42", in one session.
template <class Verifier> class SecurityKeySite {
 public:
  SecurityKeySite(httplib::Server& server, Verifier& verifier) : verifier_(&verifier) {
    server.Get("/", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(std::string(security_key_page), "text/html");
    });
    server.Get("/factors", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(factors().dump(), "application/json");
    });
    on(server, "/enroll", &SecurityKeySite::enroll);
    on(server, "/confirm", &SecurityKeySite::confirm);
    on(server, "/challenge", &SecurityKeySite::challenge);
    on(server, "/verify", &SecurityKeySite::verify);
  }

 private:
  using Json = nlohmann::json;

  static constexpr std::string_view user_id = "u_42";

  void on(httplib::Server& server, const char* path, Json (SecurityKeySite::*handle)(const Json&)) {
    server.Post(path, [this, handle](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex_); // a session's requests come one after the other
      Json answer;
      try {
        answer = (this->*handle)(Json::parse(request.body));
      } catch (const std::exception& error) { // mfa::Error names the thing and the remedy
        response.status = 400;
        answer = {{"error", error.what()}};
      }
      // An error may quote what the request held, which need not be UTF-8.
      response.set_content(answer.dump(-1, ' ', false, Json::error_handler_t::replace), "application/json");
    });
  }

  [[nodiscard]] Json factors() {
    Json list = Json::array();
    for (const auto& factor : verifier_->list_factors(user_id))
      if (const auto* const webauthn = factor.webauthn())
        list.push_back({{"id", factor.id()},
                        {"friendly_name", factor.friendly_name()},
                        {"verified", factor.verified()},
                        {"transports", webauthn->transports}});
    return list;
  }

  /// 1. Enrol: a factor, and what the browser needs to make its credential. Any but the first takes what the
  /// user has shown in the last minutes.
  Json enroll(const Json& request) {
    using namespace mfa::webauthn;
    const bool platform = request.at("authenticator") == "platform";
    const auto enrolled = verifier_->enroll_factor(
        mfa::WebAuthn{.user = "alan.turing@example.com",
                      .display_name = "Alan Turing",
                      .user_id = user_id,
                      .friendly_name = platform ? "this device" : "security key",
                      .user_verification =
                          platform ? UserVerification::required : UserVerification::discouraged,
                      .attachment = platform ? Attachment::platform : Attachment::cross_platform},
        shown_);
    const auto challenge = verifier_->challenge_enrollment(enrolled.factor.id(), user_id, {}, shown_);
    return {{"factor_id", enrolled.factor.id()},
            {"challenge_id", challenge.id()},
            {"options", Json::parse(challenge.webauthn_options())}};
  }

  /// 2. Confirm, with what the browser answers, whole. It signs nobody in.
  Json confirm(const Json& request) {
    const auto confirmation = verifier_->confirm_enrollment(request.at("challenge_id").get<std::string>(),
                                                            request.at("response").dump(), {.user = user_id});
    if (confirmation.confirmed()) shown_ = confirmation;
    return {{"status", to_string(confirmation.status())}};
  }

  /// 3. Challenge: the browser's options. A real site keeps the challenge's id in the session.
  Json challenge(const Json& request) {
    const auto challenge = verifier_->challenge_factor(request.at("factor_id").get<std::string>(), user_id);
    return {{"challenge_id", challenge.id()}, {"options", Json::parse(challenge.webauthn_options())}};
  }

  /// 4. Verify.
  Json verify(const Json& request) {
    const auto verification = verifier_->verify_challenge(request.at("challenge_id").get<std::string>(),
                                                          request.at("response").dump(), {.user = user_id});
    Json answer{{"status", to_string(verification.status())}};
    if (verification.valid()) { // this is the moment to start the session
      shown_ = verification;
      answer["amr"] = verification.amr();
      answer["factors"] = verification.assurance()->factors;
    }
    return answer;
  }

  std::mutex mutex_;
  Verifier* verifier_;
  mfa::Authorization shown_; ///< by the user, in this session
};
