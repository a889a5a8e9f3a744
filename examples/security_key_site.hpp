#pragma once

#include <chrono>
#include <exception>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <mfa/mfa.hpp>
#include <mfa/webauthn/signals.hpp>

#include "security_key_page.hpp"

/// The site of the example security_key over a host's verifier, which must outlive the server. A real site
/// knows its user, and what he has shown, from the session; here whoever types a user name is believed.
template <class Verifier> class SecurityKeySite {
 public:
  /// `script` is the text of `passkeys.js`, `rp_id` the verifier's `RelyingPartySettings::id`.
  SecurityKeySite(httplib::Server& server, Verifier& verifier, std::string script, std::string rp_id)
      : verifier_(&verifier), script_(std::move(script)), rp_id_(std::move(rp_id)) {
    server.set_payload_max_length(65'536); // else it takes in whatever comes
    server.Get("/", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(std::string(security_key_page), "text/html");
    });
    server.Get("/passkeys.js", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(script_, "text/javascript");
    });
    on(server, "/factors", &SecurityKeySite::factors);
    on(server, "/enroll", &SecurityKeySite::enroll);
    on(server, "/confirm", &SecurityKeySite::confirm);
    on(server, "/challenge", &SecurityKeySite::challenge);
    on(server, "/challenge-user", &SecurityKeySite::challenge_user);
    on(server, "/challenge-passkey", &SecurityKeySite::challenge_passkey);
    on(server, "/verify", &SecurityKeySite::verify);
    on(server, "/delete", &SecurityKeySite::remove);
  }

 private:
  using Json = nlohmann::json;

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

  static std::string user_of(const Json& request) { return request.at("user").get<std::string>(); }

  [[nodiscard]] mfa::Authorization shown_by(const std::string& user) const {
    const auto shown = shown_.find(user);
    return shown == shown_.end() ? mfa::Authorization() : shown->second;
  }

  /// What a page gets to ask its browser. A real site keeps the challenge's id in the session.
  static Json to_page(const auto& challenge) {
    return {{"challenge_id", challenge.id()}, {"options", Json::parse(challenge.webauthn_options())}};
  }

  Json factors(const Json& request) {
    Json list = Json::array();
    for (const auto& factor : verifier_->list_factors(user_of(request)))
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
    const std::string user = user_of(request);
    const std::string authenticator = request.at("authenticator");
    mfa::WebAuthn wanted{.user = user, .user_id = user, .friendly_name = authenticator};
    if (authenticator == "passkey") {
      wanted.resident_key = ResidentKey::required;
      wanted.user_verification = UserVerification::required;
    } else if (authenticator == "upgrade") {
      wanted.resident_key = ResidentKey::preferred;
      wanted.conditional_create = true;
    } else if (authenticator == "platform") {
      wanted.user_verification = UserVerification::required;
      wanted.attachment = Attachment::platform;
    } else {
      wanted.user_verification = UserVerification::discouraged;
      wanted.attachment = Attachment::cross_platform;
    }
    const auto enrolled = verifier_->enroll_factor(wanted, shown_by(user));
    Json answer = to_page(verifier_->challenge_enrollment(enrolled.factor.id(), user, {}, shown_by(user)));
    answer["factor_id"] = enrolled.factor.id();
    return answer;
  }

  /// 2. Confirm, with what the browser answers, whole. It signs nobody in.
  Json confirm(const Json& request) {
    const std::string user = user_of(request);
    const auto confirmation = verifier_->confirm_enrollment(request.at("challenge_id").get<std::string>(),
                                                            request.at("response").dump(), {.user = user});
    if (confirmation.confirmed()) shown_[user] = confirmation;
    return {{"status", to_string(confirmation.status())}};
  }

  /// 3. Challenge: one of his keys, any of his keys, or whoever has a passkey.
  Json challenge(const Json& request) {
    return to_page(verifier_->challenge_factor(request.at("factor_id").get<std::string>(), user_of(request)));
  }
  Json challenge_user(const Json& request) { return to_page(verifier_->challenge_user(user_of(request))); }
  Json challenge_passkey(const Json& request) {
    const auto challenge = verifier_->challenge_passkey({.conditional = request.value("conditional", false)});
    Json answer = to_page(challenge);
    answer["lifetime"] = std::chrono::duration_cast<std::chrono::milliseconds>(
                             *challenge.expires_at() - std::chrono::system_clock::now())
                             .count();
    return answer;
  }

  /// 4. Verify.
  Json verify(const Json& request) {
    const auto verification = verifier_->verify_challenge(request.at("challenge_id").get<std::string>(),
                                                          request.at("response").dump());
    Json answer{{"status", to_string(verification.status())}};
    if (verification.valid()) { // this is the moment to start the session, of the user that it names
      const std::string user = verification.user_id();
      shown_[user] = verification;
      answer["user"] = user;
      answer["amr"] = verification.amr();
      answer["factors"] = verification.assurance()->factors;
      const std::string handle = handle_of(user, verification.factor_id());
      answer["accepted"] = accepted(user, handle);
      answer["details"] =
          Json::parse(mfa::webauthn::signals::current_user_details(rp_id_, handle, user, user));
    }
    return answer;
  }

  Json remove(const Json& request) {
    const std::string user = user_of(request);
    const std::string factor = request.at("factor_id");
    const std::string handle = handle_of(user, factor);
    verifier_->delete_factor(factor, user, shown_by(user));
    return {{"accepted", accepted(user, handle)}};
  }

  std::string handle_of(const std::string& user, const std::string& factor_id) {
    for (const auto& factor : verifier_->list_factors(user))
      if (factor.id() == factor_id && factor.webauthn() != nullptr) return factor.webauthn()->user_handle;
    throw std::runtime_error("the user has no such security key or passkey; take one of /factors");
  }

  Json accepted(const std::string& user, const std::string& handle) {
    return Json::parse(
        mfa::webauthn::signals::all_accepted_credentials(rp_id_, handle, verifier_->list_factors(user)));
  }

  std::mutex mutex_;
  Verifier* verifier_;
  std::string script_;
  std::string rp_id_;
  std::map<std::string, mfa::Authorization> shown_; ///< by each user, in this session
};
