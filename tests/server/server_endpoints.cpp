// The program of examples/server as its clients see it: journeys on each storage, TLS, keys that change while
// it runs, an orderly end, and clients that are hostile or slow.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <openssl/ssl.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/example_server.hpp"
#include "support/http_connection.hpp"
#include "support/loopback.hpp"
#include "support/postgres_server.hpp"
#include "support/redis_server.hpp"
#include "support/server_process.hpp"
#include "support/temporary_directory.hpp"
#include "support/test_certificate.hpp"

using namespace std::chrono_literals;
using mfa::test::contains;
using mfa::test::Descriptor;
using mfa::test::ExampleServer;
using Client = mfa::test::HttpConnection;
using Reply = mfa::test::HttpReply;
using mfa::test::replace_secret_file;
using nlohmann::json;

namespace {

const std::string one_key = "0123456789abcdef0123456789abcdef";
const std::string another_key = "fedcba9876543210fedcba9876543210";
const std::pair<bool, int> ended_well{true, 0};
const std::string phone = "+14155550123";

struct Files {
  mfa::test::TemporaryDirectory folder;
  const std::string api_keys = replace_secret_file(folder.path() + "/api-keys", one_key + "\n");
  const std::string key_ring =
      replace_secret_file(folder.path() + "/key-ring",
                          "2026-01 b41d1ae8f29b8dcb16ac24b7e92e7ad5ae1d2ea5b1d9b5eb7f8c8bb4dc7bd9b1\n");

  [[nodiscard]] std::string path(const std::string& name) const { return folder.path() + "/" + name; }

  /// Flags with these files, text messages to a file and further flags.
  [[nodiscard]] std::vector<std::string> flags(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{"--api-key-file",  api_keys,   "--key-ring-file", key_ring,
                                 "--totp-issuer",   "Foo Corp", "--sms",           "log:" + path("sms"),
                                 "--sms-countries", "US"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
};

std::string request(const std::string& method, const std::string& target, const std::string& body = {},
                    const std::string& key = one_key, const std::string& more_headers = {}) {
  return method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key + "\r\n" +
         more_headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

Reply send(int port, const std::string& method, const std::string& target, const std::string& body = {},
           const std::string& key = one_key) {
  Client client(port);
  client.write(request(method, target, body, key));
  return client.read();
}

double metric(int port, const std::string& name) {
  const std::string text = send(port, "GET", "/metrics").body;
  const auto at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

/// A factor that was enrolled for a user.
struct Enrolled {
  std::string id;
  std::string secret;
  [[nodiscard]] std::string code() const {
    return mfa::otp::totp(mfa::otp::base32_decode(secret), std::chrono::system_clock::now());
  }
};

Enrolled enroll(int port, const std::string& user) {
  const Reply reply = send(port, "POST", "/user_management/users/" + user + "/auth_factors",
                           R"({"type":"totp","totp_user":"alan@example.com"})");
  INFO(reply.body);
  REQUIRE(reply.status == 201);
  const json factor = json::parse(reply.body).at("authentication_factor");
  return {factor.at("id"), factor.at("totp").at("secret")};
}

/// Whether a code is right, and nothing of the journey is otherwise than it should be.
bool verify(int port, const std::string& factor, const std::string& code) {
  const Reply asked = send(port, "POST", "/auth/factors/" + factor + "/challenge", "{}");
  INFO(asked.body);
  REQUIRE(asked.status == 201);
  const std::string challenge = json::parse(asked.body).at("id");
  const Reply reply =
      send(port, "POST", "/auth/challenges/" + challenge + "/verify", json{{"code", code}}.dump());
  INFO(reply.body);
  REQUIRE(reply.status == 201);
  return json::parse(reply.body).at("valid");
}

/// Waits until something holds.
template <class Holds> bool soon(Holds holds, std::chrono::milliseconds at_most = 10s) {
  for (const auto end = std::chrono::steady_clock::now() + at_most; std::chrono::steady_clock::now() < end;) {
    if (holds()) return true;
    std::this_thread::sleep_for(20ms);
  }
  return false;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// From enrolment to metrics, by HTTP alone. `after_restart`: of a storage that lasts.
void journey(const Files& files, const std::vector<std::string>& flags, bool lasts) {
  Enrolled totp;
  {
    ExampleServer server(MFA_EXAMPLE_SERVER, flags, files.path("log"));
    const int port = server.port();
    CHECK(send(port, "GET", "/health").status == 200);
    CHECK(send(port, "GET", "/health/ready").status == 200);
    totp = enroll(port, "u_42");
    const std::string code = totp.code();
    CHECK(verify(port, totp.id, code));
    CHECK_FALSE(verify(port, totp.id, code)); // it was used

    const Reply enrolled = send(port, "POST", "/auth/factors/enroll",
                                json{{"type", "sms"}, {"phone_number", phone}, {"user_id", "u_42"}}.dump());
    INFO(enrolled.body);
    REQUIRE(enrolled.status == 201);
    const std::string sms = json::parse(enrolled.body).at("id");
    const Reply asked = send(port, "POST", "/auth/factors/" + sms + "/challenge", "{}");
    REQUIRE(asked.status == 201);
    const std::string challenge = json::parse(asked.body).at("id");
    const json message =
        json::parse(text_of(files.path("sms")).substr(0, text_of(files.path("sms")).find('\n')));
    CHECK(message.at("to") == phone);
    const std::string body = message.at("body");
    const std::string sent_code = body.substr(body.find_first_of("0123456789"), 6);
    const Reply verified =
        send(port, "POST", "/auth/challenges/" + challenge + "/verify", json{{"code", sent_code}}.dump());
    CHECK(json::parse(verified.body).at("valid") == true);
    const Reply listed = send(port, "GET", "/user_management/users/u_42/auth_factors");
    CHECK(json::parse(listed.body).at("data").size() == 2);
    CHECK(send(port, "GET", "/mfa/users/u_42/factors").status == 200);
    CHECK(send(port, "GET", "/auth/factors/" + totp.id, "", another_key).status == 401);

    const std::string metrics = send(port, "GET", "/metrics").body;
    for (const char* const line :
         {R"(mfa_verifications_total{kind="totp",status="valid"} 1)",
          R"(mfa_verifications_total{kind="totp",status="code_already_used"} 1)",
          R"(mfa_messages_total{channel="sms",outcome="sent"} 1)",
          R"(mfa_http_requests_total{operation="POST /auth/factors/*/challenge",status="201"} 3)",
          R"(mfa_http_requests_total{operation="GET /auth/factors/*",status="401"} 1)",
          "# TYPE mfa_http_request_duration_seconds histogram"})
      CHECK_THAT(metrics, contains(line));
    CHECK(server.stop() == ended_well);

    const std::string output = server.log();
    CHECK_THAT(output, contains(R"("event":"verification_succeeded")"));
    for (const std::string& secret :
         {one_key, another_key, totp.secret, code, sent_code, phone, phone.substr(1),
          std::string("4155550123"), std::string("alan@example.com")}) {
      INFO(secret);
      CHECK(output.find(secret) == std::string::npos);
      CHECK(metrics.find(secret) == std::string::npos);
    }
    CHECK(metrics.find("u_42") == std::string::npos);
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) CHECK(json::accept(line));
  }
  if (!lasts) return;
  const ExampleServer again(MFA_EXAMPLE_SERVER, flags, files.path("log"));
  CHECK(send(again.port(), "GET", "/auth/factors/" + totp.id).status == 200);
  CHECK_FALSE(verify(again.port(), totp.id, totp.code() == "000000" ? "000001" : "000000"));
}

} // namespace

TEST_CASE("The same journey on each storage, by threads and by coroutines") {
  mfa::test::PostgresServer postgres;
  mfa::test::RedisServer redis;
  const std::string in_redis = "redis://127.0.0.1:" + std::to_string(redis.port());
  for (const bool asynchronous : {false, true}) {
    const Files files;
    const std::string name = asynchronous ? "async" : "threads";
    const std::vector<std::pair<std::string, bool>> storages{{"memory:", false},
                                                             {"sqlite:" + files.path("mfa.db"), true},
                                                             {postgres.uri(), true},
                                                             {in_redis, true}};
    for (const auto& [storage, lasts] : storages) {
      INFO(storage << " " << name);
      ::unlink(files.path("sms").c_str());
      ::unlink(files.path("log").c_str());
      std::vector<std::string> more{"--storage", storage, "--storage-name", name};
      if (asynchronous) more.emplace_back("--asynchronous");
      journey(files, files.flags(more), lasts);
    }
  }
}

TEST_CASE("Keys change while it runs, by a signal and by themselves") {
  const Files files;
  const std::string database = "sqlite:" + files.path("mfa.db");
  ExampleServer server(MFA_EXAMPLE_SERVER, files.flags({"--storage", database}), files.path("log"));
  const auto status_with = [&](const std::string& key) {
    return send(server.port(), "GET", "/user_management/users/u/auth_factors", "", key).status;
  };
  CHECK(status_with(one_key) == 200);
  CHECK(status_with(another_key) == 401);
  replace_secret_file(files.api_keys, one_key + "\n" + another_key + "\n");
  ::kill(server.id(), SIGHUP);
  CHECK(soon([&] { return status_with(another_key) == 200; }));
  CHECK(status_with(one_key) == 200);

  replace_secret_file(files.api_keys, "short\n"); // is not taken
  CHECK(soon([&] { return server.log().find("not read again") != std::string::npos; }));
  CHECK(status_with(another_key) == 200);
  replace_secret_file(files.api_keys, another_key + "\n");
  CHECK(soon([&] { return status_with(one_key) == 401; }));
  CHECK(status_with(another_key) == 200);

  // One that others may read is refused until that is put right.
  const auto refusals = [&] {
    const std::string log = server.log();
    int count = 0;
    for (auto at = log.find("not read again"); at != std::string::npos;
         at = log.find("not read again", at + 1))
      ++count;
    return count;
  };
  const int before = refusals();
  const std::string open_to_others = files.path("open_to_others");
  std::ofstream(open_to_others) << one_key << '\n';
  REQUIRE(::chmod(open_to_others.c_str(), 0644) == 0);
  REQUIRE(std::rename(open_to_others.c_str(), files.api_keys.c_str()) == 0);
  CHECK(soon([&] { return refusals() > before; }));
  std::this_thread::sleep_for(2500ms); // it is tried again, and is no news
  CHECK(refusals() == before + 1);
  CHECK(status_with(one_key) == 401);
  CHECK(status_with(another_key) == 200);
  REQUIRE(::chmod(files.api_keys.c_str(), 0600) == 0);
  CHECK(soon([&] { return status_with(one_key) == 200; }));
  CHECK(status_with(another_key) == 401);

  // A ring with a further key in front is taken: what it seals, the old ring alone does not open.
  const std::string old_ring = text_of(files.key_ring);
  const std::string new_line = "2026-02 ac24b7e92e7ad5ae1d2ea5b1d9b5eb7f8c8bb4dc7bd9b1b41d1ae8f29b8dcb16\n";
  replace_secret_file(files.key_ring, new_line + old_ring);
  CHECK(soon([&] { return server.log().find("key_ring_replaced") != std::string::npos; }));
  CHECK(server.log().find("ac24b7e9") == std::string::npos);
  CHECK(server.stop(SIGINT) == ended_well);
}

TEST_CASE("A key that is replaced while it starts is read as well, and a reload then is no end of it") {
  const Files files;
  const std::string file = files.path("mfa.db");
  // It has read its files when it waits for the database, which is locked from the beginning.
  sqlite3* opened = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &opened) == SQLITE_OK);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> locking(opened, &sqlite3_close);
  REQUIRE(sqlite3_exec(opened, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr) == SQLITE_OK);
  const int port = mfa::test::free_port();
  std::vector<std::string> command =
      files.flags({"--storage", "sqlite:" + file, "--listen", "127.0.0.1:" + std::to_string(port)});
  command.insert(command.begin(), MFA_EXAMPLE_SERVER);
  const pid_t server = mfa::test::start_server(command, files.path("log"), nullptr);
  std::this_thread::sleep_for(1s);
  replace_secret_file(files.api_keys, another_key + "\n");
  ::kill(server, SIGHUP);
  std::this_thread::sleep_for(500ms);
  REQUIRE(sqlite3_exec(opened, "COMMIT", nullptr, nullptr, nullptr) == SQLITE_OK);
  CHECK(soon([&] {
    try {
      return send(port, "GET", "/auth/factors/x", "", another_key).status == 404;
    } catch (const std::system_error&) { // it does not listen yet
      return false;
    }
  }));
  mfa::test::stop_server(server, SIGTERM);
}

TEST_CASE("Keys that are replaced again and again are in no request's way") {
  for (const char* const how : {"--asynchronous=no", "--asynchronous=yes"}) {
    INFO(how);
    const Files files;
    ExampleServer server(MFA_EXAMPLE_SERVER,
                         files.flags({"--storage", "sqlite:" + files.path("mfa.db"), how, "--log", "error"}),
                         files.path("log"));
    const int port = server.port();
    std::atomic<bool> over{false};
    std::atomic<int> answered{0};
    std::atomic<int> wrong{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 3; ++i)
      clients.emplace_back([&, i] {
        Client client(port);
        const std::string user = "u_" + std::to_string(i);
        while (!over) {
          client.write(request("POST", "/auth/factors/enroll",
                               json{{"type", "generic_otp"}, {"user_id", user}}.dump()));
          const Reply enrolled = client.read();
          if (enrolled.status != 201) {
            ++wrong;
            return;
          }
          const std::string factor = json::parse(enrolled.body).at("id");
          client.write(request("DELETE", "/auth/factors/" + factor));
          if (client.read().status != 204) ++wrong;
          ++answered;
        }
      });
    const std::string old_ring = text_of(files.key_ring);
    const std::string new_line = "2026-02 ac24b7e92e7ad5ae1d2ea5b1d9b5eb7f8c8bb4dc7bd9b1b41d1ae8f29b8dcb16\n";
    for (int round = 0; round < 30; ++round) {
      replace_secret_file(files.api_keys,
                          round % 2 == 0 ? another_key + "\n" + one_key + "\n" : one_key + "\n");
      replace_secret_file(files.key_ring, round % 2 == 0 ? new_line + old_ring : old_ring + new_line);
      ::kill(server.id(), SIGHUP);
      const int before = answered;
      CHECK(soon([&] { return answered > before + 2 || wrong > 0; }));
    }
    over = true;
    for (std::thread& client : clients) client.join();
    CHECK(wrong == 0);
    CHECK(soon([&] { return send(port, "GET", "/auth/factors/x", "", another_key).status == 401; }));
    CHECK(server.stop() == ended_well);
    CHECK(server.log() == "");
  }
}

namespace {

/// An answer over TLS, of a server whose certificate this authority signed; empty if there is none.
std::string over_tls(int port, const mfa::test::TestCertificate& authority, const std::string& bytes,
                     int version = 0) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority.certificate());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (version != 0) {
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
  }
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = mfa::test::loopback_address(static_cast<std::uint16_t>(port));
  REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
  SSL_set_fd(ssl.get(), socket.get());
  if (SSL_connect(ssl.get()) != 1) return {};
  SSL_write(ssl.get(), bytes.data(), static_cast<int>(bytes.size()));
  std::array<char, 65'536> buffer{};
  const int count = SSL_read(ssl.get(), buffer.data(), static_cast<int>(buffer.size()));
  return count <= 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(count));
}

} // namespace

TEST_CASE("TLS by setting, of 1.2 and later, with a certificate that can be replaced") {
  const Files files;
  const mfa::test::TestCertificate first;
  const mfa::test::TestCertificate second;
  const std::string certificate = replace_secret_file(files.path("certificate.pem"), first.pem());
  const std::string key = replace_secret_file(files.path("key.pem"), first.key_pem());
  ExampleServer server(MFA_EXAMPLE_SERVER, files.flags({"--tls-certificate", certificate, "--tls-key", key}),
                       files.path("log"));
  CHECK(soon([&] { return server.log().find(R"("url":"https://)") != std::string::npos; }));
  const std::string health = request("GET", "/health");
  CHECK_THAT(over_tls(server.port(), first, health), contains("200 OK"));
  CHECK_THAT(over_tls(server.port(), first, health, TLS1_2_VERSION), contains("200 OK"));
  CHECK(over_tls(server.port(), first, health, TLS1_1_VERSION).empty());
  CHECK(over_tls(server.port(), second, health).empty());
  Client plain(server.port());
  plain.write(health);
  CHECK(plain.read().status == 0);

  replace_secret_file(certificate, second.pem());
  replace_secret_file(key, second.key_pem());
  ::kill(server.id(), SIGHUP);
  CHECK(soon([&] { return !over_tls(server.port(), second, health).empty(); }));
  CHECK(server.stop() == ended_well);
}

TEST_CASE("What it took is answered before it ends") {
  for (const char* const how : {"--asynchronous=no", "--asynchronous=yes"}) {
    INFO(how);
    const Files files;
    const std::string file = files.path("mfa.db");
    ExampleServer server(MFA_EXAMPLE_SERVER, files.flags({"--storage", "sqlite:" + file, how}),
                         files.path("log"));
    const Enrolled totp = enroll(server.port(), "u_42");
    Client idle(server.port());
    idle.write(request("GET", "/health"));
    CHECK(idle.read().status == 200);

    // Somebody else locks the database, so that requests wait for it.
    sqlite3* opened = nullptr;
    REQUIRE(sqlite3_open(file.c_str(), &opened) == SQLITE_OK);
    const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> locking(opened, &sqlite3_close);
    REQUIRE(sqlite3_exec(opened, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr) == SQLITE_OK);
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 8; ++i) {
      clients.push_back(std::make_unique<Client>(server.port()));
      clients.back()->write(request("POST", "/auth/factors/" + totp.id + "/challenge", "{}"));
    }
    Client begun(server.port()); // its request is still to come in part
    const std::string late = request("GET", "/auth/factors/" + totp.id);
    begun.write(late.substr(0, 40));
    std::this_thread::sleep_for(200ms);

    ::kill(server.id(), SIGTERM);
    CHECK(idle.ends_within(2s));
    ::kill(server.id(), SIGHUP); // as of a reload; nor does it stop any sooner when told so again
    ::kill(server.id(), SIGTERM);
    CHECK_THROWS(Client(server.port())); // no further one
    begun.write(late.substr(40));
    REQUIRE(sqlite3_exec(opened, "COMMIT", nullptr, nullptr, nullptr) == SQLITE_OK);
    for (const auto& client : clients) {
      const Reply reply = client->read();
      CHECK(reply.status == 201);
      CHECK_THAT(reply.head, contains("Connection: close"));
      client->close();
    }
    CHECK(begun.read().status == 200);
    begun.close();
    CHECK(server.wait() == ended_well);
    CHECK_THAT(server.log(), contains(R"("cut_off":0)"));
  }
}

TEST_CASE("What is no request that is served gets its 4xx, and the server goes on") {
  const Files files;
  ExampleServer server(MFA_EXAMPLE_SERVER, files.flags(), files.path("log"));
  const int port = server.port();
  const std::string key = "Authorization: Bearer " + one_key + "\r\n";
  const std::string host = "Host: x\r\n";
  const std::string enroll_head = "POST /auth/factors/enroll HTTP/1.1\r\n" + host + key;
  const auto body = [&](const std::string& text) {
    return enroll_head + "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
  };
  const auto get = [&](const std::string& target) {
    return "GET " + target + " HTTP/1.1\r\n" + host + key + "\r\n";
  };
  const std::string deep = std::string(10'000, '[') + std::string(10'000, ']');

  const std::vector<std::pair<std::string, int>> cases{
      // HTTP
      {"GET\r\n\r\n", 400},
      {"GET /health\r\n\r\n", 400},
      {"GET /health HTTP/2.0\r\n" + host + "\r\n", 505},
      {"GET /health HTTP/1.1\r\n\r\n", 400}, // no Host
      {"GET /health HTTP/1.1\r\n" + host + host + "\r\n", 400},
      {"GET  /health HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /he alth HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /he\x01lth HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /h\xc3\xa4lth HTTP/1.1\r\n" + host + "\r\n", 400},
      {"G{T /health HTTP/1.1\r\n" + host + "\r\n", 400},
      {"\x16\x03\x01\x02\x01\x01", 400}, // TLS
      {"get / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"GET /health HTTP/1.1\r\n" + host + " folded: x\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "Name : x\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + ": x\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "no colon\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "a: b\nInjected: x\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "a: b\rInjected: x\r\n\r\n", 400},
      {std::string("GET /health HTTP/1.1\r\nHost: x\0y\r\n\r\n", 35), 400},
      {"GET /health HTTP/1.1\r\n" + host + "a: b\r\n folded: x\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "a: b\r\n\tfolded: x\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "a: b\r\n \r\n\r\n", 400},
      {"GET /health HTTP/1.1\nHost: x\n\n\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\nHost: x\nContent-Length: 2\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "a\tb: x\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "a\xc3\xa4: x\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\n" + host + "a: x\x7f\r\n\r\n", 400},
      {"GET /health HTTP/1.1x\r\n" + host + "\r\n", 505},
      {"GET /health http/1.1\r\n" + host + "\r\n", 400},
      {"GET /health HTTP/1.1 \r\n" + host + "\r\n", 400},
      {"GET /health\tHTTP/1.1\r\n" + host + "\r\n", 400},
      {enroll_head + "Content-Length:\r\n 2\r\n\r\n{}", 400},
      {enroll_head + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400},
      {enroll_head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400},
      {enroll_head + "Content-Length: 2 2\r\n\r\n{}", 400},
      {enroll_head + "Content-Length: 2,\r\n\r\n{}", 400},
      {enroll_head + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400},
      {enroll_head + "Transfer-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 400},
      {enroll_head + "Content-Length: 2\r\nTransfer-Encoding: identity\r\n\r\n{}", 400},
      {enroll_head + "Transfer-Encoding: gzip\r\n\r\n{}", 411},
      {enroll_head + "Transfer-Encoding: chunked, gzip\r\n\r\n{}", 411},
      {enroll_head + "Transfer-Encoding: xchunked\r\n\r\n{}", 411},
      {enroll_head + "Transfer-Encoding:\r\n\r\n{}", 411},
      {enroll_head + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
      {enroll_head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}", 411},
      {enroll_head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400},
      {enroll_head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 411},
      {enroll_head + "Content-Length: -1\r\n\r\n", 400},
      {enroll_head + "Content-Length: +2\r\n\r\n{}", 400},
      {enroll_head + "Content-Length: 2, 2\r\n\r\n{}", 400},
      {enroll_head + "Content-Length: 0x2\r\n\r\n{}", 400},
      {enroll_head + "Content-Length:\r\n\r\n", 400},
      {enroll_head + "Content-Length:" + std::string(30, ' ') + "\r\n\r\n", 400},
      {enroll_head + "Content-Length: 2" + std::string(30, ' ') + "2\r\n\r\n{}", 400},
      {enroll_head + "Content-Length: 99999999999999999999999\r\n\r\n", 413},
      {enroll_head + "Content-Length: \t99999999999999999999 \t\r\n\r\n", 413},
      {enroll_head + "Content-Length: 104857600\r\n\r\n", 413},
      {enroll_head + "Expect: a miracle\r\nContent-Length: 2\r\n\r\n{}", 417},
      {enroll_head + "Expect:\r\nContent-Length: 2\r\n\r\n{}", 417},
      {enroll_head + "Expect: 100-continue\r\nExpect: more\r\nContent-Length: 2\r\n\r\n{}", 417},
      {"GET /health HTTP/1.1\r\n" + host + "X: " + std::string(20'000, 'x') + "\r\n\r\n", 431},
      {"GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\n" + host + "\r\n", 431},
      // Targets
      {get("/auth/factors/../../metrics"), 404},
      {get("/auth/factors/%2e%2e"), 404},
      {get("//health"), 404},
      {get("/health/"), 404},
      {get("/metrics/../health"), 404},
      {get("/metrics%2f"), 404},
      {get("/auth/factors/%00"), 404},
      {get("/auth/factors/%zz"), 400},
      {get("/auth/factors/%c0%ae"), 400},
      {get("http://localhost/health"), 400},
      {get("*"), 400},
      {get("/auth/factors/" + std::string(8'000, 'x')), 404},
      {get("/auth/factors/" + std::string(8'200, 'x')), 400},
      {get("/user_management/users/" + std::string(7'000, 'u') + "/auth_factors"), 200},
      {"TRACE /health HTTP/1.1\r\n" + host + key + "\r\n", 405},
      {"DELETE /auth/factors/enroll HTTP/1.1\r\n" + host + key + "\r\n", 404},
      // Bodies
      {body(""), 422},
      {body("{"), 400},
      {body("nonsense"), 400},
      {body(deep), 400},
      {body(R"({"type":"totp","type":"totp"})"), 400},
      {body(R"({"type":7})"), 422},
      {body(R"({"type":"totp","totp_user":"\ud800"})"), 400},
      {body("{\"type\":\"\xff\"}"), 400},
      {body(R"({"type":"sms","phone_number":")" + std::string(60'000, '1') + "\"}"), 422},
      {body(std::string(65'537, ' ')), 413},
  };
  for (const auto& [bytes, expected] : cases) {
    Client client(port);
    client.write(bytes);
    const Reply reply = client.read();
    INFO(bytes.substr(0, 200));
    CHECK(reply.status == expected);
    CHECK(json::accept(reply.body));
    CHECK(reply.head.find("Injected") == std::string::npos);
  }

  // Also those that were refused before they were read as a whole are counted and logged, without what they
  // hold.
  const std::string metrics = send(port, "GET", "/metrics").body;
  for (const char* const status : {"400", "411", "413", "417", "431", "505"})
    CHECK_THAT(metrics, contains(R"(mfa_http_requests_total{operation="unknown",status=")" +
                                 std::string(status) + "\"}"));
  const std::string log = server.log();
  CHECK_THAT(log, contains(R"("operation":"unknown","status":411,"cause":")"));
  CHECK(log.find("Injected") == std::string::npos);
  CHECK(log.find(one_key) == std::string::npos);

  // An id of a proxy's stands in the answer if it is one; what could be more is replaced.
  Client named(port);
  named.write(request("GET", "/auth/factors/x", "", one_key, "X-Request-ID: from-a-proxy.1\r\n"));
  CHECK_THAT(named.read().head, contains("X-Request-ID: from-a-proxy.1\r\n"));
  named.write(request("GET", "/auth/factors/x", "", one_key, "X-Request-ID: a\tb\"<>\r\n"));
  CHECK_THAT(named.read().head, contains("X-Request-ID: req_"));

  Client asked(port);
  asked.write("HEAD /health HTTP/1.1\r\nConnection: close\r\n" + host + "\r\n");
  const Reply head = asked.read(1s);
  CHECK(head.status == 0); // no body comes of what it says the length of
  CHECK(asked.ends_within(1s));

  // Several in one go are answered in turn.
  Client both(port);
  both.write(request("GET", "/health") + request("GET", "/auth/factors/x") + request("GET", "/health"));
  CHECK(both.read().status == 200);
  CHECK(both.read().status == 404);
  CHECK(both.read().status == 200);
  Client old(port);
  old.write("GET /health HTTP/1.0\r\n\r\n");
  CHECK(old.read().status == 200);
  CHECK(old.ends_within(1s));
  Client waiting(port);
  waiting.write(enroll_head + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(waiting.read().status == 100);
  waiting.write("{}");
  CHECK(waiting.read().status == 422);

  CHECK(send(port, "GET", "/health").status == 200);
  CHECK_THAT(send(port, "GET", "/metrics").body, contains(R"(operation="unknown")"));
  CHECK(server.stop() == ended_well);
  CHECK(server.log().find("uuuuuuuu") == std::string::npos);
}

TEST_CASE("A client that sends on for ever after its 400 is ended, and keeps no server from its end") {
  for (const bool at_stop : {false, true}) {
    INFO("at stop: " << at_stop);
    const Files files;
    ExampleServer server(MFA_EXAMPLE_SERVER, files.flags({"--drain", "15"}), files.path("log"));
    Client client(server.port());
    client.write("no request\r\n\r\n");
    CHECK(client.read().status == 400);
    const auto begin = std::chrono::steady_clock::now();
    if (at_stop) ::kill(server.id(), SIGTERM);
    const std::string bytes(65'536, 'x');
    while (client.write(bytes) && std::chrono::steady_clock::now() - begin < 12s) {
    }
    CHECK(std::chrono::steady_clock::now() - begin < 10s);
    CHECK((at_stop ? server.wait() : server.stop()) == ended_well);
    CHECK(std::chrono::steady_clock::now() - begin < 12s);
  }
}

TEST_CASE("A client that takes no answers is ended in time, and nobody else waits for him") {
  const Files files;
  ExampleServer server(MFA_EXAMPLE_SERVER, files.flags({"--write-timeout", "1", "--event-threads", "1"}),
                       files.path("log"));
  const std::string much = request("GET", "/metrics");
  Client deaf(server.port());
  for (int i = 0; i < 20'000; ++i)
    if (!deaf.write(much)) break;
  const auto begin = std::chrono::steady_clock::now();
  CHECK(soon([&] { return metric(server.port(), "mfa_http_connections") <= 1; }, 8s));
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
  CHECK(server.stop() == ended_well);
}

TEST_CASE("More requests than may wait are refused before anything is done") {
  for (const char* const how : {"--asynchronous=no", "--asynchronous=yes"}) {
    INFO(how);
    const Files files;
    const std::string file = files.path("mfa.db");
    ExampleServer server(
        MFA_EXAMPLE_SERVER,
        files.flags({"--storage", "sqlite:" + file, how, "--threads", "1", "--max-waiting", "1"}),
        files.path("log"));
    const int port = server.port();
    sqlite3* opened = nullptr;
    REQUIRE(sqlite3_open(file.c_str(), &opened) == SQLITE_OK);
    const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> locking(opened, &sqlite3_close);
    REQUIRE(sqlite3_exec(opened, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr) == SQLITE_OK);
    const std::string enroll_one =
        request("POST", "/auth/factors/enroll", R"({"type":"generic_otp","user_id":"u_42"})");
    Client first(port);
    Client second(port);
    Client third(port);
    first.write(enroll_one);
    second.write(enroll_one);
    CHECK(soon([&] { return metric(port, "mfa_http_requests_waiting") == 2; }));
    third.write(enroll_one);
    const Reply busy = third.read();
    CHECK(busy.status == 503);
    CHECK_THAT(busy.head, contains("Retry-After: 1\r\n"));
    CHECK(send(port, "GET", "/health").status == 200);
    REQUIRE(sqlite3_exec(opened, "COMMIT", nullptr, nullptr, nullptr) == SQLITE_OK);
    CHECK(first.read().status == 201);
    CHECK(second.read().status == 201);
    const Reply listed = send(port, "GET", "/mfa/users/u_42/factors");
    CHECK(json::parse(listed.body).at("data").size() == 2);
    third.write(enroll_one); // on the same connection, as it was told
    CHECK(third.read().status == 201);
    CHECK(server.stop() == ended_well);
  }
}

TEST_CASE("A storage that is down is told of by readiness, and used again when it is back") {
  mfa::test::PostgresServer postgres;
  mfa::test::RedisServer redis;
  struct Down {
    std::string url;
    const char* how;
    std::function<void()> stop;
    std::function<void()> start;
  };
  const std::vector<Down> storages{
      {postgres.uri(), "--asynchronous=yes", [&] { postgres.stop(); }, [&] { postgres.start(); }},
      {"redis://127.0.0.1:" + std::to_string(redis.port()), "--asynchronous=no", [&] { redis.kill(); },
       [&] { redis.start(); }}};
  for (const Down& storage : storages) {
    INFO(storage.url);
    const Files files;
    ExampleServer server(MFA_EXAMPLE_SERVER, files.flags({"--storage", storage.url, storage.how}),
                         files.path("log"));
    const int port = server.port();
    const auto ready = [port] { return send(port, "GET", "/health/ready").status; };
    const Enrolled totp = enroll(port, "u_42");
    CHECK(ready() == 200);
    storage.stop();
    CHECK(soon([&] { return ready() == 503; }));
    CHECK(send(port, "GET", "/health").status == 200);
    Client refused(port);
    refused.write(request("POST", "/auth/factors/" + totp.id + "/challenge", "{}"));
    const Reply reply = refused.read(20s);
    CHECK(reply.status == 503);
    CHECK_THAT(reply.head, contains("Retry-After: 1\r\n"));
    CHECK_THAT(server.log(), contains(R"("message":"storage")"));
    storage.start();
    CHECK(soon([&] { return ready() == 200; }));
    CHECK(verify(port, totp.id, totp.code()));
    CHECK(server.stop() == ended_well);
  }
}

TEST_CASE("Its exit status tells of messages that it could not send before its end") {
  const Files files;
  const auto [silent, port] = mfa::test::bind_free_port(); // a provider that says nothing
  REQUIRE(::listen(silent.get(), 16) == 0);
  const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/sms";
  const std::string provider = replace_secret_file(files.path("webhook"), "url = " + url + "\n");
  ExampleServer server(MFA_EXAMPLE_SERVER,
                       {"--api-key-file", files.api_keys, "--sms", "webhook:" + provider, "--sms-countries",
                        "US", "--drain", "1"},
                       files.path("log"));
  const Reply enrolled = send(server.port(), "POST", "/auth/factors/enroll",
                              json{{"type", "sms"}, {"phone_number", phone}}.dump());
  REQUIRE(enrolled.status == 201);
  const std::string sms = json::parse(enrolled.body).at("id");
  CHECK(send(server.port(), "POST", "/auth/factors/" + sms + "/challenge", "{}").status ==
        201); // accepted here
  CHECK(server.stop() == std::pair<bool, int>(true, 1));
  CHECK_THAT(server.log(), contains(R"("messages_sent":false)"));
}

TEST_CASE("A hundred megabytes, and clients that are slow, cost little memory and nobody else's time") {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const Files files;
  for (const char* const how : {"--asynchronous=no", "--asynchronous=yes"}) {
    INFO(how);
    ExampleServer server(MFA_EXAMPLE_SERVER,
                         files.flags({how, "--threads", "4", "--head-timeout", "2", "--body-timeout", "2",
                                      "--idle-timeout", "2", "--max-connections", "1200", "--log", "error"}),
                         files.path("log"));
    const int port = server.port();
    [[maybe_unused]] const double memory = metric(port, "process_resident_memory_bytes");
    const std::string head =
        "POST /auth/factors/enroll HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + one_key;
    {
      Client client(port);
      client.write(head + "\r\nContent-Length: 104857600\r\n\r\n");
      const std::string megabyte(1'048'576, ' ');
      for (int i = 0; i < 100; ++i)
        if (!client.write(megabyte)) break;
      CHECK(client.read().status == 413);
    }

    // 1,000 that send a byte now and then, some in their headers, some in their bodies, some nothing.
    std::vector<std::unique_ptr<Client>> slow;
    for (int i = 0; i < 1000; ++i) {
      slow.push_back(std::make_unique<Client>(port));
      if (i % 3 == 0) slow.back()->write("G");
      if (i % 3 == 1) slow.back()->write(head + "\r\nContent-Length: 1000\r\n\r\n{");
    }
    const auto begin = std::chrono::steady_clock::now();
    const Enrolled totp = enroll(port, "u_42");
    CHECK(verify(port, totp.id, totp.code()));
    CHECK(std::chrono::steady_clock::now() - begin < 2s);
    for (int round = 0; round < 3; ++round) {
      for (const auto& client : slow) client->write(" ");
      std::this_thread::sleep_for(1s);
      CHECK(send(port, "GET", "/auth/factors/" + totp.id).status == 200);
    }
    // None of them has its time begun anew by a byte.
    CHECK(slow[0]->read(2s).status == 408);
    CHECK(slow[1]->read(2s).status == 408);
    CHECK(slow[2]->ends_within(2s));
    CHECK(soon([&] { return metric(port, "mfa_http_connections") < 10; }));

    // More than there may be: those that were silent longest give way.
    slow.clear();
    for (int i = 0; i < 3000; ++i) slow.push_back(std::make_unique<Client>(port));
    CHECK(send(port, "GET", "/auth/factors/" + totp.id).status == 200);
    CHECK(metric(port, "mfa_http_connections") <= 1300);
    CHECK(metric(port, "mfa_http_connections_pushed_out") >= 1000);
#if !defined(__SANITIZE_ADDRESS__) &&                                                                        \
    !defined(__SANITIZE_THREAD__) // which keep what was freed, or a shadow of it
    CHECK(metric(port, "process_resident_memory_bytes") < memory + 64e6);
#endif
    slow.clear();
    CHECK(server.stop() == ended_well);
  }
}
