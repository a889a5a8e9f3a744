#include "http_api_client.hpp"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>

#include <mfa/workos/route.hpp>

#include "catch.hpp"

namespace mfa::test {
namespace {

/// A line for each answer, after one for the routes.
class Journal {
 public:
  Journal() {
    const char* const path = std::getenv("MFA_API_ANSWERS");
    if (path == nullptr) return;
    file_.open(path, std::ios::trunc);
    Json routes = Json::array();
    for (const auto& known : workos::detail::known_routes)
      if (workos::is_extension(known.operation)) routes.push_back({known.method, known.path});
    file_ << routes.dump() << '\n';
    if (!file_) throw std::runtime_error(std::string("MFA_API_ANSWERS: cannot write ") + path);
  }

  void keep(const workos::Request& request, const Answered& answer) {
    if (!file_.is_open()) return;
    Json headers = Json::object();
    for (const auto& [name, value] : answer.headers) headers[name] = value;
    const bool has_body = Json::accept(request.body);
    const Json line{{"method", request.method},
                    {"target", request.target},
                    {"request", has_body ? Json::parse(request.body) : Json()},
                    {"status", answer.status},
                    {"headers", std::move(headers)},
                    {"body", answer.body}};
    file_ << line.dump() << '\n';
  }

 private:
  std::ofstream file_;
};

} // namespace

Answered send(HttpApiHost& host, const workos::Request& request) {
  static Journal journal;
  Answered answer = answered(host.handle(request));
  journal.keep(request, answer);
  return answer;
}

Answered HttpApiClient::operator()(std::string method, std::string target, const Json& body) const {
  return send(host,
              request_with_key(std::move(method), std::move(target), body.is_null() ? "" : body.dump()));
}

std::pair<std::string, std::string> HttpApiClient::confirmed_totp(const std::string& user_id) const {
  const auto enrolled = (*this)("POST", "/mfa/users/" + user_id + "/factors",
                                {{"type", "totp"}, {"issuer", "Foo Corp"}, {"by_operator", true}});
  REQUIRE(enrolled.status == 201);
  std::string id = enrolled.body["id"];
  std::string secret = enrolled.body["totp"]["secret"];
  REQUIRE((*this)("POST", "/mfa/factors/" + id + "/confirm", {{"code", host.code(secret)}}).status == 200);
  host.clock.advance(std::chrono::seconds(30));
  return {std::move(id), std::move(secret)};
}

std::string code_of(const Answered& answer) { return answer.body.value("code", "none"); }

Codes wrong(const Answered& answer) {
  Codes codes;
  CHECK(answer.status == 422);
  for (const Json& error : answer.body["errors"]) codes.push_back(error["code"]);
  return codes;
}

std::string other_code(std::string code) {
  code.back() = code.back() == '9' ? '0' : static_cast<char>(code.back() + 1);
  return code;
}

} // namespace mfa::test
