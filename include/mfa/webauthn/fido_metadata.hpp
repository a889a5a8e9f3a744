#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/encoding/text_encoding.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/webauthn/attestation.hpp>
#include <mfa/webauthn/attestation_certificate.hpp>
#include <mfa/webauthn/certificate_store.hpp>
#include <mfa/webauthn/jws.hpp>
#include <mfa/webauthn/openssl_errors.hpp>
#include <mfa/webauthn/settings.hpp>

namespace mfa::webauthn {

/// What FIDO or a vendor reports of a model (FIDO Metadata Service 3.1, section 3.1.4). Those of
/// certification are in the order of their levels.
enum class AuthenticatorStatus : std::uint8_t {
  unknown, ///< one that this library does not know, which means nothing
  not_fido_certified,
  self_assertion_submitted,
  fido_certified, ///< before there were levels
  fido_certified_l1,
  fido_certified_l1_plus,
  fido_certified_l2,
  fido_certified_l2_plus,
  fido_certified_l3,
  fido_certified_l3_plus,
  revoked,
  user_verification_bypass,
  attestation_key_compromise, ///< of those whose certificates lead to the one reported, or of all
  user_key_remote_compromise,
  user_key_physical_compromise,
  update_available,
  retired,
};

/// The name that FIDO gives it.
[[nodiscard]] constexpr std::string_view to_string(AuthenticatorStatus status) noexcept {
  switch (status) {
  case AuthenticatorStatus::unknown: break;
  case AuthenticatorStatus::not_fido_certified: return "NOT_FIDO_CERTIFIED";
  case AuthenticatorStatus::self_assertion_submitted: return "SELF_ASSERTION_SUBMITTED";
  case AuthenticatorStatus::fido_certified: return "FIDO_CERTIFIED";
  case AuthenticatorStatus::fido_certified_l1: return "FIDO_CERTIFIED_L1";
  case AuthenticatorStatus::fido_certified_l1_plus: return "FIDO_CERTIFIED_L1plus";
  case AuthenticatorStatus::fido_certified_l2: return "FIDO_CERTIFIED_L2";
  case AuthenticatorStatus::fido_certified_l2_plus: return "FIDO_CERTIFIED_L2plus";
  case AuthenticatorStatus::fido_certified_l3: return "FIDO_CERTIFIED_L3";
  case AuthenticatorStatus::fido_certified_l3_plus: return "FIDO_CERTIFIED_L3plus";
  case AuthenticatorStatus::revoked: return "REVOKED";
  case AuthenticatorStatus::user_verification_bypass: return "USER_VERIFICATION_BYPASS";
  case AuthenticatorStatus::attestation_key_compromise: return "ATTESTATION_KEY_COMPROMISE";
  case AuthenticatorStatus::user_key_remote_compromise: return "USER_KEY_REMOTE_COMPROMISE";
  case AuthenticatorStatus::user_key_physical_compromise: return "USER_KEY_PHYSICAL_COMPROMISE";
  case AuthenticatorStatus::update_available: return "UPDATE_AVAILABLE";
  case AuthenticatorStatus::retired: return "RETIRED";
  }
  return "unknown";
}

struct StatusReport {
  AuthenticatorStatus status = AuthenticatorStatus::unknown;
  std::chrono::sys_days since = {}; ///< 1970: always
  std::string certificate = {};     ///< DER; empty: of all
};

/// What is kept of a model of authenticator.
struct MetadataEntry {
  std::string aaguid = {};                               ///< 16 bytes; empty: U2F
  std::vector<std::string> certificate_identifiers = {}; ///< of U2F: SHA-1 of the keys of its certificates
  std::string description = {};                          ///< "YubiKey 5 Series"
  std::vector<std::string> attestation_types = {};       ///< "basic_full", "basic_surrogate"
  std::vector<std::string> roots = {};                   ///< DER
  std::vector<StatusReport> reports = {};                ///< the earliest first
};

namespace detail {

inline std::optional<std::string> text_in(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

/// Nothing if there is such a member, and it is no list of texts. None is an empty list.
inline std::optional<std::vector<std::string>> texts_in(const nlohmann::json& object, const char* name) {
  std::vector<std::string> texts;
  const auto found = object.find(name);
  if (found == object.end()) return texts;
  if (!found->is_array()) return std::nullopt;
  for (const auto& one : *found) {
    if (!one.is_string()) return std::nullopt;
    texts.push_back(one.get<std::string>());
  }
  return texts;
}

/// "2026-11-27".
inline std::optional<std::chrono::sys_days> day_of(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-dd";
  if (text.size() != form.size()) return std::nullopt;
  std::array<int, 3> numbers{};
  std::size_t part = 0;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (form[i] == '-' ? text[i] != '-' : !digit) return std::nullopt;
    if (digit)
      numbers.at(part) = numbers.at(part) * 10 + (text[i] - '0');
    else
      ++part;
  }
  const std::chrono::year_month_day day{std::chrono::year(numbers[0]),
                                        std::chrono::month(static_cast<unsigned>(numbers[1])),
                                        std::chrono::day(static_cast<unsigned>(numbers[2]))};
  if (!day.ok()) return std::nullopt;
  return std::chrono::sys_days(day);
}

inline AuthenticatorStatus status_of(std::string_view name) {
  for (auto status = AuthenticatorStatus::not_fido_certified; status <= AuthenticatorStatus::retired;
       status = static_cast<AuthenticatorStatus>(static_cast<int>(status) + 1))
    if (to_string(status) == name) return status;
  return AuthenticatorStatus::unknown;
}

/// Nothing for what is no report. One whose date cannot be read is always in effect.
inline std::optional<StatusReport> status_report_of(const nlohmann::json& json) {
  const auto status = json.is_object() ? text_in(json, "status") : std::nullopt;
  if (!status) return std::nullopt;
  StatusReport report{.status = status_of(*status)};
  if (const auto date = text_in(json, "effectiveDate"))
    report.since = day_of(*date).value_or(std::chrono::sys_days());
  if (const auto certificate = text_in(json, "certificate"))
    report.certificate = mfa::detail::read_base64<std::string>(*certificate).value_or(std::string());
  return report;
}

/// Nothing for what cannot be read, whose model is then not known.
inline std::optional<MetadataEntry> metadata_entry_of(const nlohmann::json& json) {
  if (!json.is_object()) return std::nullopt;
  MetadataEntry entry;
  if (const auto aaguid = text_in(json, "aaguid")) {
    auto bytes = model_of(*aaguid);
    if (!bytes) return std::nullopt;
    entry.aaguid = *std::move(bytes);
  }
  const auto identifiers = texts_in(json, "attestationCertificateKeyIdentifiers");
  if (!identifiers) return std::nullopt;
  for (const std::string& identifier : *identifiers) {
    auto bytes = mfa::detail::read_hex<std::string>(identifier);
    if (!bytes) return std::nullopt;
    entry.certificate_identifiers.push_back(*std::move(bytes));
  }
  const auto reports = json.find("statusReports");
  if (reports == json.end() || !reports->is_array()) return std::nullopt;
  for (const auto& one : *reports) {
    const auto report = status_report_of(one);
    if (!report) return std::nullopt;
    entry.reports.push_back(*report);
  }
  std::ranges::stable_sort(entry.reports, {}, &StatusReport::since);

  const auto statement = json.find("metadataStatement");
  if (statement == json.end()) return entry;
  if (!statement->is_object()) return std::nullopt;
  entry.description = text_in(*statement, "description").value_or(std::string());
  auto types = texts_in(*statement, "attestationTypes");
  const auto roots = texts_in(*statement, "attestationRootCertificates");
  if (!types || !roots) return std::nullopt;
  entry.attestation_types = *std::move(types);
  for (const std::string& root : *roots) {
    auto der = mfa::detail::read_base64<std::string>(root);
    if (!der) return std::nullopt;
    entry.roots.push_back(*std::move(der));
  }
  return entry;
}

/// SHA-1 of a certificate's key, as FIDO names certificates of U2F (RFC 5280 section 4.2.1.2, method 1).
inline std::string certificate_identifier(const X509Pointer& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (!certificate || X509_pubkey_digest(certificate.get(), EVP_sha1(), digest.data(), &size) != 1) return {};
  return std::string(crypto::text_of({digest.data(), size}));
}

/// Whether FIDO names one of that identifier as the model's.
inline bool has_certificate(const MetadataEntry& entry, const std::string& identifier) {
  return !identifier.empty() &&
         std::ranges::find(entry.certificate_identifiers, identifier) != entry.certificate_identifiers.end();
}

/// Whether the AAGUID of an attestation says which model it is of.
inline bool tells_model(const Attestation& attestation) {
  return attestation.format != "fido-u2f" && attestation.aaguid.find_first_not_of('\0') != std::string::npos;
}

} // namespace detail

/// Whose signature on a blob counts.
struct FidoMetadataSettings {
  /// In PEM: the root that FIDO names on its page of the service (of 2026: "GlobalSign Root R3").
  std::string roots = {};
  /// The name that the signer's certificate must have. The root has signed certificates of many others.
  std::string signer = "mds.fidoalliance.org";
  /// In PEM: the lists of revoked certificates of all issuers between. Empty: none are looked at.
  std::string revocation_lists = {};
};

/// What FIDO publishes of models of authenticator, as read from one blob.
struct FidoMetadata {
  std::uint64_t number = 0;               ///< of the blob: goes up
  std::chrono::sys_days next_update = {}; ///< when the next is there at the latest
  std::vector<MetadataEntry> entries = {};
  std::size_t unread = 0; ///< entries that could not be read, whose models are then not known

  /// The model that an attestation says it is of: by the certificates' keys in the format "fido-u2f", which
  /// signs no AAGUID, and where the authenticator tells none; otherwise by the AAGUID. Null if it is not
  /// listed.
  [[nodiscard]] const MetadataEntry* find(const Attestation& attestation) const {
    if (detail::tells_model(attestation)) {
      const auto found = std::ranges::find(entries, attestation.aaguid, &MetadataEntry::aaguid);
      return found == entries.end() ? nullptr : &*found;
    }
    for (const std::string& der : attestation.certificates) {
      const std::string identifier =
          detail::certificate_identifier(detail::parse_x509(crypto::bytes_of(der)));
      for (const MetadataEntry& entry : entries)
        if (detail::has_certificate(entry, identifier)) return &entry;
    }
    return nullptr;
  }
};

/// Reads a blob of the FIDO Metadata Service 3 (https://mds3.fidoalliance.org). Throws
/// `errc::invalid_argument` unless it is signed by the signer that the settings name, whose certificate leads
/// to a root of theirs at this time.
[[nodiscard]] inline FidoMetadata read_fido_metadata(std::string_view blob,
                                                     const FidoMetadataSettings& settings,
                                                     std::chrono::system_clock::time_point now) {
  constexpr std::size_t longest = 64U << 20; // bytes; of 2026: 7 MiB
  const auto require = [](bool met, const std::string& why) {
    if (!met) throw Error(errc::invalid_argument, "FIDO metadata: " + why);
  };
  const detail::OpensslErrors unchanged;
  detail::CertificateStore store;
  const auto roots = store.add_pem(settings.roots);
  require(roots.count > 0 && roots.to_the_end,
          "FidoMetadataSettings::roots must be certificates in PEM; take the root that FIDO names");
  require(!settings.signer.empty(), "FidoMetadataSettings::signer must be a host's name");
  if (!settings.revocation_lists.empty()) {
    const auto lists = store.add_revocation_lists(settings.revocation_lists);
    require(lists.count > 0 && lists.to_the_end,
            "FidoMetadataSettings::revocation_lists must be lists of revoked certificates in PEM");
  }

  require(blob.size() <= longest, "the blob has more than 64 MiB");
  while (!blob.empty() && (blob.back() == '\n' || blob.back() == '\r')) blob.remove_suffix(1);
  const auto jws = parse_jws(blob);
  require(jws.has_value(), "the blob is no JWS in the compact form with its certificates in \"x5c\"");
  const auto chain = store.chain_of(jws->certificates, std::chrono::time_point_cast<Time::duration>(now));
  require(chain.has_value(),
          "the signer's certificate does not lead to a root of FidoMetadataSettings::roots, "
          "is out of date, or was revoked");
  X509* const signer = chain->front().get();
  require(X509_check_host(signer, settings.signer.data(), settings.signer.size(),
                          X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1,
          "the signer's certificate is not that of " + settings.signer);
  require(is_signed_by(*jws, X509_get0_pubkey(signer)), "the signature is wrong");

  const auto json = nlohmann::json::parse(jws->payload, nullptr, false);
  const auto number = json.is_object() ? json.find("no") : json.end();
  const auto next = json.is_object() ? detail::text_in(json, "nextUpdate") : std::nullopt;
  const auto day = next ? detail::day_of(*next) : std::nullopt;
  const auto entries = json.is_object() ? json.find("entries") : json.end();
  require(number != json.end() && number->is_number_unsigned() && day && entries != json.end() &&
              entries->is_array(),
          "the blob has no \"no\", \"nextUpdate\" or \"entries\"");
  FidoMetadata metadata{.number = number->get<std::uint64_t>(), .next_update = *day};
  for (const auto& one : *entries) {
    auto entry = detail::metadata_entry_of(one);
    if (entry)
      metadata.entries.push_back(*std::move(entry));
    else
      ++metadata.unread;
  }
  return metadata;
}

/// Which models are trusted.
struct MetadataPolicy {
  /// A model with one of these reports in effect is refused, whatever was reported later: most
  /// attestations do not tell which version a device has.
  std::vector<AuthenticatorStatus> refused = {
      AuthenticatorStatus::revoked, AuthenticatorStatus::user_verification_bypass,
      AuthenticatorStatus::attestation_key_compromise, AuthenticatorStatus::user_key_remote_compromise,
      AuthenticatorStatus::user_key_physical_compromise};
  /// The lowest certification that is taken: the highest since FIDO last took one back. Of `fido_certified`
  /// to `fido_certified_l3_plus`; `unknown`: models need none.
  AuthenticatorStatus least = AuthenticatorStatus::unknown;
  /// How long after the day of the next update a blob is still trusted.
  std::chrono::days most_overdue{30};
  /// Told why an attestation is refused: for the host's log. Called from any thread.
  std::function<void(const Attestation&, std::string_view why)> on_refusal = {};
};

namespace detail {

inline bool is_certification(AuthenticatorStatus status) {
  return status >= AuthenticatorStatus::fido_certified &&
         status <= AuthenticatorStatus::fido_certified_l3_plus;
}

/// The highest certification in effect since FIDO last took one back; `unknown` if there is none.
inline AuthenticatorStatus certification_of(const MetadataEntry& entry, Time now) {
  auto highest = AuthenticatorStatus::unknown;
  for (const StatusReport& report : entry.reports) {
    if (report.since > now) continue;
    if (report.status == AuthenticatorStatus::not_fido_certified ||
        report.status == AuthenticatorStatus::revoked)
      highest = AuthenticatorStatus::unknown;
    if (is_certification(report.status)) highest = std::max(highest, report.status);
  }
  return highest;
}

/// Whether the report is of what this chain attests. A key that was lost is so for whatever model its thief
/// names: makers have one root for many.
inline bool concerns(const StatusReport& report, const std::vector<X509Pointer>& chain, bool of_the_model) {
  if (report.status != AuthenticatorStatus::attestation_key_compromise || report.certificate.empty())
    return of_the_model;
  const X509Pointer reported = parse_x509(crypto::bytes_of(report.certificate));
  EVP_PKEY* const key = reported ? X509_get0_pubkey(reported.get()) : nullptr;
  if (key == nullptr) return of_the_model;
  return std::ranges::any_of(chain, [&](const X509Pointer& one) {
    EVP_PKEY* const of_chain = X509_get0_pubkey(one.get());
    return of_chain != nullptr && EVP_PKEY_eq(of_chain, key) == 1;
  });
}

} // namespace detail

/// Why an attestation is not trusted by what FIDO publishes; empty if it is.
[[nodiscard]] inline std::string why_not_trusted(const Attestation& attestation, const FidoMetadata& metadata,
                                                 const MetadataPolicy& policy) {
  const detail::OpensslErrors unchanged;
  if (attestation.now >= metadata.next_update + policy.most_overdue)
    return "the FIDO metadata is out of date: fetch the next blob";
  if (attestation.type != AttestationType::certified) return "there is no certificate";
  const MetadataEntry* const entry = metadata.find(attestation);
  if (entry == nullptr) return "the FIDO metadata does not list the model";
  constexpr std::array<std::string_view, 3> certified{"basic_full", "attca", "anonca"};
  if (std::ranges::find_first_of(entry->attestation_types, certified) == entry->attestation_types.end())
    return "the model does not attest by certificates";
  detail::CertificateStore roots;
  for (const std::string& root : entry->roots) (void)roots.add(crypto::bytes_of(root));
  const auto chain = roots.chain_of(attestation.certificates, attestation.now);
  if (!chain) return "the certificates lead to no root of the model, or are out of date";
  // What else comes along is nobody's word: any certificate of another model can be put beside these.
  if (!detail::tells_model(attestation) && std::ranges::none_of(*chain, [&](const detail::X509Pointer& one) {
        return detail::has_certificate(*entry, detail::certificate_identifier(one));
      }))
    return "the certificate that names the model is not among those that lead to its root";
  for (const MetadataEntry& one : metadata.entries)
    for (const StatusReport& report : one.reports)
      if (report.since <= attestation.now &&
          std::ranges::find(policy.refused, report.status) != policy.refused.end() &&
          detail::concerns(report, *chain, &one == entry))
        return "FIDO reports of the model: " + std::string(to_string(report.status));
  if (policy.least != AuthenticatorStatus::unknown &&
      detail::certification_of(*entry, attestation.now) < policy.least)
    return "the model is not certified as wanted";
  return {};
}

/// The metadata that a host has at the moment, and the trust in attestations by it. The host fetches the
/// blob, at the day of the next update or when it likes, and keeps its text for its next start. Usable from
/// many threads at once.
class FidoMetadataService {
 public:
  /// Throws `errc::invalid_argument` if the policy's `least` is no certification.
  explicit FidoMetadataService(FidoMetadataSettings settings, MetadataPolicy policy = {})
      : settings_(std::move(settings)), state_(std::make_shared<State>(std::move(policy))) {
    const AuthenticatorStatus least = state_->policy.least;
    if (least != AuthenticatorStatus::unknown && !detail::is_certification(least))
      throw Error(errc::invalid_argument, "MetadataPolicy::least must be a certification");
  }

  /// Takes a blob. What was there stays if this throws `errc::invalid_argument`: the blob is not FIDO's,
  /// cannot be read, or is older than the one that is there, which somebody may put back to hide a report.
  void update(std::string_view blob, std::chrono::system_clock::time_point now) {
    auto metadata = std::make_shared<const FidoMetadata>(read_fido_metadata(blob, settings_, now));
    const std::lock_guard lock(state_->mutex);
    if (state_->metadata && metadata->number < state_->metadata->number)
      throw Error(errc::invalid_argument, "FIDO metadata: the blob is number " +
                                              std::to_string(metadata->number) + ", and number " +
                                              std::to_string(state_->metadata->number) + " is there");
    state_->metadata = std::move(metadata);
  }

  /// Null before the first update.
  [[nodiscard]] std::shared_ptr<const FidoMetadata> metadata() const { return state_->current(); }

  /// Whether the host should fetch the next blob: there is none yet, or the day of the next update has come.
  [[nodiscard]] bool is_due(std::chrono::system_clock::time_point now) const {
    const auto metadata = state_->current();
    return metadata == nullptr || now >= metadata->next_update;
  }

  /// Why an attestation is not trusted; empty if it is.
  [[nodiscard]] std::string why_not_trusted(const Attestation& attestation) const {
    return state_->why_not_trusted(attestation);
  }

  /// For `RelyingPartySettings::attestation_trust`. Follows the updates, and outlives the service.
  [[nodiscard]] AttestationTrust trust() const {
    return [state = state_](const Attestation& attestation) {
      const std::string why = state->why_not_trusted(attestation);
      if (!why.empty() && state->policy.on_refusal) state->policy.on_refusal(attestation, why);
      return why.empty();
    };
  }

 private:
  struct State {
    explicit State(MetadataPolicy chosen) : policy(std::move(chosen)) {}

    [[nodiscard]] std::shared_ptr<const FidoMetadata> current() const {
      const std::lock_guard lock(mutex);
      return metadata;
    }
    [[nodiscard]] std::string why_not_trusted(const Attestation& attestation) const {
      const auto now = current();
      return now ? webauthn::why_not_trusted(attestation, *now, policy) : "there is no FIDO metadata yet";
    }

    const MetadataPolicy policy;
    mutable std::mutex mutex;
    std::shared_ptr<const FidoMetadata> metadata;
  };

  FidoMetadataSettings settings_;
  std::shared_ptr<State> state_;
};

} // namespace mfa::webauthn
