#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/storage/redis/durability.hpp>
#include <mfa/storage/redis/options.hpp>
#include <mfa/storage/redis/request.hpp>
#include <mfa/storage/redis/requests.hpp>
#include <mfa/storage/redis/server.hpp>
#include <mfa/storage/redis/wire.hpp>

namespace mfa::detail::redis {

/// What a storage knows once it is open.
struct Opened {
  std::vector<storage::RedisWeakness> weaknesses;
  Scripts scripts;
};

/// What a storage asks of a server that it has not used before.
class Opening {
 public:
  /// Both must outlive it.
  Opening(const Server& server, const Keys& keys) : server_(server), keys_(keys) {}

  [[nodiscard]] bool is_over() const noexcept { return step_ == Step::over; }

  [[nodiscard]] Request next() const {
    switch (step_) {
    // First that, since in a Redis Cluster it leads to the node that has the keys.
    case Step::factors: return open(keys_);
    case Step::purge_times: return request("open", {"ZCARD", keys_.purge});
    case Step::info: return setting({"INFO"});
    case Step::append_fsync: return setting({"CONFIG", "GET", "appendfsync"});
    case Step::no_append_fsync_on_rewrite: return setting({"CONFIG", "GET", "no-appendfsync-on-rewrite"});
    case Step::commit: return load(opened_.scripts.commit);
    case Step::find_challenge_with_factor: return load(opened_.scripts.find_challenge_with_factor);
    case Step::list_factors: return load(opened_.scripts.list_factors);
    case Step::purge: return load(opened_.scripts.purge);
    case Step::over: break;
    }
    return {};
  }

  /// Takes the answer to the last request. Throws for a server that must not be used.
  void answered(const Reply& reply) {
    const auto step = std::exchange(step_, static_cast<Step>(static_cast<int>(step_) + 1));
    switch (step) {
    case Step::factors:
    case Step::purge_times:
    case Step::over: return;
    case Step::info:
      settings_.info = text_of(reply);
      check_role(server_, settings_);
      if (settings_.has_append_only_file()) return;
      step_ = Step::commit;
      break;
    case Step::append_fsync: settings_.append_fsync = text_of(reply); return;
    case Step::no_append_fsync_on_rewrite: settings_.no_append_fsync_on_rewrite = text_of(reply); break;
    case Step::commit: opened_.scripts.commit.hash = text_of(reply); return;
    case Step::find_challenge_with_factor:
      opened_.scripts.find_challenge_with_factor.hash = text_of(reply);
      return;
    case Step::list_factors: opened_.scripts.list_factors.hash = text_of(reply); return;
    case Step::purge: opened_.scripts.purge.hash = text_of(reply); return;
    }
    opened_.weaknesses = weaknesses_of(settings_);
    check_durability(server_, opened_.weaknesses);
  }

  [[nodiscard]] Opened take() { return std::move(opened_); }

 private:
  enum class Step {
    factors,
    purge_times,
    info,
    append_fsync,
    no_append_fsync_on_rewrite,
    commit,
    find_challenge_with_factor,
    list_factors,
    purge,
    over,
  };

  static Request request(const char* purpose, std::vector<std::string> words) {
    return {.purpose = purpose, .if_lost = IfLost::ask_again, .words = std::move(words)};
  }

  static Request setting(std::vector<std::string> words) {
    Request asked = request("read the settings of", std::move(words));
    asked.may_be_refused = true;
    return asked;
  }

  static Request load(const Script& script) {
    return request("load a script into", {"SCRIPT", "LOAD", std::string(script.body)});
  }

  /// A text, or the last of an array; nothing if the server refused.
  static std::string text_of(const Reply& reply) {
    if (reply.is_text()) return std::string(reply.text());
    return reply.size() > 0 ? std::string(reply[reply.size() - 1].text()) : std::string();
  }

  const Server& server_;
  const Keys& keys_;
  Step step_ = Step::factors;
  Settings settings_;
  Opened opened_;
};

} // namespace mfa::detail::redis
