// The C++ in README.md and in the pages for hosts compiles as it stands there, or stands in the example that
// the page names.
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "support/compiler.hpp"

using mfa::test::Compiler;

namespace {

struct Block {
  std::size_t line = 0; ///< of the page, on which its text begins
  std::string text;
  std::string example = {}; ///< where it stands, if the line before says "from `examples/a.hpp`"
};

/// Its path, or nothing.
std::string example_named_in(const std::string& line) {
  const auto begin = line.find("from `examples/");
  if (begin == std::string::npos) return {};
  const auto path = begin + std::string_view("from `").size();
  return line.substr(path, line.find('`', path) - path);
}

std::vector<Block> blocks_of(const std::string& page) {
  std::ifstream in(MFA_SOURCE_DIRECTORY "/" + page);
  std::vector<Block> blocks;
  bool inside = false;
  std::string line;
  std::string said; // in the last line before the block that is not empty
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line == "```cpp") {
      inside = true;
      blocks.push_back({number + 1, "", example_named_in(said)});
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      blocks.back().text += line + '\n';
    } else if (!line.empty()) {
      said = line;
    }
  }
  return blocks;
}

bool is_program(const Block& block) { return block.text.find("int main(") != std::string::npos; }
bool is_type(const Block& block) { return block.text.starts_with("struct "); }

/// The text in a function of its own, with its includes before that.
std::string in_a_function(const Block& block) {
  std::string includes;
  std::string statements;
  for (std::size_t start = 0; start < block.text.size();) {
    const std::size_t end = block.text.find('\n', start) + 1;
    const std::string line = block.text.substr(start, end - start);
    const bool is_include = line.starts_with("#include");
    includes += is_include ? line : "";
    statements += is_include ? "\n" : line;
    start = end;
  }
  const std::string before = statements.starts_with("catch") ? "try {} " : "";
  const std::string number = std::to_string(block.line);
  return includes + "auto line_" + number + "() {\n#line " + number + '\n' + before + statements + "}\n";
}

/// An example's text, two spaces to the left.
std::string without_indentation(const std::string& example) {
  std::ifstream in(MFA_SOURCE_DIRECTORY "/" + example);
  std::string text;
  for (std::string line; std::getline(in, line);) text += line.substr(line.starts_with("  ") ? 2 : 0) + '\n';
  return text;
}

/// A page, and what its host has of its own.
struct Page {
  std::string name;
  std::string host;
  std::string host_of_program = "";
  std::string host_of_types = "";
  std::string check_of_types = "";
};

const std::vector<Page> pages {
  {"README.md", R"(
struct Gateway { void send(const mfa::SmsMessage& message); };
extern Gateway my_gateway;
extern mfa::storage::Sqlite storage;
extern mfa::KeyRing keys;
extern mfa::Verifier<mfa::storage::Sqlite> verifier;
extern const mfa::Confirmation confirmation;
extern const mfa::Verification verification;
)"},
      {.name = "docs/getting-started.md",
       .host = R"(
struct Gateway { void send(const mfa::SmsMessage& message); };
extern Gateway sms_gateway;
extern const std::string key_in_hex;
extern mfa::Verifier<mfa::storage::Sqlite, mfa::clock::System, Gateway> verifier;

struct Account { std::string id, email; };
struct Session {
  std::string id, challenge_id, enrolling, shown;
  template <class Amr> void authenticated(const Amr& amr, std::optional<mfa::Time> at);
};
extern Account account;
extern Session session;
extern std::map<std::string, std::string> form;
struct Payment { std::string amount, recipient; };
extern Payment payment;
extern std::string chosen;
void pay(const Payment& payment);
void show_once(const std::vector<mfa::crypto::SecretString>& codes);
void set_cookie(const std::string& name, const std::string& value);
void save(const Account& account, const std::string& factor_id);
void show(const std::string& qr_code, const std::string& secret);
void offer(const std::string& id, mfa::FactorType type, const std::string& name, const std::string& number);
void answer(mfa::Status status, std::optional<std::chrono::seconds> retry_after, unsigned attempts_left);
void log(const char* text);
int http(int status, std::chrono::seconds retry_after = {});
)",
       .host_of_types = "#include <mfa/async.hpp>\n"
                        "#include \"" MFA_SOURCE_DIRECTORY "/tests/support/awaited_storage.hpp\"\n"
                        "#include \"" MFA_SOURCE_DIRECTORY "/tests/support/task.hpp\"\n"
                        "using mfa::test::Task;\nusing Storage = mfa::test::AwaitedMemory;\n"},
      {"docs/factors.md", R"(
#include <mfa/import.hpp>
struct Gateway { void send(const mfa::SmsMessage& message); };
extern mfa::Verifier<mfa::storage::Sqlite, mfa::clock::System, Gateway> verifier;

struct Account {
  std::string id, email;
  bool may_sign_in_without;
  mfa::Time joined_at;
  std::optional<mfa::Time> exempt_until;
};
struct Session { std::string id, challenge_id, shown; mfa::Time verified_at; };
struct Tenant { std::string name; };
struct Caller { void send(const mfa::VoiceMessage& call); };
extern Gateway texts;
extern Caller calls;
extern Account account;
extern Session session;
extern Tenant tenant;
extern std::string chosen, answer, code, seed_of_the_token;
extern const mfa::Confirmation confirmation;
extern const mfa::Verification verification;
void offer(const std::string& text, unsigned remaining = 0);
void show_once(const std::vector<mfa::crypto::SecretString>& codes);
void deliver(const std::string& address, std::string_view code);
void show_button_after(std::chrono::seconds wait);
void challenge_again();
void set_cookie(const std::string& name, const std::string& value);
std::string cookie(const std::string& name);
void skip_the_second_factor();
void remind(const std::vector<mfa::FactorType>& offer, mfa::Time until);
void have_him_enroll(const std::vector<mfa::FactorType>& offer);
std::vector<mfa::ImportLine> read_from_the_old_system();
bool log_line(const mfa::ImportResult& result);
)"},
#if defined(MFA_LIBXML2_INCLUDE)
      {"docs/import.md", R"(
#include <mfa/import.hpp>
extern mfa::Verifier<mfa::storage::Sqlite> verifier;
extern const std::string text_of_file, password_in_the_letter, seed_in_hex, seed_in_base64;
std::string user_who_has(const std::string& serial_number);
bool log_line(const mfa::ImportResult& result);
extern const std::string credential_id_in_base64, cose_key_in_base64, user_handle_in_base64;
std::string base64_of(const std::string& bytes);
struct DjangoTotpDevice { std::string user_id, name, key; bool confirmed; int t0, step, drift; unsigned digits; };
extern const std::vector<DjangoTotpDevice> django_totp_devices;
extern const std::map<std::string, std::vector<mfa::crypto::SecretString>> django_static_tokens_by_user;
struct DeviseUser { std::string id, email, otp_secret; bool otp_required_for_login; };
extern const std::vector<DeviseUser> devise_users;
struct KeycloakOtp {
  std::string user_id, value, secret_encoding, algorithm, sub_type;
  unsigned digits;
  int period;
  std::uint64_t counter;
};
extern const std::vector<KeycloakOtp> keycloak_otp;
struct KeycloakWebAuthn {
  std::string user_id, username, credential_id, credential_public_key, aaguid;
  std::uint32_t counter;
  std::vector<std::string> transports;
};
extern const std::vector<KeycloakWebAuthn> keycloak_webauthn;
extern const std::map<std::string, std::vector<std::string>> keycloak_recovery_hashes;
struct SupabaseFactor { std::string user_id, friendly_name, factor_type, status, secret; };
extern const std::vector<SupabaseFactor> supabase_factors;
struct SimpleWebAuthnPasskey {
  std::string id, public_key, user_id, user_name, webauthn_user_id, device_type;
  std::uint32_t counter;
  std::vector<std::string> transports;
  bool backed_up;
};
extern const std::vector<SimpleWebAuthnPasskey> simple_webauthn_passkeys;
extern const std::vector<std::string> texts_of_qr_codes;
)"},
#endif
      {"docs/keys.md", R"(
extern const std::array<unsigned char, 32> key_bytes, old_key, new_key;
extern const std::string key_in_hex, key_in_base64;
extern const std::vector<mfa::WrappedKey> wrapped_keys;
mfa::crypto::SecretBytes kms_decrypt(const std::string& wrapped);
extern mfa::Verifier<mfa::storage::Sqlite> verifier;
void log(std::size_t scanned, std::size_t resealed, std::size_t failed, const std::string& last_id);
void log(const char* text);
)"},
      {"docs/events-and-errors.md", R"(
extern mfa::Verifier<mfa::storage::Sqlite> verifier;
struct Account { std::string id; };
struct Client { std::string address, id; std::map<std::string, std::string> headers; };
extern Account account;
extern Client client;
extern std::string factor_id;
extern const mfa::Verification verification;
template <class... Parts> void audit_log(const Parts&... parts);
)"},
      {"docs/storage.md", R"(
extern mfa::Verifier<mfa::storage::Sqlite> verifier;
extern std::string last_id;
)"},
      {.name = "docs/policies.md",
       .host = "#include <mfa/testing/storage_conformance.hpp>\n"
               "mfa::storage::Sqlite open_storage();\n"
               "std::string insert_user(const std::string& user_id);\n",
       .host_of_program =
           "struct MyStorage : mfa::storage::Sqlite { using mfa::storage::Sqlite::Sqlite; };\n",
       .check_of_types = "static_assert(mfa::Storage<MyStorage> && mfa::Clock<MyClock> && "
                         "mfa::SmsTransport<MyGateway>);\n"},
#if __has_include(<asio/awaitable.hpp>)
      {"docs/async.md", R"(
#include <asio/io_context.hpp>
#include <mfa/async/asio.hpp>
#include <mfa/async/threads.hpp>
using MyStorage = mfa::storage::Memory;
extern asio::io_context context;
)"},
#endif
#if defined(MFA_LIBPQ_INCLUDE) && __has_include(<asio.hpp>)
      {"docs/postgres.md", "extern mfa::KeyRing keys;\n"},
#endif
#if __has_include(<hiredis/hiredis.h>) && __has_include(<asio.hpp>)
      {"docs/redis.md", "extern mfa::KeyRing keys;\nextern std::string password;\n"},
#endif
#if __has_include(<curl/curl.h>) && __has_include(<nlohmann/json.hpp>) && __has_include(<asio.hpp>) &&     \
    __has_include(<phonenumbers/phonenumberutil.h>)
      {.name = "docs/sms.md",
       .host = R"(
#include <asio/io_context.hpp>
#include <mfa/http/aws_signature.hpp>
#include <mfa/sms/catalogue.hpp>
struct Account { std::string id; };
extern Account account;
extern std::map<std::string, std::string> form;
extern std::string chosen;
extern mfa::Verifier<mfa::storage::Memory> verifier;
struct Gateway { void send(const mfa::SmsMessage& message); };
extern Gateway twilio, vonage;
extern asio::io_context context;
extern mfa::storage::Memory storage;
extern mfa::Options options;
void log_failure(std::string_view challenge_id, const std::exception_ptr& cause);
extern mfa::KeyRing keys;
extern const std::string account_sid, api_key, api_key_secret, messaging_service, verify_service, service_plan;
extern const std::string signing_key;
mfa::http::AwsCredentials credentials_of_the_role();
)",
       .host_of_types = "#include <mfa/http/refusal.hpp>\n#include <mfa/http/transport.hpp>\n",
       .check_of_types = "static_assert(mfa::http::Provider<MyProvider> && "
                         "mfa::SmsTransport<mfa::http::Transport<MyProvider>>);\n"},
#endif
#if __has_include(<curl/curl.h>) && __has_include(<nlohmann/json.hpp>) && __has_include(<asio.hpp>)
      {"docs/email.md", R"(
#include <mfa/testing/recording_email.hpp>
struct MailServer { void send(const mfa::EmailMessage& message); };
extern MailServer my_mail_server;
extern mfa::storage::Sqlite storage;
extern mfa::KeyRing keys;
extern mfa::Verifier<mfa::storage::Sqlite, mfa::clock::System, MailServer> verifier;
extern const mfa::Verification verification;
extern std::string typed, code, mailbox, session_id;
extern const std::string password;
)"},
#endif
#if __has_include(<httplib.h>) && __has_include(<nlohmann/json.hpp>)
      {"docs/http-api.md", R"(
#include <mfa/workos/api.hpp>
extern mfa::storage::Sqlite storage;
extern mfa::KeyRing keys;
extern const std::string api_key;
)"},
      {.name = "docs/from-workos.md",
       .host = R"(
extern mfa::Verifier<mfa::storage::Sqlite> verifier;
extern const std::string api_key;
)",
       .host_of_types = R"(
#include <mfa/workos/api.hpp>
struct Pending { std::string user_id; bool has_second_factor; };
std::optional<Pending> pending_sign_in(std::string_view token);
bool end_pending_sign_in(std::string_view token);
nlohmann::ordered_json session_json(const std::string& user_id, const std::vector<std::string>& amr);
)",
       .check_of_types = R"(
extern mfa::Verifier<mfa::storage::Sqlite> verifier;
extern SignIns sign_ins;
auto answer(const mfa::workos::Request& request) {
  return mfa::workos::Api(verifier, {"a key of the host's"}, {}, sign_ins).handle(request);
}
)"},
#endif
#if __has_include(<cbor.h>)
      {"docs/webauthn.md", R"(
extern mfa::storage::Sqlite storage;
extern mfa::KeyRing keys;
extern mfa::Verifier<mfa::storage::Sqlite> verifier;
extern std::string challenge_id, factor_id, json_from_browser, pem, root_pem, blob_text;
extern std::string json_of_the_list, user_handle, credential_id;
extern const mfa::Authorization shown;
void send_to_browser(const std::string& json);
void log_refusal(std::string_view format, std::string_view why);
void offer_sign_in_without_a_name();
)"},
#endif
};

} // namespace

TEST_CASE("Every block of C++ in the pages compiles") {
  std::string include_path = ".";
#if defined(MFA_LIBPQ_INCLUDE)
  include_path += ":" MFA_LIBPQ_INCLUDE;
#endif
#if defined(MFA_LIBXML2_INCLUDE)
  include_path += ":" MFA_LIBXML2_INCLUDE;
#endif
  REQUIRE(setenv("CPATH", include_path.c_str(), 1) == 0);
  const Compiler compiler(Compiler::available("g++") ? "g++" : "clang++",
                          "#include <array>\n#include <iostream>\n#include <map>\n#include <optional>\n"
                          "#include <string>\n#include <mfa/mfa.hpp>\n#include <mfa/storage/sqlite.hpp>\n");
  const auto compiles = [&](const std::string& program) {
    CAPTURE(program);
    CHECK(compiler.complaints(program) == std::vector<std::string>{});
  };
  for (const Page& page : pages) {
    CAPTURE(page.name);
    const std::vector<Block> blocks = blocks_of(page.name);
    CHECK_FALSE(blocks.empty());
    std::string parts = page.host;
    std::string types;
    for (const Block& block : blocks) {
      if (!block.example.empty())
        CHECK_THAT(without_indentation(block.example), mfa::test::contains(block.text));
      else if (is_program(block))
        compiles(page.host_of_program + block.text);
      else if (is_type(block))
        types += block.text;
      else
        parts += in_a_function(block);
    }
    compiles(parts);
    if (!types.empty()) compiles(page.host_of_types + types + page.check_of_types);
  }
}
