// A login server on Asio: HTTP/1.1 with JSON bodies, any number of connections on a few threads, and handlers
// that await the verifier where those of a blocking server call it. The SQLite file is read and written by
// threads of its own; async::Postgres or async::Redis would take the place of `Storage` without any.
//
//   POST /enroll    {"user": "alan"}                        -> {"factor_id": ..., "secret": ..., "uri": ...}
//   POST /confirm   {"user": "alan", "factor_id": ..., "code": "123456"}    -> {"status": "valid"}
//   POST /challenge {"user": "alan", "factor_id": ...}      -> {"challenge_id": ...}
//   POST /verify    {"user": "alan", "challenge_id": ..., "code": "123456"} -> {"status": "valid", ...}
//
// A real server takes the user from its session, after the password, and speaks TLS. A second factor of the
// same user is enrolled with a fresh verification of the first; here it is refused.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <nlohmann/json.hpp>
#include <stdlib.h>

#include <mfa/async.hpp>
#include <mfa/async/asio.hpp>
#include <mfa/async/threads.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/storage/sqlite.hpp>

namespace {

using asio::use_awaitable;
using asio::ip::tcp;
using mfa::async::AsioLoop;
using mfa::async::AsioTask;
using nlohmann::json;
using namespace std::chrono_literals;

using Storage = mfa::async::Threads<AsioTask, mfa::storage::Sqlite, AsioLoop>;
using Verifier = mfa::async::Verifier<AsioTask, Storage>;

// What a host writes: one handler a verb.

std::string user_of(const json& asked) { return asked.at("user"); }

AsioTask<json> enroll(const Verifier& verifier, const json& asked) {
  const std::string user = user_of(asked);
  const mfa::Totp request{.issuer = "Foo Corp", .user = user, .user_id = user};
  const auto enrolled = co_await verifier.enroll_factor(request);
  json answer;
  answer["factor_id"] = enrolled.factor.id();
  answer["secret"] = std::string_view(enrolled.totp.secret); // which the user sees once
  answer["uri"] = std::string_view(enrolled.totp.uri);
  co_return answer;
}

AsioTask<json> confirm(const Verifier& verifier, const json& asked) {
  const std::string id = asked.at("factor_id");
  const std::string code = asked.at("code");
  const mfa::VerifyOptions options{.user = user_of(asked)};
  const auto confirmation = co_await verifier.confirm_enrollment(id, code, options);
  json answer;
  answer["status"] = to_string(confirmation.status()); // starts no session
  if (const auto wait = confirmation.retry_after()) answer["retry_after"] = wait->count();
  co_return answer;
}

AsioTask<json> challenge(const Verifier& verifier, const json& asked) {
  const std::string id = asked.at("factor_id");
  const auto challenge = co_await verifier.challenge_factor(id, user_of(asked));
  json answer;
  answer["challenge_id"] = challenge.id();
  co_return answer;
}

AsioTask<json> verify(const Verifier& verifier, const json& asked) {
  const std::string id = asked.at("challenge_id");
  const std::string code = asked.at("code");
  const mfa::VerifyOptions options{.user = user_of(asked)};
  const auto verification = co_await verifier.verify_challenge(id, code, options);
  json answer;
  answer["status"] = to_string(verification.status());
  if (verification.valid()) answer["user"] = verification.user_id(); // the moment to start a session
  if (const auto wait = verification.retry_after()) answer["retry_after"] = wait->count();
  co_return answer;
}

// HTTP, as little of it as that takes.

struct Request {
  std::string target;
  std::string body;
  bool keep_alive = true;
};

struct Reply {
  int status = 200;
  json body;
};

constexpr std::size_t most_bytes = 16 * 1024;

/// What a header has after its name, in small letters; empty if it is not there.
std::string header(std::string_view head, std::string_view name) {
  std::string small(head);
  std::transform(small.begin(), small.end(), small.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const auto found = small.find("\r\n" + std::string(name) + ":");
  if (found == std::string::npos) return {};
  const auto begin = small.find_first_not_of(' ', found + name.size() + 3);
  return small.substr(begin, small.find("\r\n", begin) - begin);
}

/// `buffer` keeps what has come of the next request.
AsioTask<Request> read_request(tcp::socket& socket, std::string& buffer) {
  auto limited = asio::dynamic_buffer(buffer, most_bytes);
  const std::size_t head_size = co_await asio::async_read_until(socket, limited, "\r\n\r\n", use_awaitable);
  const std::string head = buffer.substr(0, head_size);
  buffer.erase(0, head_size);
  const std::string length = header(head, "content-length");
  std::size_t size = 0;
  std::from_chars(length.data(), length.data() + length.size(), size);
  if (size > most_bytes || !header(head, "transfer-encoding").empty())
    throw std::runtime_error("a body that is too long, or without a length");
  if (buffer.size() < size) {
    const std::size_t missing = size - buffer.size();
    co_await asio::async_read(socket, asio::dynamic_buffer(buffer), asio::transfer_exactly(missing),
                              use_awaitable);
  }
  Request request;
  request.body = buffer.substr(0, size);
  buffer.erase(0, size);
  if (head.starts_with("POST ")) request.target = head.substr(5, head.find(' ', 5) - 5);
  request.keep_alive = header(head, "connection") != "close";
  co_return request;
}

/// Nothing if the client leaves, or sends what is not HTTP: `||` would wait on, were that an exception.
AsioTask<std::optional<Request>> read_request_if_any(tcp::socket& socket, std::string& buffer) {
  try {
    co_return co_await read_request(socket, buffer);
  } catch (const std::exception&) {
  }
  co_return std::nullopt;
}

AsioTask<json> route(const Verifier& verifier, const Request& request) {
  const json asked = json::parse(request.body);
  if (request.target == "/enroll") co_return co_await enroll(verifier, asked);
  if (request.target == "/confirm") co_return co_await confirm(verifier, asked);
  if (request.target == "/challenge") co_return co_await challenge(verifier, asked);
  if (request.target == "/verify") co_return co_await verify(verifier, asked);
  throw mfa::Error(mfa::errc::entity_not_found, "there is nothing at this path");
}

int http_status(mfa::errc code) {
  switch (code) {
  case mfa::errc::entity_not_found: return 404;
  case mfa::errc::invalid_argument: return 400;
  case mfa::errc::authorization_required:
  case mfa::errc::factor_not_verified:
  case mfa::errc::factor_locked_out: return 403;
  case mfa::errc::storage_unavailable: return 503;
  default: return 500;
  }
}

AsioTask<Reply> reply_to(const Verifier& verifier, const Request& request) {
  Reply reply;
  try {
    reply.body = co_await route(verifier, request);
  } catch (const mfa::Error& error) {
    reply.status = http_status(error.code());
    reply.body["error"] = error.code().message();
    if (reply.status >= 500) std::cerr << error.what() << '\n';
  } catch (const json::exception&) {
    reply.status = 400;
    reply.body["error"] = "a body that is not the JSON that this path takes";
  }
  co_return reply;
}

AsioTask<void> sleep(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(use_awaitable);
}

/// One client, until it leaves, is silent or takes no answer for half a minute, or sends what is not HTTP. On
/// a strand, as what waits for it and the time end one another.
AsioTask<void> serve(tcp::socket socket, const Verifier& verifier) {
  using asio::experimental::awaitable_operators::operator||;
  std::string buffer;
  for (bool open = true; open;) {
    const auto read = co_await (read_request_if_any(socket, buffer) || sleep(30s));
    if (read.index() == 1 || !std::get<0>(read)) co_return;
    const Request& request = *std::get<0>(read);
    const Reply reply = co_await reply_to(verifier, request);
    const std::string body = reply.body.dump();
    const std::string text =
        "HTTP/1.1 " + std::to_string(reply.status) +
        " \r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
        body;
    asio::error_code error;
    const auto written =
        co_await (asio::async_write(socket, asio::buffer(text), asio::redirect_error(use_awaitable, error)) ||
                  sleep(30s));
    open = written.index() == 0 && !error && request.keep_alive;
  }
}

AsioTask<void> accept(tcp::acceptor& acceptor, const Verifier& verifier) {
  for (;;) {
    const auto strand = asio::make_strand(acceptor.get_executor());
    tcp::socket socket(strand);
    asio::error_code error;
    co_await acceptor.async_accept(socket, asio::redirect_error(use_awaitable, error));
    if (error) // no descriptors, say: clients that leave give theirs back
      co_await sleep(50ms);
    else
      asio::co_spawn(strand, serve(std::move(socket), verifier), asio::detached);
  }
}

class Server {
 public:
  /// Port 0 stands for any free one.
  Server(const std::string& state, mfa::KeyRing keys, std::uint16_t port)
      : storage_(mfa::storage::Sqlite(state), context_, {.threads = 4}),
        verifier_(storage_, mfa::Options{.key_ring = std::move(keys)}),
        acceptor_(context_, {asio::ip::address_v4::loopback(), port}) {}

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  /// Serves with so many threads until `stop`.
  void run(unsigned threads) {
    asio::co_spawn(context_, accept(acceptor_, verifier_), asio::detached);
    std::vector<std::jthread> others;
    for (unsigned i = 1; i < threads; ++i) others.emplace_back([this] { context_.run(); });
    context_.run();
    others.clear();
    storage_.stop(10s); // requests that are cut off may have had their commits
  }

  /// Usable from any thread.
  void stop() { context_.stop(); }

  void stop_on(int signal) {
    signals_.add(signal);
    signals_.async_wait([this](const asio::error_code& error, int) {
      if (!error) stop();
    });
  }

 private:
  asio::io_context context_; // outlives what waits on it
  Storage storage_;
  Verifier verifier_;
  tcp::acceptor acceptor_;
  asio::signal_set signals_{context_};
};

// The self-test plays the clients.

class Client {
 public:
  explicit Client(std::uint16_t port) { socket_.connect({asio::ip::address_v4::loopback(), port}); }

  std::pair<int, json> post(const std::string& target, const std::string& body) {
    asio::write(socket_, asio::buffer("POST " + target + " HTTP/1.1\r\nContent-Length: " +
                                      std::to_string(body.size()) + "\r\n\r\n" + body));
    const std::size_t head_size = asio::read_until(socket_, asio::dynamic_buffer(buffer_), "\r\n\r\n");
    const std::string head = buffer_.substr(0, head_size);
    buffer_.erase(0, head_size);
    const std::size_t size = std::stoul(header(head, "content-length"));
    if (buffer_.size() < size)
      asio::read(socket_, asio::dynamic_buffer(buffer_), asio::transfer_exactly(size - buffer_.size()));
    const json answer = json::parse(buffer_.substr(0, size));
    buffer_.erase(0, size);
    return {std::stoi(head.substr(9, 3)), answer};
  }
  std::pair<int, json> post(const std::string& target, const json& body) { return post(target, body.dump()); }

 private:
  asio::io_context context_;
  tcp::socket socket_{context_};
  std::string buffer_;
};

void expect(bool holds, const std::string& what, const json& came) {
  std::cout << what << ": " << came.dump() << (holds ? "\n" : "  <- NOT as expected\n");
  if (!holds) throw std::runtime_error("not as expected");
}

void play(std::uint16_t port) {
  Client client(port);
  const auto enrolling = client.post("/enroll", json{{"user", "alan"}});
  const json& enrolled = enrolling.second;
  expect(enrolling.first == 200 && enrolled.contains("factor_id"), "enrolled", enrolled.at("factor_id"));
  const auto key = mfa::otp::base32_decode(std::string(enrolled.at("secret")));
  const auto challenge = [&] {
    const auto [code, asked] =
        client.post("/challenge", json{{"user", "alan"}, {"factor_id", enrolled.at("factor_id")}});
    if (code != 200) expect(false, "challenged", asked);
    return asked.at("challenge_id");
  };
  const auto verify = [](Client& by, const json& id, const std::string& code) {
    return by.post("/verify", json{{"user", "alan"}, {"challenge_id", id}, {"code", code}}).second;
  };
  const auto confirm = [&](const std::string& code) {
    return client
        .post("/confirm", json{{"user", "alan"}, {"factor_id", enrolled.at("factor_id")}, {"code", code}})
        .second;
  };
  const auto now = std::chrono::system_clock::now();
  const auto code_at = [&](int steps) { return mfa::otp::totp(key, now + steps * 30s); };

  std::string wrong;
  for (char digit = '0'; wrong.empty(); ++digit) {
    wrong.assign(6, digit);
    for (int steps = -2; steps <= 3; ++steps)
      if (wrong == code_at(steps)) wrong.clear();
  }
  const auto refused = [&](const std::string& target, const std::string& body, int expected) {
    const auto [code, told] = client.post(target, body);
    expect(code == expected, target + " with " + body + ", status " + std::to_string(code), told);
  };
  const std::string of_factor = R"("factor_id": )" + enrolled.at("factor_id").dump() + "}";
  refused("/challenge", R"({"user": "alan", )" + of_factor, 403); // not before it is confirmed
  const json unlike = confirm(wrong);
  expect(unlike.at("status") == "wrong_code", "a wrong code", unlike);
  const json confirmed = confirm(code_at(0));
  expect(confirmed.at("status") == "valid" && !confirmed.contains("user"), "the right code", confirmed);
  refused("/enroll", R"({"user": "alan"})", 403); // nor another without the first
  const json replayed = verify(client, challenge(), code_at(0));
  expect(replayed.at("status") == "code_already_used", "the same code again, to sign in", replayed);

  // Sixteen clients send the next code at once: one of them signs in.
  std::vector<json> ids;
  for (int i = 0; i < 16; ++i) ids.push_back(challenge());
  std::vector<int> valid(ids.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < ids.size(); ++i)
      threads.emplace_back([&, i] {
        Client other(port);
        const json answer = verify(other, ids[i], code_at(1));
        valid[i] = answer.at("status") == "valid" && answer.at("user") == "alan" ? 1 : 0;
      });
  }
  const auto signed_in = std::count(valid.begin(), valid.end(), 1);
  expect(signed_in == 1, "clients that signed in with one code", signed_in);

  refused("/challenge", R"({"user": "grace", )" + of_factor, 404);
  refused("/challenge", R"({"user": "", )" + of_factor, 400);
  refused("/verify", R"({"user": "alan", "challenge_id": "unknown", "code": "123456"})", 404);
  refused("/enroll", R"({"user": 42})", 400);
  refused("/enroll", "nonsense", 400);
  refused("/nowhere", "{}", 404);
}

/// For the database, which ends with the server.
struct Directory {
  Directory() : path((std::filesystem::temp_directory_path() / "mfa-server-XXXXXX").string()) {
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make a temporary directory");
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  std::string path;
};

void self_test(Server& server) {
  std::jthread serving([&server] { server.run(4); });
  struct Stop {
    Server& stopped;
    ~Stop() { stopped.stop(); }
  } const stop{server};
  play(server.port());
  std::cout << "all as expected\n";
}

} // namespace

int main(int argc, char** argv) try {
  const std::string_view argument = argc > 1 ? argv[1] : "8080";
  const bool testing = argument == "--self-test";
  std::uint16_t port = 0;
  const auto read = std::from_chars(argument.data(), argument.data() + argument.size(), port);
  if (argc > 2 || (!testing && (port == 0 || *read.ptr != 0))) {
    std::cerr
        << "usage: asio_server [PORT | --self-test]\n\n"
           "Serves on 127.0.0.1, on port 8080 if none is given, from a database that ends with the server.\n"
           "--self-test plays the clients too, and exits with 0 only if every answer is right.\n";
    return 2;
  }
  const Directory directory;
  Server server(directory.path + "/server.db", mfa::KeyRing::generate(), port);
  if (testing) {
    self_test(server);
    return 0;
  }
  for (const int signal : {SIGINT, SIGTERM}) server.stop_on(signal);
  const std::string address = "http://127.0.0.1:" + std::to_string(port);
  std::cout << "Serving on " << address << ", until Ctrl+C. Try:\n  curl -d '{\"user\": \"alan\"}' "
            << address << "/enroll" << std::endl;
  server.run(4);
  return 0;
} catch (const std::exception& error) {
  std::cerr << "asio_server: " << error.what() << '\n';
  return 1;
}
