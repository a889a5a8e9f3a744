// Sign-in by a link in an e-mail, without passwords: build, run, and open the address that it prints. Mails
// go to a page of the site; with mfa::email::Smtp in its place they go to people (email_code.cpp,
// docs/email.md).
//   magic_link [port]        (8080 if none is given)
//   magic_link --self-test   talks to itself and ends
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>

#include <httplib.h>

#include <mfa/mfa.hpp>

#include "magic_link_site.hpp"

namespace {

/// A new user confirms his address with what was sent to him.
bool talks(int port, const InboxOnAPage& inbox) {
  httplib::Client browser("127.0.0.1", port);
  const auto asked = browser.Post("/ask", httplib::Params{{"address", "alan@example.org"}});
  if (!asked || asked->status != 200 || inbox.mails().size() != 1) return false;
  const std::string session = asked->get_header_value("Set-Cookie");
  browser.set_default_headers({{"Cookie", session.substr(0, session.find(';'))}});
  const std::string mail(inbox.mails().back().text);
  const auto from = mail.find("/sign-in?");
  const std::string link = mail.substr(from, mail.find('\n', from) - from);
  const auto page = browser.Get(link);
  const std::string token = link.substr(link.find("token=") + 6);
  const auto at = link.find("challenge=") + 10;
  const auto pressed = browser.Post(
      "/sign-in", httplib::Params{{"challenge", link.substr(at, link.find('&') - at)}, {"token", token}});
  return page && page->body.find(token) != std::string::npos && pressed && pressed->status == 200;
}

} // namespace

int main(int argc, char** argv) {
  const std::string_view argument = argc > 1 ? argv[1] : "8080";
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

  const std::string origin = "http://localhost:" + std::to_string(port);
  mfa::storage::Memory storage;
  InboxOnAPage inbox;
  mfa::Verifier verifier{storage, mfa::clock::System{}, inbox, magic_link_options(origin)};
  const MagicLinkSite site(server, verifier, inbox);

  if (!self_test) {
    std::cout << "Open " << origin << "/ in a browser on this machine. Ctrl-C ends.\n" << std::flush;
    return server.listen_after_bind() ? 0 : 1;
  }
  std::thread listening([&] { (void)server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield();
  const bool done = talks(port, inbox);
  server.stop();
  listening.join();
  std::cout << (done ? "ok\n" : "failed\n");
  return done ? 0 : 1;
}
