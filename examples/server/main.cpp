// WorkOS's MFA API, and all that the library has beyond it, as a program: docs/server.md.
//   server --api-key-file FILE [--storage sqlite:FILE --key-ring-file FILE] ...
//   server --check ...      says what is wrong with the settings, and ends
//   server --reseal ...     moves what is stored to the first key of the key ring, beside servers that run
//   server --publish-options ...  from now on servers of this storage must have these options
//   server --help
//   server --self-test      plays a client against itself, and ends
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include <csignal>
#include <sys/resource.h>
#include <unistd.h>

#include "application.hpp"
#include "self_test.hpp"
#include "settings.hpp"

namespace {

using server::Problems;
using server::Settings;

void help() {
  std::cout
      << "usage: server [--check | --reseal | --publish-options | --help | --self-test] [--NAME VALUE]...\n\n"
         "Each setting is a flag, a variable MFA_NAME in the environment or a line NAME = VALUE of the "
         "file\nthat --config names. A flag beats the environment, which beats the file.\n\n";
  for (const server::Setting& setting : server::all_settings) {
    std::cout << "  --" << setting.name;
    if (!setting.value.empty()) std::cout << ' ' << setting.value;
    std::cout << "\n      " << setting.meaning;
    if (!setting.usual.empty()) std::cout << " (" << setting.usual << ")";
    std::cout << '\n';
  }
}

/// Finds all that is wrong, and not the first thing alone.
void check(const Settings& settings, Problems& problems) {
  problems.collect([&] { (void)server::limits_of(settings); });
  problems.collect([&] { (void)settings.number("threads", 1, 1000); });
  problems.collect([&] { (void)settings.number("max-waiting", 0, 1'000'000); });
  problems.collect([&] {
    if (settings.is_set("event-threads")) (void)settings.number("event-threads", 1, 1000);
  });
  problems.collect([&] { (void)settings.seconds("drain"); });
  problems.collect([&] { (void)settings.yes("asynchronous"); });
  problems.collect([&] { (void)settings.yes("mask-phone-numbers"); });
  problems.collect([&] { (void)server::Application::errors_only(settings); });
  problems.collect([&] { (void)server::endpoint_of(settings); });
  problems.collect([&] { (void)server::tls_context(settings); });
  problems.collect([&] { (void)server::api_keys_of(settings); });
  problems.collect([&] { (void)server::options_of(settings); });
  problems.collect([&] { (void)server::api_options_of(settings); });
  problems.collect([&] {
    if (const auto hooks = server::webhook_settings(settings); !hooks.endpoints.empty())
      server::check_may_make(hooks.outbox);
  });
  problems.collect([&] { const server::Messages messages(settings, {}); });
  problems.collect([&] { server::check_storage(settings); });
}

int tell(const Problems& problems) {
  for (const std::string& problem : problems.all()) std::cerr << "server: " << problem << '\n';
  return problems.none() ? 0 : 2;
}

/// A connection needs a descriptor.
void raise_descriptors(std::size_t connections) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = connections + 512;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= wanted ? wanted : limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

} // namespace

int main(int argc, char** argv) try {
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  Problems problems;
  const Settings settings(arguments, {"--check", "--reseal", "--publish-options", "--help", "--self-test"},
                          problems);
  if (settings.action() == "--help") {
    help();
    return 0;
  }
  if (settings.action() == "--self-test") return server::self_test() ? 0 : 1;
  if (settings.action() == "--check" || !problems.none()) {
    if (settings.action() == "--check") check(settings, problems);
    for (const std::string& variable : settings.unknown_variables())
      std::cerr << "server: the environment has " << variable
                << ", which is no setting and does nothing; if it was to be one, --help lists the names\n";
    if (problems.none()) std::cout << "ok\n";
    return tell(problems);
  }
  if (settings.action() == "--publish-options") {
    server::publish_options(settings, server::options_of(settings));
    return 0;
  }
  if (settings.action() == "--reseal")
    return server::reseal(settings, server::options_of(settings), std::cout) ? 0 : 1;
  raise_descriptors(settings.number("max-connections", 1, 1'000'000));
  std::signal(SIGHUP, SIG_IGN); // until it hears signals; files that change now are read again then
  server::Application application(settings);
  application.hear_signals();
  std::cout << "listening on " << application.url() << std::endl;
  const bool all_answered = application.run();
  if (!all_answered) ::_exit(1); // threads still work for what was cut off
  return 0;
} catch (const std::exception& error) {
  std::cerr << "server: " << error.what() << '\n';
  return 2;
}
