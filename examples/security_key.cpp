// Passkeys, security keys and fingerprints in your own browser: build, run, and open the address that it
// prints.
//   security_key [port]        (8443 if none is given)
//   security_key --self-test   talks to itself and ends
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <mfa/mfa.hpp>
#include <mfa/webauthn/relying_party.hpp>

#include "security_key_site.hpp"

namespace {

/// What a browser that has no authenticator would see.
bool talks(int port) {
  httplib::Client browser("127.0.0.1", port);
  const auto post = [&](const char* path, const nlohmann::json& body) {
    const auto answer = browser.Post(path, body.dump(), "application/json");
    return answer ? nlohmann::json::parse(answer->body) : nlohmann::json();
  };
  const auto page = browser.Get("/");
  const auto script = browser.Get("/passkeys.js");
  const nlohmann::json user = "alan@example.org";
  const auto enrolled = post("/enroll", {{"user", user}, {"authenticator", "security-key"}});
  const auto refused =
      post("/confirm",
           {{"user", user}, {"challenge_id", enrolled.at("challenge_id")}, {"response", {{"id", "x"}}}});
  const auto too_soon = post("/challenge", {{"user", user}, {"factor_id", enrolled.at("factor_id")}});
  const auto unknown = post("/challenge", {{"user", user}, {"factor_id", "auth_factor_nobody"}});
  const auto no_key = post("/challenge-user", {{"user", user}});
  const auto anybody = post("/challenge-passkey", {{"conditional", true}});
  return page && page->status == 200 && script && !script->body.empty() && no_key.contains("error") &&
         anybody.at("options").at("allowCredentials").empty() &&
         enrolled.at("options").at("rp").at("id") == "localhost" &&
         refused.at("status") == "malformed_code" && too_soon.contains("error") && unknown.contains("error");
}

} // namespace

int main(int argc, char** argv) {
  const std::string_view argument = argc > 1 ? argv[1] : "8443";
  const bool self_test = argument == "--self-test";

  httplib::Server server;
  int port = self_test ? 0 : std::atoi(argument.data());
  if (port == 0)
    port = server.bind_to_any_port("127.0.0.1");
  else if (!server.bind_to_port("127.0.0.1", port))
    port = -1;
  if (port <= 0) {
    std::cerr << "cannot listen on port " << argument << " of 127.0.0.1; give another\n";
    return 1;
  }

  // Browsers offer WebAuthn to https pages, and to http://localhost for trying things out.
  mfa::storage::Memory storage;
  mfa::Verifier verifier{storage, mfa::clock::System{},
                         mfa::Options{.webauthn = mfa::webauthn::relying_party(
                                          {.id = "localhost",
                                           .name = "mfa-cpp example",
                                           .origins = {"http://localhost:" + std::to_string(port)}})}};
  std::ifstream script(MFA_SOURCE_DIRECTORY "/examples/passkeys.js");
  SecurityKeySite site(server, verifier, {std::istreambuf_iterator<char>(script), {}}, "localhost");

  if (!self_test) {
    std::cout << "Open http://localhost:" << port << "/ in a browser on this machine. Ctrl-C ends.\n"
              << std::flush;
    return server.listen_after_bind() ? 0 : 1;
  }
  std::thread listening([&] { (void)server.listen_after_bind(); });
  const bool done = talks(port);
  server.stop();
  listening.join();
  std::cout << (done ? "ok\n" : "failed\n");
  return done ? 0 : 1;
}
