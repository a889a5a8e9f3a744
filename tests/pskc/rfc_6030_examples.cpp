// The examples in RFC 6030, sections 4 to 6, are read as it says what they hold; values of makers' files are
// too.
#include <string>
#include <vector>

#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/encoding/text_encoding.hpp>
#include <mfa/import.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/pskc/read_pskc.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::ImportToken;

namespace {

constexpr const char* head = R"(<?xml version="1.0" encoding="UTF-8"?>
<KeyContainer Version="1.0" Id="exampleID1"
    xmlns="urn:ietf:params:xml:ns:keyprov:pskc"
    xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
    xmlns:xenc="http://www.w3.org/2001/04/xmlenc#">)";

constexpr const char* device = R"(<DeviceInfo>
  <Manufacturer>Manufacturer</Manufacturer>
  <SerialNo>987654321</SerialNo>
</DeviceInfo>
<CryptoModuleInfo><Id>CM_ID_001</Id></CryptoModuleInfo>)";

constexpr const char* eight_digits =
    R"(<AlgorithmParameters><ResponseFormat Length="8" Encoding="DECIMAL"/></AlgorithmParameters>)";

constexpr const char* plain_secret = R"(<Secret>
  <PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=
  </PlainValue>
</Secret>)";

std::string figure(const std::string& content) { return head + content + "</KeyContainer>"; }

std::string hex(const ImportToken& token) {
  return mfa::detail::hexadecimal(mfa::crypto::bytes_of(token.seed));
}

mfa::crypto::SecretBytes bytes(std::string_view text) {
  return mfa::detail::read_hex<mfa::crypto::SecretBytes>(text).value();
}

} // namespace

TEST_CASE("Figure 2: a secret in the clear") {
  const auto tokens = mfa::read_pskc(figure(R"(<KeyPackage>
    <Key Id="12345678" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp">
      <Issuer>Issuer-A</Issuer>
      <Data><Secret><PlainValue>MTIzNA==
      </PlainValue></Secret></Data>
    </Key></KeyPackage>)"));
  REQUIRE(tokens.size() == 1);
  CHECK(tokens[0].problem.empty());
  CHECK(tokens[0].seed == "1234");
  CHECK(tokens[0].serial_number == "12345678");
  CHECK(tokens[0].counter == 0);
  CHECK(tokens[0].line == 1);
  CHECK(tokens[0].issuer.empty());
}

TEST_CASE("Figure 3: what belongs to a key") {
  const auto tokens = mfa::read_pskc(figure(R"(<KeyPackage>
    <DeviceInfo>
      <Manufacturer>Manufacturer</Manufacturer>
      <SerialNo>987654321</SerialNo>
      <UserId>DC=example-bank,DC=net</UserId>
    </DeviceInfo>
    <CryptoModuleInfo><Id>CM_ID_001</Id></CryptoModuleInfo>
    <Key Id="12345678" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp">
      <Issuer>Issuer</Issuer>)" + std::string(eight_digits) +
                                            "<Data>" + plain_secret + R"(
        <Counter><PlainValue>0</PlainValue></Counter></Data>
      <UserId>UID=jsmith,DC=example-bank,DC=net</UserId>
    </Key></KeyPackage>)"));
  REQUIRE(tokens.size() == 1);
  const ImportToken& token = tokens[0];
  CHECK(token.problem.empty());
  CHECK(token.seed == "12345678901234567890");
  CHECK(token.manufacturer == "Manufacturer");
  CHECK(token.serial_number == "987654321");
  CHECK(token.named_user == "UID=jsmith,DC=example-bank,DC=net");
  CHECK(token.user_id.empty());
  CHECK(token.digits == 8);
  CHECK(token.counter == 0);

  mfa::test::Host host;
  ImportToken owned = token;
  owned.user_id = "jsmith";
  const std::vector<ImportToken> lines{owned};
  CHECK(mfa::import_factors(host.verifier, lines, {.issuer = "Foo", .user_id_as_user = true}).imported == 1);
  const auto factor = host.verifier.list_factors("jsmith").at(0);
  CHECK(factor.friendly_name() == "Manufacturer 987654321");
  const auto key = mfa::crypto::secret_copy(mfa::crypto::bytes_of("12345678901234567890"));
  CHECK(factor.confirm(mfa::otp::hotp(key, 0, {mfa::crypto::Hash::sha1, 8})).confirmed());
}

TEST_CASE("Figure 4: a key that its maker derives is not there to be taken") {
  const auto tokens = mfa::read_pskc(figure("<KeyPackage>" + std::string(device) + R"(
    <Key Id="12345678" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp">
      <Issuer>Issuer</Issuer>)" + eight_digits +
                                            R"(
      <KeyProfileId>keyProfile1</KeyProfileId>
      <KeyReference>MasterKeyLabel</KeyReference>
      <Data><Counter><PlainValue>0</PlainValue></Counter></Data>
      <Policy><KeyUsage>OTP</KeyUsage></Policy>
    </Key></KeyPackage>)"));
  REQUIRE(tokens.size() == 1);
  CHECK_THAT(tokens[0].problem, mfa::test::contains("derived"));
}

TEST_CASE("Figure 5: a token that its user unlocks, and the PIN") {
  const auto tokens = mfa::read_pskc(figure("<KeyPackage>" + std::string(device) + R"(
    <Key Id="12345678" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp">
      <Issuer>Issuer</Issuer>)" + eight_digits +
                                            "<Data>" + plain_secret + R"(
        <Counter><PlainValue>0</PlainValue></Counter></Data>
      <Policy>
        <PINPolicy MinLength="4" MaxLength="4" PINKeyId="123456781" PINEncoding="DECIMAL" PINUsageMode="Local"/>
        <KeyUsage>OTP</KeyUsage>
      </Policy>
    </Key></KeyPackage>
    <KeyPackage>)" + device + R"(
    <Key Id="123456781" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:pin">
      <Issuer>Issuer</Issuer>
      <AlgorithmParameters><ResponseFormat Length="4" Encoding="DECIMAL"/></AlgorithmParameters>
      <Data><Secret><PlainValue>MTIzNA==</PlainValue></Secret></Data>
    </Key></KeyPackage>)"));
  REQUIRE(tokens.size() == 2);
  CHECK(tokens[0].problem.empty());
  CHECK(tokens[0].seed == "12345678901234567890");
  CHECK_THAT(tokens[1].problem, mfa::test::contains("PIN"));
  CHECK(tokens[1].seed.view().empty());
  CHECK(tokens[1].line == 2);
}

TEST_CASE("Figure 6: encrypted under a key that was shared before") {
  const std::string file = figure(R"(<EncryptionKey><ds:KeyName>Pre-shared-key</ds:KeyName></EncryptionKey>
    <MACMethod Algorithm="http://www.w3.org/2000/09/xmldsig#hmac-sha1">
      <MACKey>
        <xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/>
        <xenc:CipherData><xenc:CipherValue>
          ESIzRFVmd4iZABEiM0RVZgKn6WjLaTC1sbeBMSvIhRejN9vJa2BOlSaMrR7I5wSX
        </xenc:CipherValue></xenc:CipherData>
      </MACKey>
    </MACMethod>
    <KeyPackage>)" + std::string(device) +
                                  R"(
    <Key Id="12345678" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp">
      <Issuer>Issuer</Issuer>)" + eight_digits +
                                  R"(
      <Data>
        <Secret>
          <EncryptedValue>
            <xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/>
            <xenc:CipherData><xenc:CipherValue>
              AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv
            </xenc:CipherValue></xenc:CipherData>
          </EncryptedValue>
          <ValueMAC>Su+NvtQfmvfJzF6bmQiJqoLRExc=
          </ValueMAC>
        </Secret>
        <Counter><PlainValue>0</PlainValue></Counter>
      </Data>
    </Key></KeyPackage>)");
  const auto tokens = mfa::read_pskc(file, {.key = bytes("12345678901234567890123456789012")});
  REQUIRE(tokens.size() == 1);
  CHECK(tokens[0].problem.empty());
  CHECK(tokens[0].seed == "12345678901234567890");
  CHECK(mfa::test::thrown_by([&] { return mfa::read_pskc(file); }) == mfa::errc::invalid_token_file);
}

TEST_CASE("Figure 7: encrypted under a password") {
  const std::string file = R"(<?xml version="1.0" encoding="UTF-8"?>
<pskc:KeyContainer xmlns:pskc="urn:ietf:params:xml:ns:keyprov:pskc"
    xmlns:xenc11="http://www.w3.org/2009/xmlenc11#"
    xmlns:pkcs5="http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#"
    xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Version="1.0">
  <pskc:EncryptionKey>
    <xenc11:DerivedKey>
      <xenc11:KeyDerivationMethod Algorithm="http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2">
        <pkcs5:PBKDF2-params>
          <Salt><Specified>Ej7/PEpyEpw=</Specified></Salt>
          <IterationCount>1000</IterationCount>
          <KeyLength>16</KeyLength>
          <PRF/>
        </pkcs5:PBKDF2-params>
      </xenc11:KeyDerivationMethod>
      <xenc:ReferenceList><xenc:DataReference URI="#ED"/></xenc:ReferenceList>
      <xenc11:MasterKeyName>My Password 1</xenc11:MasterKeyName>
    </xenc11:DerivedKey>
  </pskc:EncryptionKey>
  <pskc:MACMethod Algorithm="http://www.w3.org/2000/09/xmldsig#hmac-sha1">
    <pskc:MACKey>
      <xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/>
      <xenc:CipherData><xenc:CipherValue>
        2GTTnLwM3I4e5IO5FkufoOEiOhNj91fhKRQBtBJYluUDsPOLTfUvoU2dStyOwYZx
      </xenc:CipherValue></xenc:CipherData>
    </pskc:MACKey>
  </pskc:MACMethod>
  <pskc:KeyPackage>
    <pskc:DeviceInfo>
      <pskc:Manufacturer>TokenVendorAcme</pskc:Manufacturer>
      <pskc:SerialNo>987654321</pskc:SerialNo>
    </pskc:DeviceInfo>
    <pskc:CryptoModuleInfo><pskc:Id>CM_ID_001</pskc:Id></pskc:CryptoModuleInfo>
    <pskc:Key Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp" Id="123456">
      <pskc:Issuer>Example-Issuer</pskc:Issuer>
      <pskc:AlgorithmParameters><pskc:ResponseFormat Length="8" Encoding="DECIMAL"/></pskc:AlgorithmParameters>
      <pskc:Data><pskc:Secret>
        <pskc:EncryptedValue Id="ED">
          <xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/>
          <xenc:CipherData><xenc:CipherValue>
            oTvo+S22nsmS2Z/RtcoF8Hfh+jzMe0RkiafpoDpnoZTjPYZu6V+A4aEn032yCr4f
          </xenc:CipherValue></xenc:CipherData>
        </pskc:EncryptedValue>
        <pskc:ValueMAC>LP6xMvjtypbfT9PdkJhBZ+D6O4w=
        </pskc:ValueMAC>
      </pskc:Secret></pskc:Data>
    </pskc:Key>
  </pskc:KeyPackage>
</pskc:KeyContainer>)";
  const auto tokens = mfa::read_pskc(file, {.password = "qwerty"});
  REQUIRE(tokens.size() == 1);
  CHECK(tokens[0].problem.empty());
  CHECK(hex(tokens[0]) == mfa::detail::hexadecimal(mfa::crypto::bytes_of("12345678901234567890")));
  CHECK(tokens[0].digits == 8);
  for (const char* password : {"", "Qwerty"})
    CHECK(mfa::test::thrown_by([&] {
            const auto read = mfa::read_pskc(file, {.password = password});
            // By chance, one in sixteen wrong keys opens the key of the MAC to something.
            if (read.at(0).problem.empty()) return 0;
            throw mfa::Error(mfa::errc::invalid_token_file, read.at(0).problem);
          }) == mfa::errc::invalid_token_file);
}

TEST_CASE("A maker's time-based tokens, which it gives a time") {
  const auto package = [](const std::string& serial, const std::string& secret) {
    return "<KeyPackage><DeviceInfo><Manufacturer>Feitian Technology Co.,Ltd</Manufacturer><SerialNo>" +
           serial + "</SerialNo></DeviceInfo><Key Id=\"" + serial +
           R"(" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp">
      <AlgorithmParameters><ResponseFormat Length="6" Encoding="DECIMAL"/></AlgorithmParameters>
      <Data><Secret><PlainValue>)" +
           secret + R"(</PlainValue></Secret>
        <Time><PlainValue>0</PlainValue></Time><TimeInterval><PlainValue>60</PlainValue></TimeInterval></Data>
      <Policy><StartDate>2012-08-01T00:00:00Z</StartDate><ExpiryDate>2037-12-31T00:00:00Z</ExpiryDate></Policy>
    </Key></KeyPackage>)";
  };
  const auto tokens = mfa::read_pskc(figure(package("2600124809778", "MRffGnGNJKmo8uSW313HCvGNIYM=") +
                                            package("2600124809787", "9O9PX9g20x74kIcaLLrGiwMUReM=")));
  REQUIRE(tokens.size() == 2);
  for (const ImportToken& token : tokens) {
    CHECK(token.problem.empty());
    CHECK(token.period == std::chrono::seconds(60));
    CHECK_FALSE(token.counter);
    CHECK(token.valid_from == mfa::Time(std::chrono::sys_days(std::chrono::year(2012) / 8 / 1)));
    CHECK(token.valid_until == mfa::Time(std::chrono::sys_days(std::chrono::year(2037) / 12 / 31)));
  }
  CHECK(hex(tokens[0]) == "3117df1a718d24a9a8f2e496df5dc70af18d2183");
  CHECK(tokens[0].friendly_name == "Feitian Technology Co.,Ltd 2600124809778");
}
