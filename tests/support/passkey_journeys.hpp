#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/webauthn/relying_party.hpp>

#include "catch.hpp"
#include "event_loop.hpp"
#include "software_authenticator.hpp"
#include "task.hpp"
#include "webauthn_host.hpp"

namespace mfa::test {

/// Calls the verbs of blocking verifiers.
struct CallsBlocking {
  auto one(auto call) const { return call(); }

  /// The status of each of so many calls, each made in a thread of its own.
  std::vector<std::string> at_once(std::size_t count, auto call) const {
    std::vector<std::string> statuses(count);
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < count; ++i)
      threads.emplace_back([&, i] { statuses[i] = to_string(call(i).status()); });
    threads.clear();
    return statuses;
  }
};

/// Calls the verbs of asynchronous ones on this loop, in the thread that runs it.
struct CallsOnLoop {
  EventLoop& loop;

  auto one(auto call) const { return loop.run(call()); }

  std::vector<std::string> at_once(std::size_t count, auto call) const {
    std::vector<decltype(call(count))> tasks;
    for (std::size_t i = 0; i < count; ++i) tasks.push_back(call(i));
    for (const auto& task : tasks) task.start();
    REQUIRE(
        loop.run_until([&] { return std::ranges::all_of(tasks, [](auto& task) { return task.done(); }); }));
    std::vector<std::string> statuses;
    for (const auto& task : tasks) statuses.emplace_back(to_string(task.result().status()));
    return statuses;
  }
};

/// Two nodes of a service on one storage, and its users with passkeys.
template <class Verifier, class Calls> class PasskeyNodes {
 public:
  PasskeyNodes(Verifier& first, Verifier& second, Calls calls)
      : nodes_{&first, &second}, calls_(std::move(calls)) {}

  struct Passkey {
    SoftwareAuthenticator authenticator = SoftwareAuthenticator();
    std::string factor_id = {};
  };
  struct Asked {
    std::string id;
    std::string options;
  };

  Passkey enrolled(const std::string& user_id, const std::string& credential_id) {
    Passkey passkey;
    passkey.authenticator.credential_id = credential_id;
    passkey.authenticator.flags = SoftwareAuthenticator::user_present | SoftwareAuthenticator::user_verified;
    const WebAuthn request{
        .user = user_id, .user_id = user_id, .resident_key = webauthn::ResidentKey::required};
    passkey.factor_id = calls_.one([&] { return next().enroll_factor(request, by_operator); }).factor.id();
    const auto challenge =
        calls_.one([&] { return next().challenge_enrollment(passkey.factor_id, any_user, {}, by_operator); });
    const std::string created = passkey.authenticator.create(challenge.webauthn_options()).json();
    REQUIRE(calls_.one([&] { return next().confirm_enrollment(challenge.id(), created); }).confirmed());
    const auto factor = calls_.one([&] { return next().get_factor(passkey.factor_id, any_user); });
    passkey.authenticator.user_handle = detail::base64url_decode(factor.webauthn()->user_handle);
    return passkey;
  }

  Asked ask_anybody() {
    const auto challenge = calls_.one([&] { return next().challenge_passkey(); });
    return {challenge.id(), challenge.webauthn_options()};
  }
  Asked ask(const std::string& user_id) {
    const auto challenge = calls_.one([&] { return next().challenge_user(user_id); });
    return {challenge.id(), challenge.webauthn_options()};
  }

  static std::string right(const Passkey& passkey, const Asked& asked) {
    return passkey.authenticator.get(asked.options).json();
  }
  static std::string wrong(Passkey passkey, const Asked& asked) {
    passkey.authenticator.spoil_signature = [](std::string& signature) { signature.back() ^= 1; };
    return right(passkey, asked);
  }

  auto verify(const Asked& asked, const std::string& answer) {
    return calls_.one([&] { return next().verify_challenge(asked.id, answer); });
  }
  std::string status(const Asked& asked, const std::string& answer) {
    return std::string(to_string(verify(asked, answer).status()));
  }
  /// These answers at the same time, on both nodes.
  std::vector<std::string> statuses(const Asked& asked, const std::vector<std::string>& answers) {
    return calls_.at_once(answers.size(), [&](std::size_t i) {
      return nodes_[i % nodes_.size()]->verify_challenge(asked.id, answers[i]);
    });
  }

  void remove(const Passkey& passkey) {
    calls_.one([&] { return next().delete_factor(passkey.factor_id, any_user, by_operator); });
  }
  auto reseal() {
    return calls_.one([&] { return next().reseal_all(); });
  }
  void replace_keys(const KeyRing& keys) {
    for (Verifier* const node : nodes_) calls_.one([&] { return node->replace_key_ring(keys); });
  }

 private:
  /// The nodes take turns, as behind a load balancer.
  Verifier& next() { return *nodes_[turn_++ % nodes_.size()]; }

  std::array<Verifier*, 2> nodes_;
  Calls calls_;
  std::size_t turn_ = 0;
};

/// A key ring of one key that follows from its name.
inline KeyRing passkey_journey_keys(std::string_view id) {
  return KeyRing(std::string(id), crypto::text_of(crypto::sha256(id)));
}

/// For the verifiers of `check_passkey_journeys`.
inline Options passkey_journey_options() {
  Options options;
  options.key_ring = passkey_journey_keys("first");
  options.webauthn = webauthn::relying_party(example_settings());
  return options;
}

/// What users do with passkeys, on two verifiers over one storage that is empty. Both have
/// `passkey_journey_options`.
template <class Verifier, class Calls>
void check_passkey_journeys(Verifier& first, Verifier& second, Calls calls) {
  PasskeyNodes<Verifier, Calls> nodes(first, second, calls);
  const auto phone = nodes.enrolled("u_42", "the passkey in Alan's phone");
  const auto laptop = nodes.enrolled("u_42", "the passkey in Alan's laptop");
  const auto grace = nodes.enrolled("u_43", "the passkey of Grace");
  const auto count = [](const std::vector<std::string>& statuses, std::string_view status) {
    return std::ranges::count(statuses, status);
  };
  const auto ask = [&](bool anybody) { return anybody ? nodes.ask_anybody() : nodes.ask("u_42"); };

  for (const bool anybody : {true, false}) {
    CAPTURE(anybody);
    // Signing in, once.
    const auto asked = ask(anybody);
    const auto verification = nodes.verify(asked, nodes.right(laptop, asked));
    CHECK(verification.valid());
    CHECK(verification.user_id() == "u_42");
    CHECK(verification.factor_id() == laptop.factor_id);
    for (const auto& again : {laptop, phone})
      CHECK(nodes.status(asked, nodes.right(again, asked)) == "already_verified");
    CHECK(nodes.status(asked, nodes.wrong(laptop, asked)) == "already_verified");

    // Wrong answers, one after the other and at once.
    const auto guessed = ask(anybody);
    for (unsigned left = 5; left-- > 0;) {
      const auto refused = nodes.verify(guessed, nodes.wrong(phone, guessed));
      CHECK(to_string(refused.status()) == "wrong_signature");
      CHECK(refused.attempts_left() == left);
    }
    CHECK(nodes.status(guessed, nodes.right(phone, guessed)) == "too_many_attempts");
    const auto stormed = ask(anybody);
    const auto refused = nodes.statuses(stormed, std::vector(8, nodes.wrong(phone, stormed)));
    CHECK(count(refused, "wrong_signature") == 5);
    CHECK(count(refused, "too_many_attempts") == 3);
    CHECK(nodes.status(stormed, nodes.right(phone, stormed)) == "too_many_attempts");

    // Races.
    for (int round = 0; round < 10; ++round) {
      const auto raced = ask(anybody);
      const std::string one = nodes.right(phone, raced);
      const std::string other = round % 2 == 0 ? one : nodes.right(laptop, raced);
      const auto statuses = nodes.statuses(raced, {one, one, other, other, one, other});
      CAPTURE(round);
      CHECK(count(statuses, "valid") == 1);
      CHECK(count(statuses, "already_verified") == 5);
      CHECK(nodes.status(raced, one) == "already_verified");
    }
  }
  const auto of_alan = nodes.ask("u_42");
  CHECK(nodes.status(of_alan, nodes.right(grace, of_alan)) == "wrong_credential");

  // New keys.
  const auto signs_in = [&](const auto& passkey) {
    const auto asked = nodes.ask_anybody();
    return nodes.status(asked, nodes.right(passkey, asked));
  };
  const auto before = nodes.ask_anybody();
  KeyRing both("second", crypto::text_of(crypto::sha256("second")));
  both.add_further("first", crypto::text_of(crypto::sha256("first")));
  nodes.replace_keys(both);
  CHECK(nodes.status(before, nodes.right(phone, before)) == "valid");
  CHECK(nodes.status(of_alan, nodes.right(phone, of_alan)) == "valid");
  CHECK(signs_in(grace) == "valid");
  CHECK(nodes.reseal().failed == 0);
  const auto open = nodes.ask("u_42");
  nodes.replace_keys(passkey_journey_keys("second"));
  CHECK(nodes.status(open, nodes.right(laptop, open)) == "valid");
  CHECK(signs_in(grace) == "valid");

  // A passkey that is gone.
  const auto late = nodes.ask("u_42");
  nodes.remove(phone);
  CHECK(nodes.status(late, nodes.right(phone, late)) == "unknown_credential");
  CHECK(nodes.status(late, nodes.right(laptop, late)) == "valid");
  CHECK(signs_in(phone) == "unknown_credential");
  CHECK(signs_in(laptop) == "valid");
}

} // namespace mfa::test
