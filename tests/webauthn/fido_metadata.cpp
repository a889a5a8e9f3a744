// FIDO's metadata: whose blob is taken, and which models are trusted by it. Each rule by a blob or a model
// that is right and its twin with one fault.
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <openssl/ec.h>
#include <openssl/sha.h>

#include <mfa/encoding/base64.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/webauthn/fido_metadata.hpp>
#include <mfa/webauthn/relying_party.hpp>

#include "support/attestation_issuer.hpp"
#include "support/catch.hpp"
#include "support/der_writer.hpp"
#include "support/device_attestations.hpp"

namespace {

using Json = nlohmann::json;
using namespace mfa::webauthn;
using mfa::test::AttestationIssuer;
using mfa::test::SigningKey;
namespace der = mfa::test::der;

const std::string model = "0123456789abcdef";
const std::string model_as_text = "30313233-3435-3637-3839-616263646566";

mfa::Time today() {
  return std::chrono::time_point_cast<mfa::Time::duration>(std::chrono::system_clock::now());
}

/// "2026-11-27", some days from now.
std::string day(int from_now) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(today()) +
                                         std::chrono::days(from_now));
  const auto two = [](unsigned number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  return std::to_string(static_cast<int>(date.year())) + '-' + two(static_cast<unsigned>(date.month())) +
         '-' + two(static_cast<unsigned>(date.day()));
}

/// r and s, of a signature in DER.
std::string r_and_s(const std::string& signature, int size) {
  const auto* at = mfa::crypto::bytes_of(signature).data();
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> parsed(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(signature.size())), ECDSA_SIG_free);
  std::string bytes(2 * static_cast<std::size_t>(size), '\0');
  auto* const to = reinterpret_cast<unsigned char*>(bytes.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), to, size);
  BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), to + size, size);
  return bytes;
}

/// Who signs blobs, right unless a test turns a knob.
struct Publisher {
  std::shared_ptr<const AttestationIssuer> root = std::make_shared<AttestationIssuer>("Root of blobs");
  Algorithm algorithm = Algorithm::es256;
  SigningKey key{algorithm};
  std::string host = "mds.fidoalliance.org";
  mfa::test::CertificateContents contents = {};
  Json more_header = Json::object();

  [[nodiscard]] std::string certificate() const {
    auto with = contents;
    with.more.push_back({"2.5.29.17", der::sequence({der::value("\x82", host)})});
    return root->certify(key, with);
  }

  [[nodiscard]] std::string sign(const std::string& payload) const {
    const char* const name = algorithm == Algorithm::rs256   ? "RS256"
                             : algorithm == Algorithm::es384 ? "ES384"
                             : algorithm == Algorithm::es512 ? "ES512"
                                                             : "ES256";
    const int size = algorithm == Algorithm::es384 ? 48 : algorithm == Algorithm::es512 ? 66 : 32;
    Json header{{"alg", name}, {"typ", "JWT"}, {"x5c", {mfa::detail::base64(certificate())}}};
    header.update(more_header);
    const std::string text = mfa::detail::base64url(header.dump()) + '.' + mfa::detail::base64url(payload);
    const std::string signature = key.sign(text);
    return text + '.' +
           mfa::detail::base64url(algorithm == Algorithm::rs256 ? signature : r_and_s(signature, size));
  }

  [[nodiscard]] FidoMetadataSettings settings() const { return {.roots = root->root_pem()}; }
};

const Publisher& publisher() {
  static const Publisher one;
  return one;
}
const AttestationIssuer& vendor() {
  static const AttestationIssuer one;
  return one;
}
const SigningKey& attestation_key() {
  static const SigningKey key(Algorithm::es256);
  return key;
}
const std::string& attestation_certificate() {
  static const std::string certificate = vendor().certify(attestation_key());
  return certificate;
}

Json report(const char* status, int from_now = -10) {
  return {{"status", status}, {"effectiveDate", day(from_now)}};
}

/// The model that the vendor makes.
Json entry(std::vector<Json> reports = {report("FIDO_CERTIFIED_L1")}) {
  return {{"aaguid", model_as_text},
          {"statusReports", std::move(reports)},
          {"metadataStatement",
           {{"description", "A key"},
            {"attestationTypes", {"basic_full"}},
            {"attestationRootCertificates", {mfa::detail::base64(vendor().root())}}}}};
}

Json blob_of(std::vector<Json> entries, std::uint64_t number = 7, int next_update = 20) {
  return {{"legalHeader", "..."},
          {"no", number},
          {"nextUpdate", day(next_update)},
          {"entries", std::move(entries)}};
}

FidoMetadata read(const Json& blob) {
  return read_fido_metadata(publisher().sign(blob.dump()), publisher().settings(), today());
}

Attestation attestation(std::string format = "packed") {
  return {.format = std::move(format),
          .type = AttestationType::certified,
          .aaguid = model,
          .certificates = {attestation_certificate()},
          .now = today()};
}

std::string why(const Json& of_entry, const MetadataPolicy& policy = {},
                const Attestation& of = attestation()) {
  return why_not_trusted(of, read(blob_of({of_entry})), policy);
}
std::string why_by_reports(std::vector<Json> reports, const MetadataPolicy& policy = {}) {
  return why(entry(std::move(reports)), policy);
}

/// Whether that throws `errc::invalid_argument`.
template <class Call> bool refuses(const Call& call) {
  try {
    call();
    return false;
  } catch (const mfa::Error& error) {
    return error.code() == mfa::errc::invalid_argument;
  }
}

bool is_refused(const std::string& blob, const FidoMetadataSettings& settings = publisher().settings()) {
  return refuses([&] { (void)read_fido_metadata(blob, settings, today()); });
}

} // namespace

TEST_CASE("A blob is read that its publisher signed, by any of the algorithms") {
  for (const Algorithm algorithm : {Algorithm::es256, Algorithm::es384, Algorithm::es512, Algorithm::rs256}) {
    CAPTURE(static_cast<int>(algorithm));
    Publisher one;
    one.algorithm = algorithm;
    one.key = SigningKey(algorithm);
    const auto metadata =
        read_fido_metadata(one.sign(blob_of({entry()}).dump()) + "\r\n", one.settings(), today());
    CHECK(metadata.number == 7);
    CHECK(metadata.next_update == std::chrono::floor<std::chrono::days>(today()) + std::chrono::days(20));
    REQUIRE(metadata.entries.size() == 1);
    CHECK(metadata.entries[0].aaguid == model);
    CHECK(metadata.entries[0].description == "A key");
    CHECK(metadata.entries[0].roots == std::vector<std::string>{vendor().root()});
    CHECK(metadata.entries[0].reports.at(0).status == AuthenticatorStatus::fido_certified_l1);
  }
}

TEST_CASE("A blob is refused unless its publisher signed it") {
  const std::string payload = blob_of({entry()}).dump();
  const std::string blob = publisher().sign(payload);
  CHECK_FALSE(is_refused(blob));
  const Publisher other;
  CHECK(is_refused(other.sign(payload)));

  const auto last = blob.rfind('.');
  const auto first = blob.find('.');
  CHECK(is_refused(blob.substr(0, first) + '.' + mfa::detail::base64url(blob_of({}).dump()) +
                   blob.substr(last)));
  CHECK(is_refused(blob.substr(0, last + 1)));
  CHECK(is_refused(blob.substr(0, last)));
  CHECK(is_refused(blob + blob.substr(last)));
  CHECK(is_refused(""));
  CHECK(is_refused(".."));

  // With the certificate of the publisher, and the signature of somebody else.
  const auto signed_otherwise = [&](const std::string& signature) {
    return blob.substr(0, last + 1) + mfa::detail::base64url(signature);
  };
  const SigningKey stranger(Algorithm::es256);
  CHECK(is_refused(signed_otherwise(r_and_s(stranger.sign(blob.substr(0, last)), 32))));
  CHECK_FALSE(is_refused(signed_otherwise(r_and_s(publisher().key.sign(blob.substr(0, last)), 32))));
  CHECK(is_refused(
      signed_otherwise(publisher().key.sign(blob.substr(0, last))))); // in DER, as nobody writes it
  CHECK(is_refused(signed_otherwise(std::string(64, '\0'))));

  const auto with_header = [&](const Json& header) {
    Publisher twin = publisher();
    twin.more_header = header;
    return twin.sign(payload);
  };
  CHECK_FALSE(is_refused(with_header(Json{{"kid", "1"}})));
  CHECK(is_refused(with_header(Json{{"alg", "none"}})));
  CHECK(is_refused(with_header(Json{{"alg", "HS256"}})));
  CHECK(is_refused(with_header(Json{{"alg", "RS256"}})));
  CHECK(is_refused(with_header(Json{{"alg", "ES384"}})));
  CHECK(is_refused(with_header(Json{{"alg", 1}})));
  CHECK(is_refused(with_header(Json{{"crit", {"b64"}}})));
  CHECK(is_refused(with_header(Json{{"x5c", Json::array()}})));
  CHECK(is_refused(with_header(Json{{"x5c", "x"}})));
  CHECK(is_refused(with_header(Json{{"x5c", {"x!"}}})));
  CHECK(is_refused(with_header(Json{{"x5c", {mfa::detail::base64("no certificate")}}})));
  CHECK(is_refused(with_header(
      Json{{"x5c", std::vector<std::string>(9, mfa::detail::base64(publisher().certificate()))}})));
}

TEST_CASE("The signer's certificate is FIDO's, of today, and not revoked") {
  const std::string payload = blob_of({entry()}).dump();
  const auto refused = [&](auto&& change, FidoMetadataSettings settings = {}) {
    Publisher twin = publisher();
    change(twin);
    settings.roots = publisher().root->root_pem();
    return is_refused(twin.sign(payload), settings);
  };
  CHECK_FALSE(refused([](Publisher&) {}));
  CHECK(refused([](Publisher& twin) { twin.host = "example.org"; })); // whom the root has certified too
  CHECK(refused([](Publisher& twin) { twin.host = "mds.fidoalliance.org.example.org"; }));
  CHECK_FALSE(refused([](Publisher& twin) { twin.host = "example.org"; }, {.signer = "example.org"}));
  CHECK(refused([](Publisher&) {}, {.signer = ""}));
  CHECK(refused([](Publisher& twin) { twin.contents = {.first_day = -9, .last_day = -2}; }));
  CHECK(refused([](Publisher& twin) { twin.contents = {.first_day = 2, .last_day = 9}; }));

  const auto with_lists = [](const std::string& lists) {
    return FidoMetadataSettings{.revocation_lists = lists};
  };
  CHECK_FALSE(refused([](Publisher&) {}, with_lists(publisher().root->revocation_list_pem(false))));
  CHECK(refused([](Publisher&) {}, with_lists(publisher().root->revocation_list_pem(true))));
  CHECK(refused([](Publisher&) {}, with_lists(vendor().revocation_list_pem(false)))); // none of the issuer
  CHECK(refused([](Publisher&) {}, with_lists("no list")));

  const std::string blob = publisher().sign(payload);
  CHECK(is_refused(blob, {.roots = ""}));
  CHECK(is_refused(blob, {.roots = "no certificate"}));
  CHECK(is_refused(blob, {.roots = vendor().root_pem()}));
}

TEST_CASE("A blob has a number, a day and entries; an entry that cannot be read is left out and told") {
  const auto refused = [](const std::string& payload) { return is_refused(publisher().sign(payload)); };
  const auto without = [](const char* name) {
    Json blob = blob_of({entry()});
    blob.erase(name);
    return blob.dump();
  };
  const auto with = [](const char* name, const Json& value) {
    Json blob = blob_of({entry()});
    blob[name] = value;
    return blob.dump();
  };
  for (const char* const name : {"no", "nextUpdate", "entries"}) {
    CAPTURE(name);
    CHECK(refused(without(name)));
  }
  CHECK_FALSE(refused(without("legalHeader")));
  for (const Json& no : {Json(-1), Json("7"), Json(7.5), Json(nullptr)}) CHECK(refused(with("no", no)));
  for (const char* const date :
       {"", "2026-02-30", "2026-13-01", "2026-1-01", "2026-01-01T", "x026-01-01", "2026/01/01"})
    CHECK(refused(with("nextUpdate", date)));
  CHECK(refused(with("entries", Json::object())));
  CHECK(refused("[]"));
  CHECK(refused(""));
  CHECK(refused("{"));

  const auto unread = [](const Json& one) { return read(blob_of({one, entry()})).unread; };
  const auto changed = [](const Json::json_pointer& where, const Json& value) {
    Json one = entry();
    one[where] = value;
    return one;
  };
  using Pointer = Json::json_pointer;
  CHECK(unread(entry()) == 0);
  CHECK(unread(Json()) == 1);
  CHECK(unread(changed(Pointer("/aaguid"), "x")) == 1);
  CHECK(unread(changed(Pointer("/statusReports"), Json::object())) == 1);
  CHECK(unread(changed(Pointer("/statusReports/0/status"), 1)) == 1);
  CHECK(unread(changed(Pointer("/attestationCertificateKeyIdentifiers"), "x")) == 1);
  CHECK(unread(changed(Pointer("/attestationCertificateKeyIdentifiers"), {"x"})) == 1);
  CHECK(unread(changed(Pointer("/attestationCertificateKeyIdentifiers"), {1})) == 1);
  CHECK(unread(changed(Pointer("/metadataStatement"), Json::array())) == 1);
  CHECK(unread(changed(Pointer("/metadataStatement/attestationTypes"), "basic_full")) == 1);
  CHECK(unread(changed(Pointer("/metadataStatement/attestationRootCertificates"), {"!"})) == 1);
  Json no_reports = entry();
  no_reports.erase("statusReports");
  CHECK(unread(no_reports) == 1);
}

TEST_CASE("A model is trusted that FIDO lists, whose certificates lead to its root") {
  CHECK(why(entry()).empty());
  Json other_model = entry();
  other_model["aaguid"] = "40313233-3435-3637-3839-616263646566";
  CHECK(why(other_model) == "the FIDO metadata does not list the model");

  Json other_root = entry();
  other_root["metadataStatement"]["attestationRootCertificates"] = {
      mfa::detail::base64(AttestationIssuer("Another").root())};
  CHECK(why(other_root) == "the certificates lead to no root of the model, or are out of date");
  other_root["metadataStatement"]["attestationRootCertificates"].push_back(
      mfa::detail::base64(vendor().root()));
  CHECK(why(other_root).empty());
  Json no_root = entry();
  no_root["metadataStatement"]["attestationRootCertificates"] = Json::array();
  CHECK(why(no_root) == "the certificates lead to no root of the model, or are out of date");
  Json own = entry(); // the certificate itself is listed
  own["metadataStatement"]["attestationRootCertificates"] = {mfa::detail::base64(attestation_certificate())};
  CHECK(why(own).empty());
  Json no_statement = entry();
  no_statement.erase("metadataStatement");
  CHECK(why(no_statement) == "the model does not attest by certificates");

  for (const char* const type : {"basic_full", "attca", "anonca"}) {
    Json one = entry();
    one["metadataStatement"]["attestationTypes"] = {"basic_surrogate", type};
    CHECK(why(one).empty());
  }
  Json surrogate = entry();
  surrogate["metadataStatement"]["attestationTypes"] = {"basic_surrogate"};
  CHECK(why(surrogate) == "the model does not attest by certificates");

  for (const AttestationType type : {AttestationType::none, AttestationType::self}) {
    auto unattested = attestation();
    unattested.type = type;
    unattested.certificates.clear();
    CHECK(why(entry(), {}, unattested) == "there is no certificate");
  }
}

namespace {

/// By which FIDO names the certificates of a key of P-256.
std::string identifier_of(const SigningKey& key) {
  std::string digest(SHA_DIGEST_LENGTH, '\0');
  SHA1(mfa::crypto::bytes_of(key.octets()).data(), 65, reinterpret_cast<unsigned char*>(digest.data()));
  return mfa::detail::hexadecimal(mfa::crypto::bytes_of(digest));
}

} // namespace

TEST_CASE("Keys of U2F are known by their certificate, and not by a model that nothing signs") {
  const std::string identifier = identifier_of(attestation_key());
  Json u2f = entry();
  u2f.erase("aaguid");
  u2f["attestationCertificateKeyIdentifiers"] = {std::string(40, '0'), identifier};
  CHECK(why(u2f, {}, attestation("fido-u2f")).empty());
  CHECK(why(u2f) == "the FIDO metadata does not list the model");
  auto untold = attestation();
  untold.aaguid = std::string(16, '\0');
  CHECK(why(u2f, {}, untold).empty());
  CHECK(why(entry(), {}, attestation("fido-u2f")) == "the FIDO metadata does not list the model");
  u2f["attestationCertificateKeyIdentifiers"] = {std::string(40, '0')};
  CHECK(why(u2f, {}, attestation("fido-u2f")) == "the FIDO metadata does not list the model");
}

TEST_CASE("A model is that of the certificates that lead to its root, and not of others put beside them") {
  const SigningKey key_of_another(Algorithm::es256);
  const std::string another = vendor().certify(key_of_another);
  Json good = entry(); // of the same vendor
  good.erase("aaguid");
  good["attestationCertificateKeyIdentifiers"] = {identifier_of(key_of_another)};
  auto attested = attestation();
  attested.aaguid = std::string(16, '\0');
  attested.certificates = {another};
  CHECK(why(good, {}, attested).empty());
  attested.certificates = {attestation_certificate()};
  CHECK(why(good, {}, attested) == "the FIDO metadata does not list the model");
  attested.certificates = {attestation_certificate(), another};
  CHECK(why(good, {}, attested) ==
        "the certificate that names the model is not among those that lead to its root");
}

TEST_CASE("Reports of a model: what they refuse, from which day on") {
  for (const char* const status : {"REVOKED", "USER_VERIFICATION_BYPASS", "ATTESTATION_KEY_COMPROMISE",
                                   "USER_KEY_REMOTE_COMPROMISE", "USER_KEY_PHYSICAL_COMPROMISE"}) {
    CAPTURE(status);
    const std::string refused = std::string("FIDO reports of the model: ") + status;
    CHECK(why_by_reports({report("FIDO_CERTIFIED"), report(status)}) == refused);
    CHECK(why_by_reports({report(status, -10), report("FIDO_CERTIFIED_L2", -5),
                          report("UPDATE_AVAILABLE", -5)}) == refused);
    CHECK(why_by_reports({report(status, 0)}) == refused);
    CHECK(why_by_reports({report(status, 1)}).empty()); // from tomorrow on
    CHECK(why_by_reports({{{"status", status}}}) == refused);
    CHECK(why_by_reports({{{"status", status}, {"effectiveDate", "soon"}}}) == refused);
    CHECK(why_by_reports({report(status)}, {.refused = {}}).empty());
  }
  for (const char* const status : {"NOT_FIDO_CERTIFIED", "SELF_ASSERTION_SUBMITTED", "FIDO_CERTIFIED",
                                   "UPDATE_AVAILABLE", "RETIRED", "A_STATUS_OF_TOMORROW"}) {
    CAPTURE(status);
    CHECK(why_by_reports({report(status)}).empty());
  }
  CHECK(why_by_reports({report("RETIRED")}, {.refused = {AuthenticatorStatus::retired}}) ==
        "FIDO reports of the model: RETIRED");
}

TEST_CASE("A key that was lost makes those certificates refused that it issued") {
  const auto lost = [](const std::string& certificate) {
    Json one = report("ATTESTATION_KEY_COMPROMISE");
    one["certificate"] = certificate;
    return why_by_reports({one});
  };
  const std::string refused = "FIDO reports of the model: ATTESTATION_KEY_COMPROMISE";
  CHECK(lost(mfa::detail::base64(attestation_certificate())) == refused);
  CHECK(lost(mfa::detail::base64(vendor().root())) == refused); // which does not come along
  CHECK(lost(mfa::detail::base64(vendor().certify(SigningKey(Algorithm::es256)))).empty());
  CHECK(lost("!") == refused);
  CHECK(lost(mfa::detail::base64("no certificate")) == refused);

  // Whoever has the key can name any model of the vendor's; what else is reported of others is no matter.
  const auto reported_of_another = [](Json one) {
    Json another = entry({std::move(one)});
    another["aaguid"] = "40313233-3435-3637-3839-616263646566";
    return why_not_trusted(attestation(), read(blob_of({entry(), another})), {});
  };
  const auto lost_of_another = [&](const std::string& certificate, int from_now = -10) {
    Json one = report("ATTESTATION_KEY_COMPROMISE", from_now);
    one["certificate"] = certificate;
    return reported_of_another(std::move(one));
  };
  CHECK(lost_of_another(mfa::detail::base64(attestation_certificate())) == refused);
  CHECK(lost_of_another(mfa::detail::base64(attestation_certificate()), 1).empty());
  CHECK(lost_of_another(mfa::detail::base64(vendor().certify(SigningKey(Algorithm::es256)))).empty());
  CHECK(lost_of_another("!").empty());
  CHECK(lost_of_another(mfa::detail::base64("no certificate")).empty());
  CHECK(reported_of_another(report("ATTESTATION_KEY_COMPROMISE")).empty());
  CHECK(reported_of_another(report("REVOKED")).empty());
}

TEST_CASE("The lowest certification that is taken") {
  using enum AuthenticatorStatus;
  const auto taken = [](AuthenticatorStatus least, std::vector<Json> reports) {
    return why_by_reports(std::move(reports), {.refused = {}, .least = least}).empty();
  };
  CHECK(taken(fido_certified_l2, {report("FIDO_CERTIFIED_L2")}));
  CHECK(taken(fido_certified_l2, {report("FIDO_CERTIFIED_L2plus")}));
  CHECK(taken(fido_certified_l2, {report("FIDO_CERTIFIED_L3", -20), report("FIDO_CERTIFIED", -10)}));
  CHECK_FALSE(taken(fido_certified_l2, {report("FIDO_CERTIFIED_L1plus")}));
  CHECK_FALSE(taken(fido_certified_l2, {report("FIDO_CERTIFIED_L2", 3)}));
  CHECK_FALSE(taken(fido_certified_l2, {report("FIDO_CERTIFIED_L2", -9), report("NOT_FIDO_CERTIFIED", -3)}));
  CHECK_FALSE(taken(fido_certified_l2, {report("NOT_FIDO_CERTIFIED", -3), report("FIDO_CERTIFIED_L2", -9)}));
  CHECK_FALSE(taken(fido_certified_l2, {report("FIDO_CERTIFIED_L2", -9), report("REVOKED", -3)}));
  CHECK(taken(fido_certified_l2, {report("NOT_FIDO_CERTIFIED", -9), report("FIDO_CERTIFIED_L2", -3)}));
  CHECK_FALSE(taken(fido_certified, {report("USER_VERIFICATION_BYPASS")}));
  CHECK_FALSE(taken(fido_certified, {report("SELF_ASSERTION_SUBMITTED")}));
  CHECK_FALSE(taken(fido_certified, {}));
  CHECK(taken(unknown, {}));
  CHECK(refuses([] { FidoMetadataService({}, {.least = revoked}); }));
}

TEST_CASE("Metadata that is out of date is told, and after some time trusts nothing") {
  FidoMetadataService service(publisher().settings());
  CHECK(service.is_due(today()));
  CHECK(service.metadata() == nullptr);
  CHECK(service.why_not_trusted(attestation()) == "there is no FIDO metadata yet");
  const auto with_next_update = [&](std::uint64_t number, int from_now) {
    service.update(publisher().sign(blob_of({entry()}, number, from_now).dump()), today());
  };
  with_next_update(1, 1);
  CHECK_FALSE(service.is_due(today()));
  CHECK(service.why_not_trusted(attestation()).empty());
  with_next_update(2, 0);
  CHECK(service.is_due(today()));
  CHECK(service.why_not_trusted(attestation()).empty());
  with_next_update(3, -29);
  CHECK(service.why_not_trusted(attestation()).empty());
  with_next_update(4, -30);
  CHECK(service.why_not_trusted(attestation()) == "the FIDO metadata is out of date: fetch the next blob");
}

TEST_CASE("An update takes a blob of the same number or a later one, and otherwise leaves what is there") {
  FidoMetadataService service(publisher().settings());
  const auto update = [&](std::uint64_t number, std::vector<Json> entries) {
    return !refuses(
        [&] { service.update(publisher().sign(blob_of(std::move(entries), number).dump()), today()); });
  };
  CHECK(update(7, {entry()}));
  CHECK(update(7, {entry()}));
  CHECK(update(8, {entry({report("REVOKED")})}));
  CHECK_FALSE(update(7, {entry()})); // which does not know of it yet
  CHECK(service.why_not_trusted(attestation()) == "FIDO reports of the model: REVOKED");
  CHECK(refuses([&] { service.update("no blob", today()); }));
  CHECK(service.metadata()->number == 8);
}

TEST_CASE("A relying party that trusts by it: registrations follow the updates, and refusals are told") {
  std::vector<std::string> told;
  AttestationTrust trust;
  std::optional<FidoMetadataService> service;
  service.emplace(publisher().settings(),
                  MetadataPolicy{.on_refusal = [&](const Attestation& of, std::string_view reason) {
                    told.push_back(of.format + ": " + std::string(reason));
                  }});
  trust = service->trust();
  const auto party = relying_party({.id = "example.org",
                                    .name = "Example",
                                    .origins = {"https://example.org"},
                                    .attestation = AttestationConveyance::direct,
                                    .attestation_trust = trust});
  mfa::test::SoftwareAuthenticator authenticator;
  authenticator.aaguid = model;
  authenticator.format = "packed";
  authenticator.statement = [](const std::string& data, const std::string& hash) {
    namespace cbor = mfa::test::cbor;
    return cbor::map({{cbor::text("alg"), cbor::integer(-7)},
                      {cbor::text("sig"), cbor::bytes(attestation_key().sign(data + hash))},
                      {cbor::text("x5c"), cbor::array({cbor::bytes(attestation_certificate())})}});
  };
  const auto registration = [&] {
    const std::string options =
        party->creation_options({.challenge = "challenge", .user_handle = "handle", .user = "alan"});
    return party->verify_registration(
        authenticator.create(options).json(),
        {.is_challenge = [](std::string_view bytes) { return bytes == "challenge"; }, .now = today()});
  };
  CHECK(to_string(registration().status) == "attestation_refused");
  service->update(publisher().sign(blob_of({entry()}).dump()), today());
  CHECK(to_string(registration().status) == "valid");
  CHECK(registration().credential.attestation_trusted);
  service->update(publisher().sign(blob_of({entry({report("REVOKED")})}, 8).dump()), today());
  service.reset();
  CHECK(to_string(registration().status) == "attestation_refused");
  CHECK(told == std::vector<std::string>{"packed: there is no FIDO metadata yet",
                                         "packed: FIDO reports of the model: REVOKED"});
}

TEST_CASE("Registrations and updates at once, of many threads") {
  FidoMetadataService service(publisher().settings());
  const std::string blob = publisher().sign(blob_of({entry()}).dump());
  service.update(blob, today());
  const auto trust = service.trust();
  std::vector<std::thread> threads;
  std::vector<int> trusted(3);
  for (int& count : trusted)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) count += trust(attestation()) ? 1 : 0;
    });
  for (int i = 0; i < 20; ++i) service.update(blob, today());
  for (std::thread& thread : threads) thread.join();
  CHECK(trusted == std::vector<int>{20, 20, 20});
}
