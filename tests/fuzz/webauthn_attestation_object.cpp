#include <array>
#include <cstddef>
#include <cstdint>

#include <mfa/webauthn/attestation.hpp>

// Covers: webauthn/attestation.hpp webauthn/cbor.hpp webauthn/tpm.hpp

// All that a registration does with the bytes after the JSON around them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mfa::webauthn;
  const auto object = parse_attestation_object({data, size});
  if (!object) return 0;
  (void)parse_attestation_statement(object->statement);
  const auto parsed = parse_authenticator_data(object->authenticator_data);
  if (!parsed || !parsed->credential) return 0;
  const auto key = CoseKey::parse(parsed->credential->public_key);
  if (!key) return 0;
  const std::array<unsigned char, 32> hash{};
  const auto type = verify_attestation(*object, {object->authenticator_data, hash, *parsed, *key},
                                       {.unverified_formats = UnverifiedFormats::ignore, .enterprise = true});
  if (type) (void)attestation_of(*object, *parsed->credential, *type, {});
  return 0;
}
