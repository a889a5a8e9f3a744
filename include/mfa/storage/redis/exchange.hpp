#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/storage/redis/refusal.hpp>
#include <mfa/storage/redis/request.hpp>
#include <mfa/storage/redis/server.hpp>
#include <mfa/storage/redis/wire.hpp>

namespace mfa::detail::redis {

/// One request until it is answered: what to send, and what to do when an answer came or none. Follows the
/// redirections of a Redis Cluster, which are given before a command runs, sends a script by its text if the
/// server does not know it, which it says before anything runs, and asks again what was lost if that changes
/// nothing.
class Exchange {
 public:
  /// Both must outlive it.
  Exchange(Server& server, const Request& request) : server_(server), request_(request) {}

  [[nodiscard]] std::vector<std::string_view> words() {
    std::vector<std::string_view> words;
    words.reserve(3 + request_.words.size());
    if (request_.script != nullptr) {
      key_count_ = std::to_string(request_.keys);
      words.push_back(by_text_ ? "EVAL" : "EVALSHA");
      words.push_back(by_text_ ? request_.script->body : std::string_view(request_.script->hash));
      words.push_back(key_count_);
    }
    words.insert(words.end(), request_.words.begin(), request_.words.end());
    return words;
  }

  struct Next {
    bool send_again = false;
    bool leave_connection = false; ///< before anything is sent again: it does not lead to the primary
  };

  /// After an answer. If nothing is to be sent again, `result` is next.
  [[nodiscard]] Next answered(const Reply& reply, const Address& from) {
    constexpr int most_redirections = 5;
    if (!reply.is_error()) return {};
    if (request_.script != nullptr && !by_text_ && reply.text().starts_with("NOSCRIPT")) {
      by_text_ = true;
      return {.send_again = true};
    }
    const auto address = redirection(reply.text(), from);
    if (!address || redirections_ == most_redirections)
      return {.leave_connection = is_of_a_replica(reply.text())}; // the name may by now lead to the primary
    ++redirections_;
    server_.move_to(*address);
    return {.send_again = true, .leave_connection = true};
  }

  /// The answer, which is no error unless the request may be refused.
  [[nodiscard]] Reply result(Reply reply) const {
    if (reply.is_error() && !request_.may_be_refused) server_.fail(request_.purpose, reply.text());
    return reply;
  }

  /// After the connection ended: throws, unless the request is to be sent again on a new connection, which
  /// is done once. A connection that was not new may have ended long ago.
  void lost(std::string_view why, bool was_new) {
    if (request_.if_lost == IfLost::fail || was_new || std::exchange(was_lost_, true))
      server_.fail_lost(request_.purpose, why, request_.if_lost);
  }

  /// After no answer came in time.
  [[noreturn]] void timed_out(std::string_view why) const {
    server_.fail_lost(request_.purpose, why, request_.if_lost);
  }

 private:
  Server& server_;
  const Request& request_;
  bool by_text_ = false;
  int redirections_ = 0;
  bool was_lost_ = false;
  std::string key_count_;
};

} // namespace mfa::detail::redis
