#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/channel.hpp>
#include <mfa/purpose.hpp>
#include <mfa/storage/record.hpp>

namespace mfa {

/// What may be shown of a challenge: never its code.
class ChallengeDetails {
 public:
  /// `id` is by which its caller knows it.
  ChallengeDetails(const storage::ChallengeRecord& record, Purpose purpose, std::string_view id,
                   std::optional<Channel> channel = {})
      : id_(id), factor_id_(record.factor_id), purpose_(purpose), state_(record.state),
        created_at_(record.created_at), updated_at_(record.updated_at), expires_at_(record.expires_at),
        attempts_left_(record.attempts_left), channel_(channel) {}

  [[nodiscard]] const std::string& id() const& noexcept { return id_; }
  [[nodiscard]] std::string id() && noexcept { return std::move(id_); }
  /// Empty for a passkey challenge until an answer to it has counted.
  [[nodiscard]] const std::string& factor_id() const& noexcept { return factor_id_; }
  [[nodiscard]] std::string factor_id() && noexcept { return std::move(factor_id_); }
  [[nodiscard]] Purpose purpose() const noexcept { return purpose_; }
  [[nodiscard]] ChallengeState state() const noexcept { return state_; }
  [[nodiscard]] Time created_at() const noexcept { return created_at_; }
  [[nodiscard]] Time updated_at() const noexcept { return updated_at_; }
  /// None for challenges of earlier releases.
  [[nodiscard]] std::optional<Time> expires_at() const noexcept { return expires_at_; }
  /// How many wrong codes it still takes.
  [[nodiscard]] std::uint32_t attempts_left() const noexcept { return attempts_left_; }
  /// By what its code went last. None for kinds whose codes the library does not send.
  [[nodiscard]] std::optional<Channel> channel() const noexcept { return channel_; }
  /// For verbs: it went by this one in the end.
  void went_by(Channel channel) noexcept { channel_ = channel; }

 private:
  std::string id_;
  std::string factor_id_;
  Purpose purpose_;
  ChallengeState state_;
  Time created_at_;
  Time updated_at_;
  std::optional<Time> expires_at_;
  std::uint32_t attempts_left_;
  std::optional<Channel> channel_;
};

} // namespace mfa
