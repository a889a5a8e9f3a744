#pragma once

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <nlohmann/json.hpp>

#include <mfa/channel.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/message.hpp>
#include <mfa/result.hpp>
#include <mfa/sms/none.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/workos/api_keys.hpp>
#include <mfa/workos/api_options.hpp>
#include <mfa/workos/authenticate.hpp>
#include <mfa/workos/body.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/errors.hpp>
#include <mfa/workos/extension/errors.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/operations.hpp>
#include <mfa/workos/pending_authentication.hpp>
#include <mfa/workos/resources.hpp>
#include <mfa/workos/route.hpp>

namespace mfa::workos::detail {

template <class Transport>
inline constexpr bool sends_sms = Sends<Transport, SmsMessage> && !std::is_same_v<Transport, sms::None>;
template <class Transport> inline constexpr bool sends_email = Sends<Transport, EmailMessage>;

/// What a verifier answered, however it tells of errors.
template <class T> [[nodiscard]] T answered(T answer) { return answer; }
template <class T> [[nodiscard]] T answered(Result<T> answer) {
  if (!answer.has_value()) throw answer.error();
  return *std::move(answer);
}

/// What an API is to its exchanges.
struct ApiParts {
  const ApiKeys& keys;
  const ApiOptions& options;
  bool sends_sms;
  bool sends_email;
  bool signs_in; ///< whether there is a policy of pending authentications
};

/// One request and what comes of it, step by step, whoever waits for the steps: it is begun by the
/// constructor; then, if it needs one, comes the pending authentication; then its verb; then the end of the
/// pending authentication.
class Exchange {
 public:
  Exchange(const ApiParts& api, const Request& request)
      : api_(api),
        request_id_(request_id_of(request.headers)), call_{.route = {},
                                                           .body = {},
                                                           .options = api.options,
                                                           .sends_sms = api.sends_sms && has(Channel::sms),
                                                           .sends_email =
                                                               api.sends_email && has(Channel::email)} {
    begin(request);
  }

  /// The token whose pending authentication is to be found before the verb; none if there is none to find.
  [[nodiscard]] std::optional<std::string_view> token_to_find() const {
    if (reply_ || !grant_) return std::nullopt;
    return grant_->pending_token;
  }
  void found(std::optional<PendingUser> user) {
    user_ = std::move(user);
    if (!user_) reply_ = invalid_pending_token();
  }

  [[nodiscard]] bool needs_verb() const noexcept { return !reply_; }
  [[nodiscard]] EventContext event_context() const {
    EventContext context;
    context.request_id = request_id_;
    if (grant_) {
      context.ip_address = grant_->ip_address;
      context.user_agent = grant_->user_agent;
    } else if (is_extension(call_.route.operation)) {
      context.ip_address = said("ip_address");
      context.user_agent = said("user_agent");
    }
    return context;
  }

  /// The verb: throws nothing but for want of memory.
  verbs::Verb<Reply> verb(const verbs::VerbRun auto& run) {
    try {
      const auto sign_in = [&] { return attempt_grant(run, *grant_, *user_, shown_); };
      co_return co_await verb_of(run, call_, sign_in);
    } catch (...) {
      thrown_ = std::current_exception();
    }
    co_return reply_to_thrown();
  }
  void replied(Reply reply) { reply_ = std::move(reply); }

  /// What was shown for a pending authentication that is to be finished now.
  [[nodiscard]] const SecondFactor* to_finish() const noexcept { return shown_ ? &*shown_ : nullptr; }
  [[nodiscard]] std::string_view token() const noexcept { return grant_->pending_token; }
  void finished(std::optional<Json> body) {
    reply_ = body ? reply_with(200, *std::move(body)) : invalid_pending_token();
  }

  /// A policy of the host's threw.
  void failed(std::exception_ptr thrown) {
    thrown_ = std::move(thrown);
    reply_ = reply_to_thrown();
  }

  [[nodiscard]] Response response() const { return response_of(*reply_, request_id_); }

 private:
  [[nodiscard]] bool has(Channel channel) const noexcept {
    for (const Channel without : api_.options.unavailable_channels)
      if (without == channel) return false;
    return true;
  }

  void begin(const Request& request) {
    const bool has_key = api_.keys.accept(bearer_token(request.headers));
    Routed routed = route(request.method, request.target);
    const bool key_may_be_in_body = routed.route && routed.route->operation == Operation::authenticate &&
                                    bearer_token(request.headers).empty();
    if (!has_key && !key_may_be_in_body) {
      reply_ = refusal(401, "Unauthorized");
    } else if (routed.malformed) {
      reply_ = refusal(400, "The request's target is malformed.");
    } else if (!routed.allow.empty()) {
      reply_ = refusal(405, "Method Not Allowed");
      reply_->allow = std::move(routed.allow);
    } else if (!routed.route) {
      reply_ = refusal(404, "Not Found");
    } else if (request.body.size() > api_.options.longest_body) {
      reply_ = refusal(413, "The request's body is too long.");
    } else {
      call_.route = *std::move(routed.route);
      read(request, has_key);
    }
  }

  void read(const Request& request, bool has_key) {
    const bool extension = is_extension(call_.route.operation);
    if (request.method != "POST" && !extension) return; // what has no meaning is not looked at
    auto body = read_body(request.body);
    if (!body) {
      reply_ = refusal(400, "invalid_json", "The request's body must be a JSON object, each member once.");
      return;
    }
    call_.body = *std::move(body);
    if (extension) read_extension(request.method == "POST" || request.method == "PATCH");
    if (call_.route.operation == Operation::authenticate) {
      std::optional<Reply> refused;
      grant_ = read_grant(call_.body, api_.keys, api_.options, has_key, api_.signs_in, refused);
      reply_ = std::move(refused);
    }
  }

  /// What is said where it is not looked for is refused: a check may hang on it.
  void read_extension(bool by_body) {
    const Query& query = call_.route.query;
    if (by_body ? !query.empty() : !call_.body.empty()) {
      reply_ = refusal(422, "misplaced_parameters",
                       by_body ? "This operation takes no query; its body says everything."
                               : "This operation takes no body; its query says everything.");
      return;
    }
    call_.of_query = !by_body;
    for (const auto& [name, value] : query)
      if (!call_.body.emplace(name, value).second)
        reply_ = refusal(422, "misplaced_parameters", "Each parameter of a query may be given once.");
  }

  /// A text that is for the observer.
  [[nodiscard]] std::string said(const char* name) const {
    const auto found = call_.body.find(name);
    return found != call_.body.end() && found->is_string() ? found->get<std::string>() : std::string();
  }

  [[nodiscard]] Reply reply_to_thrown() {
    const bool extension = is_extension(call_.route.operation);
    Reply reply = extension ? reply_to(thrown_, extension_reply_to) : reply_to(thrown_);
    if (reply.status == 404) reply = extension ? extension_not_found(call_.route) : entity_not_found();
    if (!api_.options.failed || !is_failure(reply)) return reply;
    try {
      api_.options.failed(request_id_, thrown_);
    } catch (...) { // see FailureObserver
    }
    return reply;
  }

  [[nodiscard]] static bool is_failure(const Reply& reply) {
    const auto code = reply.body.value("code", std::string());
    return reply.status >= 500 || code == "sms_not_sent" || code == "message_not_delivered";
  }

  [[nodiscard]] Reply entity_not_found() const {
    const bool challenge = grant_ || call_.route.operation == Operation::verify_challenge;
    if (challenge)
      return not_found("Authentication Challenge", grant_ ? grant_->challenge_id : call_.route.id,
                       mfa::detail::challenge_id_prefix);
    return not_found("Authentication Factor", call_.route.id, mfa::detail::factor_id_prefix);
  }

  ApiParts api_;
  std::string request_id_;
  Call call_;
  std::optional<Grant> grant_;
  std::optional<PendingUser> user_;
  std::optional<SecondFactor> shown_;
  std::optional<Reply> reply_;
  std::exception_ptr thrown_;
};

} // namespace mfa::workos::detail
