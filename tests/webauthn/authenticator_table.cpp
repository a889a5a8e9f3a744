// The table of authenticators' names is what its script makes, and the script refuses what is no list.
#include <fstream>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

#include <mfa/webauthn/authenticator_table.hpp>

#include "support/catch.hpp"
#include "support/program.hpp"
#include "support/temporary_directory.hpp"

namespace {

/// What the script prints of a list, and how it ends.
std::string made_of(const std::string& list) {
  const mfa::test::TemporaryDirectory directory;
  const std::string file = directory.path() + "/aaguid.json";
  std::ofstream(file) << list;
  return mfa::test::output_of("python3 '" MFA_SOURCE_DIRECTORY "/tests/webauthn/authenticator_table.py' '" +
                              file + "' 2>/dev/null; echo $?");
}

} // namespace

TEST_CASE("The table of names is what its script makes of such a list") {
  nlohmann::json list;
  for (const auto& [aaguid, name] : mfa::webauthn::detail::authenticator_table)
    list[std::string(aaguid)] = {{"name", name}, {"icon_light", "data:"}};
  std::ifstream file(MFA_SOURCE_DIRECTORY "/include/mfa/webauthn/authenticator_table.hpp");
  std::stringstream header;
  header << file.rdbuf();
  CHECK(made_of(list.dump()) == header.str() + "0\n");
}

TEST_CASE("No table is made of a list that was given up, or is none") {
  for (const char* const list :
       {"{}", "", "[]", R"({"no AAGUID":{"name":"A"}})", R"({"00000000-0000-0000-0000-00000000000a":{}})",
        R"({"00000000-0000-0000-0000-00000000000a":{"name":" "}})",
        R"({"00000000-0000-0000-0000-00000000000a":{"name":"a\nb"}})"}) {
    CAPTURE(list);
    CHECK(made_of(list) == "1\n");
  }
}
