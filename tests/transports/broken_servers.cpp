// A transport tells what was not sent from what may have been, whatever a server does, and sends nothing
// twice.
#include <mfa/http/curl.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <curl/curl.h>

#include <mfa/delivery/failover.hpp>
#include <mfa/delivery/retry.hpp>
#include <mfa/http/broken_pipe.hpp>
#include <mfa/http/curl_handles.hpp>
#include <mfa/http/refusal.hpp>
#include <mfa/http/transport.hpp>
#include <mfa/sms/twilio.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loopback.hpp"
#include "support/scripted_server.hpp"
#include "support/text.hpp"
#include "support/transport_checks.hpp"

using namespace mfa;
using namespace mfa::test;
using namespace std::chrono_literals;
using Then = ScriptedAnswer::Then;

namespace {

std::atomic<bool> libcurl_fails = false;

/// A provider of a host's own that is asked by a request without a body, and whose answer may be too much.
struct ByQuery {
  struct Settings {
    std::string url;
    std::string method = "GET";
    std::exception_ptr cannot_read = {};
  };
  using Message = SmsMessage;

  explicit ByQuery(Settings given) : settings(std::move(given)) {}

  http::Request request(const SmsMessage& message, Time) const {
    return {.method = settings.method, .url = settings.url + "/send?id=" + message.id};
  }
  void outcome(const http::Response& response) const {
    if (settings.cannot_read) std::rethrow_exception(settings.cannot_read);
    if (response.status != 201) http::throw_refused_status("a provider", response);
  }

  Settings settings;
};

struct Second {
  int sent = 0;
  void send(const SmsMessage&) { ++sent; }
};

} // namespace

/// libcurl's, unless it is to fail.
extern "C" CURLMcode curl_multi_socket_action(CURLM* multi, curl_socket_t socket, int events, int* running) {
  if (libcurl_fails) return CURLM_INTERNAL_ERROR;
  static const auto libcurls =
      reinterpret_cast<decltype(&::curl_multi_socket_action)>(::dlsym(RTLD_NEXT, "curl_multi_socket_action"));
  return libcurls(multi, socket, events, running);
}

TEST_CASE("A transport that blocks knows what may have been sent") {
  check_broken_servers([](const sms::TwilioSettings& settings, const http::CurlOptions& options,
                          const SmsMessage& message) { sms::Twilio(settings, options).send(message); });
}

TEST_CASE("Whatever libcurl ends with, what may have arrived is unclear and what cannot was not sent") {
  using mfa::detail::curl::throw_not_answered;
  for (int number = 1; number < CURL_LAST; ++number) {
    const auto code = static_cast<CURLcode>(number);
    INFO(number << ": " << curl_easy_strerror(code));
    const auto after = refusal_of([&] { throw_not_answered("api.example.com", code, true); });
    REQUIRE(after);
    CHECK(after->failure() == DeliveryFailure::unclear);
    if (code == CURLE_OUT_OF_MEMORY) {
      CHECK_THROWS_AS(throw_not_answered("api.example.com", code, false), std::bad_alloc);
      continue;
    }
    const auto before = refusal_of([&] { throw_not_answered("api.example.com", code, false); });
    REQUIRE(before);
    CHECK(before->failure() ==
          (code == CURLE_LOGIN_DENIED ? DeliveryFailure::credentials_refused : DeliveryFailure::unavailable));
  }
}

TEST_CASE("What a server can bring libcurl to end with is no second message") {
  struct Kind {
    ScriptedAnswer said;
    std::vector<CURLcode> codes; ///< of libcurl's releases
  };
  const auto [said, codes] = GENERATE(values<Kind>({
      {{.then = Then::close}, {CURLE_GOT_NOTHING}},
      {{.then = Then::half_close}, {CURLE_GOT_NOTHING}},
      {{.then = Then::cut}, {CURLE_RECV_ERROR, CURLE_GOT_NOTHING}},
      {{.then = Then::reset}, {CURLE_RECV_ERROR}},
      {{.then = Then::untie}, {CURLE_RECV_ERROR}},
      {{.then = Then::hang}, {CURLE_OPERATION_TIMEDOUT}},
      {{.bytes = "{}", .then = Then::close}, {CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY}},
      {{.bytes = "HTTP/1.1 201 Created\r\nContent-Length: 2", .then = Then::close}, {CURLE_PARTIAL_FILE}},
      {{.bytes = "HTTP/1.1 201 Created\r\nContent-Length: x\r\n\r\n"}, {CURLE_WEIRD_SERVER_REPLY}},
      {{.bytes = "HTTP/1.1 201 Created\r\nX: " + std::string(400'000, 'x')},
       {CURLE_OUT_OF_MEMORY, static_cast<CURLcode>(100)}}, // CURLE_TOO_LARGE
      {{.bytes = "HTTP/1.1 201 Created\r\n" + repeated("X-Filler: 0123456789abcdef\r\n", 3'000)},
       {CURLE_WRITE_ERROR}},
  }));
  ScriptedServer server([reply = said](const std::string&) { return reply; });
  sms::Twilio twilio(twilio_at(server.url()), {.timeout = 1s, .ca_file = server.ca_file()});
  Second second;
  delivery::Failover both{delivery::Retry(twilio, {.first_delay = 1ms}), second};
  const auto refusal = refusal_of([&] { both.send(message_to_alan()); });
  REQUIRE(refusal);
  CHECK(refusal->failure() == DeliveryFailure::unclear);
  bool is_known = false;
  for (const CURLcode code : codes)
    is_known =
        is_known || std::string_view(refusal->what()).find(curl_easy_strerror(code)) != std::string::npos;
  INFO(refusal->what());
  CHECK(is_known);
  CHECK(server.requests().size() == 1);
  CHECK(second.sent == 0);
}

TEST_CASE("What may have arrived is unclear though libcurl cannot go on, and what cannot goes by another") {
  ScriptedServer server([](const std::string&) {
    libcurl_fails = true;
    ScriptedAnswer said = answer(201, "{}");
    said.delay = 50ms;
    return said;
  });
  sms::Twilio twilio(twilio_at(server.url()), {.ca_file = server.ca_file()});
  Second second;
  delivery::Failover both{twilio, second};
  const auto refusal = refusal_of([&] { both.send(message_to_alan()); });
  CHECK_NOTHROW(both.send(message_to_alan())); // which it cannot even begin
  libcurl_fails = false;
  REQUIRE(refusal);
  CHECK(refusal->failure() == DeliveryFailure::unclear);
  CHECK(server.requests().size() == 1);
  CHECK(second.sent == 1);
}

TEST_CASE("An answer that cannot be read to its end leaves open what became of the message") {
  ScriptedServer server([](const std::string&) { return answer(201, "{}"); });
  const auto thrown = GENERATE(std::make_exception_ptr(std::bad_alloc()),
                               std::make_exception_ptr(std::runtime_error("sesame 271828")),
                               std::make_exception_ptr(Error(errc::invalid_argument, "no")));
  http::Transport<ByQuery> transport({.url = server.url(), .cannot_read = thrown},
                                     {.ca_file = server.ca_file()});
  Second second;
  delivery::Failover both{transport, second};
  const auto refusal = refusal_of([&] { both.send(message_to_alan()); });
  REQUIRE(refusal);
  CHECK(refusal->failure() == DeliveryFailure::unclear);
  CHECK(server.requests().size() == 1);
  CHECK(second.sent == 0);
}

TEST_CASE("A request without a body is not sent again by libcurl, and is known to have been sent") {
  const std::string method = GENERATE("GET", "POST");
  const auto failure_of = [&](const std::string& url, const http::CurlOptions& options) {
    http::Transport<ByQuery> transport({.url = url, .method = method}, options);
    const auto refusal = refusal_of([&] { transport.send(message_to_alan()); });
    return refusal ? std::optional(refusal->failure()) : std::nullopt;
  };
  SECTION("on a kept connection that breaks") {
    int count = 0;
    const Then then = GENERATE(Then::close, Then::reset, Then::cut);
    ScriptedServer server(
        [&](const std::string&) { return ++count == 1 ? answer(201, "{}") : ScriptedAnswer{.then = then}; });
    http::Transport<ByQuery> transport({.url = server.url(), .method = method},
                                       {.ca_file = server.ca_file()});
    transport.send(message_to_alan());
    const auto refusal = refusal_of([&] { transport.send(message_to_alan()); });
    REQUIRE(refusal);
    CHECK(refusal->failure() == DeliveryFailure::unclear);
    CHECK(server.requests().size() == 2);
    CHECK(server.requests().back().starts_with(method + " /send?id=auth_challenge_"));
  }
  SECTION("where nobody is") {
    CHECK(failure_of("https://127.0.0.1:" + std::to_string(free_port()), {}) == DeliveryFailure::unavailable);
  }
  SECTION("to somebody else") {
    ScriptedServer server([](const std::string&) { return answer(201, "{}"); },
                          ScriptedServer::Tls::unknown_authority);
    CHECK(failure_of(server.url(), {.ca_file = server.ca_file()}) == DeliveryFailure::unavailable);
  }
  SECTION("without an answer") {
    ScriptedServer server([](const std::string&) { return ScriptedAnswer{.then = Then::close}; });
    CHECK(failure_of(server.url(), {.ca_file = server.ca_file()}) == DeliveryFailure::unclear);
  }
}

TEST_CASE("A connection is used again, and by threads one each") {
  ScriptedServer server([](const std::string&) { return answer(201, "{}"); });
  sms::Twilio twilio(twilio_at(server.url()), {.max_connections = 4, .ca_file = server.ca_file()});
  for (int i = 0; i < 10; ++i) twilio.send(message_to_alan());
  CHECK(server.accepted() == 1);

  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 10; ++k) twilio.send(message_to_alan());
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(server.requests().size() == 50);
  CHECK(server.accepted() <= 4);
}

TEST_CASE("What a kept connection may have carried is not sent again") {
  int count = 0;
  const Then then = GENERATE(Then::close, Then::reset);
  ScriptedServer server(
      [&](const std::string&) { return ++count == 1 ? answer(201, "{}") : ScriptedAnswer{.then = then}; });
  sms::Twilio twilio(twilio_at(server.url()), {.ca_file = server.ca_file()});
  twilio.send(message_to_alan());
  const auto refusal = refusal_of([&] { twilio.send(message_to_alan()); });
  REQUIRE(refusal);
  CHECK(refusal->failure() == DeliveryFailure::unclear);
  CHECK(server.requests().size() == 2);
}

TEST_CASE("A connection that the server has closed meanwhile is replaced") {
  ScriptedServer server([](const std::string&) {
    ScriptedAnswer said = answer(201, "{}");
    said.then = Then::close; // without having said so
    return said;
  });
  sms::Twilio twilio(twilio_at(server.url()), {.ca_file = server.ca_file()});
  for (int i = 0; i < 3; ++i) {
    twilio.send(message_to_alan());
    std::this_thread::sleep_for(50ms);
  }
  CHECK(server.accepted() == 3);
}

TEST_CASE("A request that was cut off before its end was not sent") {
  ScriptedServer server([](const std::string&) { return answer(200, ""); });
  http::Curl curl({.timeout = 10s, .ca_file = server.ca_file()});
  http::Request request;
  request.url = server.url() + "/";
  request.headers.push_back({"Transfer-Encoding", "identity"});
  request.body = std::string(64U << 20, 'x'); // more than the sockets hold, and than the server reads in time
  const auto refusal = refusal_of([&] {
    http::Curl hasty({.timeout = 30ms, .ca_file = server.ca_file()});
    (void)hasty.perform(request);
  });
  REQUIRE(refusal);
  CHECK(refusal->failure() == DeliveryFailure::unavailable);
}

TEST_CASE("The environment's proxies are not used, nor is HTTP to other machines") {
  ::setenv("https_proxy", "http://127.0.0.1:1", 1);
  ::setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  ScriptedServer server([](const std::string&) { return answer(201, "{}"); });
  sms::Twilio(twilio_at(server.url()), {.ca_file = server.ca_file()}).send(message_to_alan());
  CHECK(server.requests().size() == 1);
  ::unsetenv("https_proxy");
  ::unsetenv("ALL_PROXY");

  for (const char* const url :
       {"http://api.twilio.com", "ftp://127.0.0.1", "https://user:secret@api.twilio.com", "https://",
        "https://api.twilio.com/a b", "http://127.0.0.1.example.com", "http://localhost.example.com"})
    CHECK(error_of([&] { sms::Twilio twilio(twilio_at(url)); }).code() == errc::invalid_argument);
  for (const char* const url : {"http://127.0.0.1:8080", "http://[::1]/x", "http://localhost"})
    CHECK_NOTHROW(sms::Twilio(twilio_at(url)));
}

TEST_CASE("The proxy of the options is used, whatever the environment takes out") {
  ScriptedServer server([](const std::string&) { return answer(201, "{}"); });
  const auto bound = bind_free_port();
  const Descriptor& proxy = bound.first;
  REQUIRE(::listen(proxy.get(), 1) == 0);
  const char* const name = GENERATE("NO_PROXY", "no_proxy");
  ::setenv(name, "*", 1);
  const auto refusal = refusal_of([&] {
    sms::Twilio(twilio_at(server.url()), {.connect_timeout = 300ms,
                                          .timeout = 300ms,
                                          .ca_file = server.ca_file(),
                                          .proxy = "http://127.0.0.1:" + std::to_string(bound.second)})
        .send(message_to_alan());
  });
  ::unsetenv(name);
  REQUIRE(refusal); // as the proxy says nothing
  CHECK(refusal->failure() == DeliveryFailure::unavailable);
  REQUIRE(server.accepted() == 0);
  const Descriptor connection(::accept(proxy.get(), nullptr, nullptr));
  std::string asked(8, '\0');
  CHECK(::recv(connection.get(), asked.data(), asked.size(), MSG_WAITALL) == 8);
  CHECK(asked == "CONNECT ");
}

TEST_CASE("What is written to a connection that has ended is no signal to the host") {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const Descriptor to(pipe[1]);
  ::close(pipe[0]);
  const auto write = [&] { return ::write(to.get(), "x", 1); };
  const auto signal_of = [](const auto& child_does) {
    const pid_t child = ::fork();
    if (child == 0) {
      (void)std::signal(SIGPIPE, SIG_DFL);
      child_does();
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  };
  CHECK(signal_of([&] {
          for (int i = 0; i < 2; ++i) {
            const mfa::detail::curl::NoBrokenPipe guard(true);
            (void)!write();
          }
        }) == 0);
  CHECK(signal_of([&] { // and afterwards all is as it was
          { const mfa::detail::curl::NoBrokenPipe guard(true); }
          (void)!write();
        }) == SIGPIPE);
  CHECK(signal_of([&] {
          { const mfa::detail::curl::NoBrokenPipe guard(false); } // of a libcurl that needs none
          (void)!write();
        }) == SIGPIPE);
  CHECK(signal_of([&] { // one that the host holds back stays its own
          sigset_t held;
          sigemptyset(&held);
          sigaddset(&held, SIGPIPE);
          pthread_sigmask(SIG_BLOCK, &held, nullptr);
          (void)!write();
          {
            const mfa::detail::curl::NoBrokenPipe guard(true);
            (void)!write();
          }
          pthread_sigmask(SIG_UNBLOCK, &held, nullptr);
        }) == SIGPIPE);
}

TEST_CASE("A forked process has connections of its own") {
  ScriptedServer server([](const std::string&) { return answer(201, "{}"); });
  sms::Twilio twilio(twilio_at(server.url()), {.ca_file = server.ca_file()});
  twilio.send(message_to_alan());
  const pid_t child = ::fork();
  if (child == 0) {
    int status = 1;
    try {
      twilio.send(message_to_alan());
      status = 0;
    } catch (...) { // told by the status
    }
    ::_exit(status);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  twilio.send(message_to_alan());
  CHECK(server.accepted() == 2);
  CHECK(server.requests().size() == 3);
}

TEST_CASE("Options out of their range are refused") {
  for (const http::CurlOptions& options :
       {http::CurlOptions{.connect_timeout = 0ms}, http::CurlOptions{.timeout = -1s},
        http::CurlOptions{.largest_answer = 10}, http::CurlOptions{.max_connections = 0},
        http::CurlOptions{.longest_idle = 0s}, http::CurlOptions{.ca_file = "/nowhere/ca.pem"},
        http::CurlOptions{.proxy = "ftp://proxy.internal"},
        http::CurlOptions{.proxy = "http://proxy.internal:3128\n"}})
    CHECK(error_of([&] { http::Curl curl(options); }).code() == errc::invalid_argument);
}
