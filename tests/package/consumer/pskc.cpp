// Uses the component pskc: libxml2 reads.
#include <string>

#include <mfa/pskc/read_pskc.hpp>

int main() {
  const auto tokens =
      mfa::read_pskc(R"(<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc">
    <KeyPackage>
      <DeviceInfo><SerialNo>987654321</SerialNo></DeviceInfo>
      <Key Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp">
        <Data><Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret></Data>
      </Key>
    </KeyPackage>
  </KeyContainer>)");
  return tokens.size() == 1 && tokens[0].problem.empty() && tokens[0].seed == "12345678901234567890" ? 0 : 1;
}
