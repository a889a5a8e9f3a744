// Transports that are awaited know what may have been sent as those that block do, on any loop, and a task
// may end wherever it waits.
#include <mfa/async/asio.hpp>
#include <mfa/async/curl.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <future>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <netdb.h>
#include <sys/resource.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <curl/curl.h>

#include <mfa/async.hpp>
#include <mfa/async/threads.hpp>
#include <mfa/delivery/failover.hpp>
#include <mfa/sms/twilio.hpp>

#include "support/catch.hpp"
#include "support/event_loop.hpp"
#include "support/scripted_server.hpp"
#include "support/task.hpp"
#include "support/transport_checks.hpp"

using namespace mfa;
using namespace mfa::test;
using namespace std::chrono_literals;
using mfa::async::AsioLoop;
using mfa::async::AsioTask;
using Then = ScriptedAnswer::Then;

namespace {

using OnAsio = async::Curl<AsioTask, AsioLoop, sms::Twilio>;
using OnEpoll = async::Curl<Task, EventLoop::Handle, sms::Twilio>;

DeliveryFailure failure_of(auto& future) {
  const auto refusal = refusal_of([&] { future.get(); });
  REQUIRE(refusal);
  return refusal->failure();
}

constexpr auto slow_name = "a.name.that.nobody.answers.example";
constexpr auto slow_look_up = 4s;

} // namespace

/// The system's, which libcurl calls, but for one name.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** found) {
  if (name != nullptr && std::string_view(name) == slow_name) {
    std::this_thread::sleep_for(slow_look_up);
    return EAI_AGAIN;
  }
  static const auto systems = reinterpret_cast<decltype(&::getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return systems(name, service, hints, found);
}

TEST_CASE("A transport on Asio knows what may have been sent") {
  check_broken_servers(
      [](const sms::TwilioSettings& settings, const http::CurlOptions& options, const SmsMessage& message) {
        asio::io_context context;
        OnAsio twilio(AsioLoop(context.get_executor()), settings, options);
        auto sent = asio::co_spawn(context, twilio.send(message), asio::use_future);
        context.run();
        sent.get();
      });
}

TEST_CASE("A transport on a loop of the host's own knows what may have been sent") {
  check_broken_servers(
      [](const sms::TwilioSettings& settings, const http::CurlOptions& options, const SmsMessage& message) {
        EventLoop loop;
        OnEpoll twilio(loop.handle(), settings, options);
        loop.run(twilio.send(message));
      });
}

TEST_CASE("Connections are used again, and messages beyond them wait in a line") {
  ScriptedServer server([](const std::string&) {
    ScriptedAnswer said = answer(201, "{}");
    said.delay = 20ms;
    return said;
  });
  asio::io_context context;
  OnAsio twilio(AsioLoop(context.get_executor()), twilio_at(server.url()),
                {.max_connections = 4, .ca_file = server.ca_file()});
  std::vector<std::future<void>> sent;
  for (int i = 0; i < 40; ++i)
    sent.push_back(asio::co_spawn(context, twilio.send(message_to_alan()), asio::use_future));
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back([&] { context.run(); });
  }
  for (auto& one : sent) CHECK_NOTHROW(one.get());
  CHECK(server.requests().size() == 40);
  CHECK(server.accepted() == 4);
}

// UndefinedBehaviorSanitizer takes two descriptors to look at an object, and calls one broken where it gets
// none.
#if !defined(__SANITIZE_ADDRESS__)
TEST_CASE("What may have been sent is unclear though its answer cannot be waited for") {
  struct Second {
    int sent = 0;
    Task<void> send(const SmsMessage&) {
      ++sent;
      co_return;
    }
  };
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const auto let_have = [&](rlim_t descriptors) {
    const rlimit changed{descriptors, limit.rlim_max};
    return ::setrlimit(RLIMIT_NOFILE, &changed);
  };
  ScriptedServer server([&](const std::string&) {
    (void)let_have(3); // no further one
    ScriptedAnswer said = answer(201, "{}");
    said.delay = 3s; // for longer than one watch
    return said;
  });
  EventLoop loop;
  OnEpoll twilio(loop.handle(), twilio_at(server.url()), {.ca_file = server.ca_file()});
  Second second;
  delivery::Failover both{twilio, second};
  const auto refusal = refusal_of([&] { loop.run(both.send(message_to_alan())); });
  REQUIRE(let_have(limit.rlim_cur) == 0);
  REQUIRE(refusal);
  CHECK(refusal->failure() == DeliveryFailure::unclear);
  CHECK(server.requests().size() == 1);
  CHECK(second.sent == 0);
}
#endif

namespace {

/// A loop of a host's that cannot wait for sockets any more once it is told so.
struct FailingLoop {
  EventLoop::Handle loop;
  const std::atomic<bool>* fails;

  struct Socket {
    EventLoop::Socket socket;
    const std::atomic<bool>* fails;

    auto readable(std::chrono::milliseconds at_most) {
      if (*fails) throw std::system_error(ENOMEM, std::generic_category(), "epoll_ctl");
      return socket.readable(at_most);
    }
    auto writable(std::chrono::milliseconds at_most) { return socket.writable(at_most); }
  };

  template <class Start> [[nodiscard]] auto suspend(Start start) const {
    return loop.suspend(std::move(start));
  }
  [[nodiscard]] Socket socket(int descriptor) const { return {loop.socket(descriptor), fails}; }
};

} // namespace

TEST_CASE("What may have been sent is unclear though the loop cannot wait for its answer") {
  struct Second {
    int sent = 0;
    Task<void> send(const SmsMessage&) {
      ++sent;
      co_return;
    }
  };
  std::atomic<bool> fails = false;
  ScriptedServer server([&](const std::string&) {
    fails = true;
    ScriptedAnswer said = answer(201, "{}");
    said.delay = 3s; // for longer than one wait
    return said;
  });
  ScriptedServer stalling([](const std::string&) { return answer(201, "{}"); }, ScriptedServer::Tls::stalls);
  EventLoop loop;
  Second second;
  const auto send_to = [&](const ScriptedServer& first) {
    async::Curl<Task, FailingLoop, sms::Twilio> twilio(FailingLoop{loop.handle(), &fails},
                                                       twilio_at(first.url()), {.ca_file = first.ca_file()});
    delivery::Failover both{twilio, second};
    loop.run(both.send(message_to_alan()));
  };
  const auto refusal = refusal_of([&] { send_to(server); });
  REQUIRE(refusal);
  CHECK(refusal->failure() == DeliveryFailure::unclear);
  CHECK(second.sent == 0);
  send_to(stalling); // to which nothing can have been sent
  CHECK(second.sent == 1);
  CHECK(server.requests().size() == 1);
}

TEST_CASE("Who waits for too long has sent nothing") {
  ScriptedServer server([](const std::string&) { return ScriptedAnswer{.then = Then::hang}; });
  asio::io_context context;
  OnAsio twilio(
      AsioLoop(context.get_executor()), twilio_at(server.url()),
      {.connect_timeout = 200ms, .timeout = 2500ms, .max_connections = 1, .ca_file = server.ca_file()});
  auto first = asio::co_spawn(context, twilio.send(message_to_alan()), asio::use_future);
  auto second = asio::co_spawn(context, twilio.send(message_to_alan()), asio::use_future);
  context.run();
  CHECK(failure_of(first) == DeliveryFailure::unclear);
  CHECK(failure_of(second) == DeliveryFailure::unavailable);
  CHECK(server.requests().size() == 1);
}

TEST_CASE("What a kept connection may have carried is not sent again, awaited or not") {
  int count = 0;
  ScriptedServer server([&](const std::string&) {
    return ++count == 1 ? answer(201, "{}") : ScriptedAnswer{.then = Then::close};
  });
  EventLoop loop;
  OnEpoll twilio(loop.handle(), twilio_at(server.url()), {.ca_file = server.ca_file()});
  loop.run(twilio.send(message_to_alan()));
  const auto refusal = refusal_of([&] { loop.run(twilio.send(message_to_alan())); });
  REQUIRE(refusal);
  CHECK(refusal->failure() == DeliveryFailure::unclear);
  CHECK(server.requests().size() == 2);
}

TEST_CASE("A task may be destroyed wherever it waits") {
  ScriptedServer server([](const std::string&) { return ScriptedAnswer{.then = Then::hang}; });
  ScriptedServer stalling([](const std::string&) { return answer(201, "{}"); }, ScriptedServer::Tls::stalls);
  for (const ScriptedServer* const each : {&server, &stalling}) {
    EventLoop loop;
    OnEpoll twilio(loop.handle(), twilio_at(each->url()), {.max_connections = 1, .ca_file = each->ca_file()});
    {
      const Task<void> never_begun = twilio.send(message_to_alan());
      Task<void> under_way = twilio.send(message_to_alan());
      under_way.start();
      Task<void> in_line = twilio.send(message_to_alan());
      in_line.start();
      loop.run_until([] { return false; }, 200ms);
      CHECK(!under_way.done());
      CHECK(!in_line.done());
    }
    ScriptedServer other([](const std::string&) { return answer(201, "{}"); });
    OnEpoll next(loop.handle(), twilio_at(other.url()), {.ca_file = other.ca_file()});
    CHECK_NOTHROW(loop.run(next.send(message_to_alan())));
  }
}

TEST_CASE("A name that nobody answers holds up neither the loop nor who waits") {
  if (curl_version_info(CURLVERSION_NOW)->version_num < 0x075700) return; // see docs/sms.md
  constexpr auto soon = slow_look_up / 2;
  const auto now = [] { return std::chrono::steady_clock::now(); };
  EventLoop loop;
  OnEpoll twilio(loop.handle(), twilio_at(std::string("https://") + slow_name), {.connect_timeout = 200ms});
  auto start = now();
  const auto refusal = refusal_of([&] { loop.run(twilio.send(message_to_alan())); });
  REQUIRE(refusal);
  CHECK(refusal->failure() == DeliveryFailure::unavailable);
  CHECK(now() - start < soon);
  {
    Task<void> destroyed = twilio.send(message_to_alan());
    destroyed.start();
    loop.run_until([] { return false; }, 50ms);
    CHECK(!destroyed.done());
    start = now();
  }
  CHECK(now() - start < soon);
}

TEST_CASE("A cancelled task gives its place up") {
  int count = 0;
  ScriptedServer server([&](const std::string&) {
    return ++count == 1 ? ScriptedAnswer{.then = Then::hang} : answer(201, "{}");
  });
  asio::io_context context;
  OnAsio twilio(AsioLoop(context.get_executor()), twilio_at(server.url()),
                {.max_connections = 1, .ca_file = server.ca_file()});
  asio::cancellation_signal signal;
  auto cancelled = asio::co_spawn(context, twilio.send(message_to_alan()),
                                  asio::bind_cancellation_slot(signal.slot(), asio::use_future));
  auto waiting = asio::co_spawn(context, twilio.send(message_to_alan()), asio::use_future);
  context.run_for(300ms);
  signal.emit(asio::cancellation_type::terminal);
  context.run();
  CHECK_THROWS_AS(cancelled.get(), std::system_error);
  CHECK_NOTHROW(waiting.get());
}

TEST_CASE("Tasks may outlive their transport") {
  ScriptedServer server([](const std::string&) { return answer(201, "{}"); });
  EventLoop loop;
  Task<void> task;
  {
    OnEpoll twilio(loop.handle(), twilio_at(server.url()), {.ca_file = server.ca_file()});
    const SmsMessage message = message_to_alan(); // nor need it live
    task = twilio.send(message);
  }
  CHECK_NOTHROW(loop.run(std::move(task)));
  CHECK(server.requests().size() == 1);
}

TEST_CASE("A verifier that is awaited sends its codes, and a code whose answer was lost counts") {
  std::string code;
  const Then then = GENERATE(Then::stay, Then::close);
  ScriptedServer server([&](const std::string& request) {
    const std::string body = body_of(request);
    code = body.substr(body.find("code%20is%20") + 12, 6);
    return then == Then::stay ? answer(201, "{}") : ScriptedAnswer{.then = then};
  });
  asio::io_context context;
  storage::Memory memory;
  async::Threads<AsioTask, storage::Memory, AsioLoop> storage(memory, context);
  OnAsio twilio(context, twilio_at(server.url()), {.ca_file = server.ca_file()});
  const async::Verifier<AsioTask, decltype(storage), clock::System, OnAsio> verifier(
      storage, clock::System(), twilio, {.sms_allowed_country_codes = {"1"}});
  bool confirmed = false;
  const auto journey = [&]() -> AsioTask<void> {
    const Sms request{.phone_number = "+14155550123", .user_id = "u_42"};
    const auto enrolled = co_await verifier.enroll_factor(request);
    const auto challenge = co_await verifier.challenge_enrollment(enrolled.factor.id(), "u_42");
    const auto confirmation = co_await challenge.confirm(code);
    confirmed = confirmation.confirmed();
  };
  auto ended = asio::co_spawn(context, journey(), asio::use_future);
  context.run();
  ended.get();
  CHECK(confirmed);
  CHECK(server.requests().size() == 1);
}
