#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include <mfa/channel.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/replaceable_key_ring.hpp>
#include <mfa/error.hpp>
#include <mfa/message.hpp>
#include <mfa/options.hpp>
#include <mfa/policy.hpp>
#include <mfa/sms/none.hpp>
#include <mfa/storage/concept.hpp>

namespace mfa::detail {

/// What a verifier asks of its policies once, when it is made.
struct PolicyFacts {
  bool storage_is_ephemeral;
  bool sends_sms;                     ///< and not to nobody
  bool (*sends_by)(Channel) noexcept; ///< whether there is a transport for this channel
};

/// What of a verifier does not depend on its policies. A template so that <mfa/compiled_verbs.hpp> can have
/// it compiled once a program.
template <class = void> struct Settings {
  Options options; ///< without its key ring, which is
  crypto::ReplaceableKeyRing keys;

  /// See `Verifier`'s constructor.
  Settings(Options&& given, const PolicyFacts& policies);
  ~Settings();

  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

  /// Throws `errc::no_key_ring` for none.
  void replace_keys(KeyRing ring);
};

template <class Unused>
Settings<Unused>::Settings(Options&& given, const PolicyFacts& policies) : options(std::move(given)) {
  check_options(options);
  if (policies.sends_sms && options.sms_allowed_country_codes.empty())
    throw Error(errc::invalid_argument,
                "Options::sms_allowed_country_codes names no country that messages may go to; name those "
                "that you serve, {\"1\", \"44\"} say, or give mfa::sms::every_country()");
  for (const Channel channel : options.sms_channels) {
    const bool other_than_sms = channel != Channel::sms; // without which only SMS factors are not enrolled
    if (other_than_sms && !policies.sends_by(channel))
      throw Error(errc::invalid_argument,
                  std::string("Options::sms_channels has ") + std::string(to_string(channel)) +
                      ", for which the third argument has no send(): give it one for such messages, by "
                      "mfa::delivery::Channels say");
  }
  KeyRing ring = std::exchange(options.key_ring, {});
  if (ring.empty()) {
    if (!policies.storage_is_ephemeral)
      throw Error(
          errc::no_key_ring,
          "this storage outlives the process, so its secrets must be sealed: set Options::key_ring to "
          "mfa::KeyRing{\"any-id\", key} with 32 bytes (`openssl rand 32`) kept outside the storage, or to "
          "mfa::KeyRing::unsealed() to keep them in the clear");
    ring = KeyRing::generate();
  }
  keys.replace(std::move(ring));
}

template <class Unused> Settings<Unused>::~Settings() = default;

template <class Unused> void Settings<Unused>::replace_keys(KeyRing ring) {
  if (ring.empty())
    throw Error(errc::no_key_ring,
                "replace_key_ring needs a key ring with keys, as mfa::read_key_file returns, or "
                "mfa::KeyRing::unsealed() to keep secrets in the clear; the one in use stays");
  keys.replace(std::move(ring));
}

/// What a verifier is made of: the host's policies and options.
template <class StoragePolicy, class ClockPolicy, class SmsPolicy> struct Policies : Settings<> {
  Policy<StoragePolicy> storage;
  Policy<ClockPolicy> clock;
  Policy<SmsPolicy> sms;

  /// See `Verifier`'s constructor.
  Policies(Policy<StoragePolicy> given_storage, Policy<ClockPolicy> given_clock, Policy<SmsPolicy> given_sms,
           Options given_options)
      : Settings(std::move(given_options),
                 {.storage_is_ephemeral = storage::Ephemeral<StoragePolicy>,
                  .sends_sms = Sends<SmsPolicy, SmsMessage> && !std::is_same_v<SmsPolicy, sms::None>,
                  .sends_by = &sends_by}),
        storage(std::move(given_storage)), clock(std::move(given_clock)), sms(std::move(given_sms)) {}

  [[nodiscard]] static constexpr bool sends_by(Channel channel) noexcept {
    switch (channel) {
    case Channel::voice: return Sends<SmsPolicy, VoiceMessage>;
    case Channel::email: return Sends<SmsPolicy, EmailMessage>;
    case Channel::push: return Sends<SmsPolicy, PushMessage>;
    case Channel::sms: break;
    }
    return Sends<SmsPolicy, SmsMessage>;
  }
};

} // namespace mfa::detail
