#pragma once

#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/encoding/base64url.hpp>

namespace mfa::test {

inline std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

/// What a browser sends after `navigator.credentials.create`. All parts are bytes.
struct RegistrationParts {
  std::string credential_id;
  std::string client_data;
  std::string attestation_object;
  nlohmann::json transports = {"usb", "nfc"};

  [[nodiscard]] std::string json() const {
    const std::string id = detail::base64url(credential_id);
    return nlohmann::json{{"id", id},
                          {"rawId", id},
                          {"type", "public-key"},
                          {"authenticatorAttachment", "cross-platform"},
                          {"clientExtensionResults", nlohmann::json::object()},
                          {"response",
                           {{"clientDataJSON", detail::base64url(client_data)},
                            {"attestationObject", detail::base64url(attestation_object)},
                            {"transports", transports}}}}
        .dump();
  }
};

/// What a browser sends after `navigator.credentials.get`.
struct AssertionParts {
  std::string credential_id;
  std::string client_data;
  std::string authenticator_data;
  std::string signature;
  std::optional<std::string> user_handle = {};

  [[nodiscard]] std::string json() const {
    const std::string id = detail::base64url(credential_id);
    return nlohmann::json{
        {"id", id},
        {"rawId", id},
        {"type", "public-key"},
        {"authenticatorAttachment", "cross-platform"},
        {"clientExtensionResults", nlohmann::json::object()},
        {"response",
         {{"clientDataJSON", detail::base64url(client_data)},
          {"authenticatorData", detail::base64url(authenticator_data)},
          {"signature", detail::base64url(signature)},
          {"userHandle", user_handle ? nlohmann::json(detail::base64url(*user_handle)) : nullptr}}}}
        .dump();
  }
};

/// A ceremony of WebAuthn Level 3, section 16.
struct Vector {
  std::string section;
  std::string title;
  std::string format;
  RegistrationParts registration;
  std::string registration_challenge;
  AssertionParts assertion;
  std::string assertion_challenge;
  std::string public_key; ///< COSE
  bool cross_origin = false;
  std::string top_origin;
};

struct Vectors {
  std::string rp_id;
  std::string origin;
  std::string root_certificate; ///< DER
  std::vector<Vector> vectors;
};

inline Vectors read_vectors(const std::string& directory) {
  std::ifstream file(directory + "/webauthn_level3_vectors.json");
  const auto json = nlohmann::json::parse(file);
  const auto hex = [](const nlohmann::json& object, const char* name) {
    return from_hex(object.at(name).get<std::string>());
  };
  Vectors all{json.at("rpId"), json.at("origin"), hex(json, "attestationRootCertificate"), {}};
  for (const auto& entry : json.at("vectors")) {
    const auto& registration = entry.at("registration");
    const auto& assertion = entry.at("authentication");
    const std::string id = hex(registration, "credentialID");
    all.vectors.push_back(
        {.section = entry.at("section"),
         .title = entry.at("title"),
         .format = entry.at("format"),
         .registration = {id, hex(registration, "clientDataJSON"), hex(registration, "attestationObject")},
         .registration_challenge = hex(registration, "challenge"),
         .assertion = {id, hex(assertion, "clientDataJSON"), hex(assertion, "authenticatorData"),
                       hex(assertion, "signature")},
         .assertion_challenge = hex(assertion, "challenge"),
         .public_key = hex(entry, "credentialPublicKey"),
         .cross_origin = entry.at("crossOrigin"),
         .top_origin = entry.at("topOrigin").is_null() ? "" : entry.at("topOrigin").get<std::string>()});
  }
  return all;
}

} // namespace mfa::test
