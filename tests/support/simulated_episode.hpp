#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <mfa/options.hpp>

#include "call_sequence.hpp"
#include "host.hpp"
#include "no_sms_budgets.hpp"
#include "plain_passkeys.hpp"
#include "seeded_random.hpp"
#include "shrink.hpp"
#include "stepped_verb.hpp"

namespace mfa::test {

/// Of each user one of each of four kinds: TOTP, codes that the host delivers, recovery codes, SMS.
inline constexpr int simulated_users = 2;
inline constexpr int simulated_factors = 4 * simulated_users;
/// And the factor that each enrolled last beside them, whose codes the host delivers.
inline constexpr int further_factors = simulated_users;
/// And of each the passkey that he had from the beginning, and the one that he enrolled last.
inline constexpr int first_passkey = simulated_factors + further_factors;
inline constexpr int passkeys_a_user = 2;
inline constexpr int all_factors = first_passkey + passkeys_a_user * simulated_users;

/// To whom a challenge is put that passkeys answer.
enum class PutTo : unsigned { factor, user, whoever_comes, whoever_comes_by_autofill };

/// What is wrong with a passkey's answer, if anything is.
enum class Fault {
  none,
  no_pin,             ///< nobody showed one
  no_handle,          ///< it does not say whose it is
  cloned,             ///< by a copy of an authenticator that counts
  replayed,           ///< the last accepted answer, to this challenge
  replayed_whole,     ///< the last accepted answer, to its own challenge
  of_another,         ///< it signs another challenge
  another_credential, ///< it says that it is of another passkey
  another_handle,     ///< it says that it is of another user
  passkey_of_another, ///< another user answers
  phished,            ///< from another page
  forged,             ///< by another key
  unknown,            ///< of a passkey that nobody registered
  no_answer,          ///< what cannot be one
  edited_id,          ///< the challenge's id was edited
  part_of_id,         ///< the part of it by which it is stored
  count
};

enum class Happens {
  call,    ///< somebody has a node run a verb
  jump,    ///< a node's clock is set
  cut_off, ///< a node does not reach the storage for a while
  crash,   ///< a node loses all that it runs, and starts again
};

/// What happens next in a simulated world. Any part of a list of steps is a list of steps too.
struct Step {
  int name = 0; ///< its number when the list was drawn
  Happens happens{};
  std::chrono::milliseconds after{0}; ///< since the step before
  unsigned node = 0;
  std::chrono::milliseconds by{0}; ///< of a jump, or for how long a node is cut off
  Does does{};
  int factor = 0;
  unsigned back = 0; ///< which challenge, device or code, from the latest
  Typed typed = Typed::wrong;
  int steps_off = 0; ///< how far from now the authenticator's clock is
  bool bound = false;
  bool names_user = false;
  unsigned purpose = 0; ///< mostly what the factor is to be asked for; else another
  unsigned says = 0;    ///< what a deletion, a reset or a revocation is to keep or to take along, in bits
  unsigned shows = 0;   ///< what allows a change: an operator, nothing, or one of the last verifications
  PutTo put_to = PutTo::factor; ///< passkeys
  Fault fault = Fault::none;    ///< likewise
  /// What the network, the storage and the gateway do to this verb; 0: nothing, they answer at once.
  std::uint64_t luck = 0;
};

struct Episode {
  std::uint64_t seed = 0; ///< of the random bytes
  Options options;
  unsigned nodes = 1;
  bool two_keys = false; ///< nodes that seal under either of two keys, as while keys rotate
  std::vector<Step> steps;
};

/// Draws what happens in a world.
class EpisodeSource {
 public:
  explicit EpisodeSource(std::uint64_t seed) : seed_(seed), state_(seed) {}

  Episode draw(std::size_t length) {
    using namespace std::chrono;
    Episode episode{.seed = seed_, .options = SequenceSource(seed_).draw(0).options, .steps = {}};
    Options& options = episode.options;
    options.sms_template = code_only;
    options.sms_budgets = no_sms_budgets;
    options.generic_otp_digits = options.sms_code_digits;
    options.generic_otp_lifetime = options.sms_code_lifetime;
    options.generic_otp_interval = seconds(0);
    options.generic_otps_an_hour = 100;
    options.generic_otps_a_day = 100;
    options.failures_before_lockout = 4 + below(20);
    options.open_challenges_a_user = below(2) == 0 ? 100 : 2 + below(20);
    options.wrong_codes_a_user_a_day = below(2) == 0 ? 1000 : 10 + below(100);
    options.webauthn = std::make_shared<PlainRelyingParty>();
    static constexpr std::array lifetimes{seconds(60), seconds(3600), seconds(86'400)};
    options.conditional_challenge_lifetime = lifetimes[below(lifetimes.size())];
    options.sends_a_user_an_hour = options.sends_a_user_a_day = below(2) == 0 ? 500 : 10 + below(100);
    episode.nodes = 2 + below(3);
    episode.two_keys = below(8) == 0;
    if (episode.two_keys) options.open_challenges_a_user = 100; // what is bound is told apart under each key
    while (episode.steps.size() < length)
      episode.steps.push_back(draw_step(static_cast<int>(episode.steps.size()) + 1));
    return episode;
  }

 private:
  unsigned below(unsigned end) { return static_cast<unsigned>((next_random(state_) >> 32) % end); }

  Step draw_step(int name) {
    using namespace std::chrono_literals;
    Step step{.name = name, .node = below(4)};
    step.luck = next_random(state_) | 1;
    const unsigned pause = below(1000);
    if (pause < 700)
      step.after = std::chrono::milliseconds(below(2));
    else if (pause < 930)
      step.after = std::chrono::milliseconds(below(50));
    else if (pause < 990)
      step.after = std::chrono::milliseconds(below(40'000));
    else if (pause < 999)
      step.after = std::chrono::milliseconds(below(3'600'000));
    else
      step.after = 24h;

    const unsigned what = below(1000);
    if (what < 8) {
      static constexpr std::array<std::chrono::milliseconds, 10> jumps{0ms, 0ms,  0ms,   1s,  -1s,
                                                                       40s, -40s, 11min, -1h, 1h};
      step.happens = Happens::jump;
      step.by = jumps[below(jumps.size())];
      return step;
    }
    if (what < 14) {
      step.happens = Happens::cut_off;
      step.by = std::chrono::milliseconds(below(4'000));
      return step;
    }
    if (what < 20) {
      step.happens = Happens::crash;
      return step;
    }
    // Several callers go for the same at once.
    if (name == 1 || below(3) == 0) factor_ = static_cast<int>(below(all_factors));
    step.factor = factor_;
    step.does = draw_verb();
    step.back = below(5) == 0 ? below(40) : below(2);
    step.bound = below(10) == 0;
    step.names_user = below(10) == 0;
    step.purpose = below(20);
    step.shows = below(10);
    step.says = below(4);
    step.steps_off = below(3) == 0 ? static_cast<int>(below(7)) - 3 : 0;
    static constexpr std::array ways{Typed::shown, Typed::shown, Typed::shown, Typed::shown, Typed::again,
                                     Typed::wrong, Typed::wrong, Typed::wrong, Typed::wrong, Typed::spaced};
    step.typed = below(40) == 0 ? Typed::no_code : ways[below(ways.size())];
    if (step.factor >= first_passkey) draw_passkey(step);
    return step;
  }

  void draw_passkey(Step& step) {
    const bool further = (step.factor - first_passkey) % passkeys_a_user > 0;
    step.put_to = static_cast<PutTo>(below(4));
    if (further && below(2) == 0) step.put_to = PutTo::factor; // as it is registered
    if (further && below(10) == 0) step.does = Does::enroll;
    if (below(2) == 0) step.fault = static_cast<Fault>(below(static_cast<unsigned>(Fault::count)));
  }

  Does draw_verb() {
    const unsigned drawn = below(1000);
    if (drawn < 610) return Does::verify;
    if (drawn < 770) return Does::challenge;
    if (drawn < 810) return Does::resend;
    if (drawn < 830) return Does::enroll;
    if (drawn < 860) return Does::unlock;
    if (drawn < 875) return Does::regenerate;
    if (drawn < 879) return Does::remove;
    if (drawn < 880) return Does::reset;
    if (drawn < 883) return Does::rename;
    if (drawn < 889) return Does::reseal;
    if (drawn < 909) return Does::remember;
    if (drawn < 935) return Does::check_device;
    if (drawn < 947) return Does::revoke_device;
    if (drawn < 951) return Does::revoke_devices;
    if (drawn < 954) return Does::password_changed;
    if (drawn < 971) return Does::look_at_factor;
    if (drawn < 985) return Does::look_at_challenge;
    if (drawn < 995) return Does::list;
    return Does::purge;
  }

  std::uint64_t seed_;
  std::uint64_t state_;
  int factor_ = 0;
};

/// Which one a step is about, for people.
inline std::string factor_of(const Step& step) {
  static constexpr std::array kinds{"TOTP", "delivered codes", "recovery codes", "SMS"};
  const auto of_user = [](int user) { return " of user " + std::to_string(user); };
  if (step.factor >= first_passkey) {
    const int place = step.factor - first_passkey;
    return (place % passkeys_a_user == 0 ? "the passkey" : "the further passkey") +
           of_user(place / passkeys_a_user);
  }
  if (step.factor >= simulated_factors)
    return "the further factor" + of_user(step.factor - simulated_factors);
  return kinds[static_cast<std::size_t>(step.factor % 4)] + of_user(step.factor / 4);
}

/// One line a step, for people.
inline std::vector<std::string> describe(const Episode& episode) {
  static constexpr std::array verbs{"verify",
                                    "challenge",
                                    "enrol beside",
                                    "delete",
                                    "unlock",
                                    "regenerate",
                                    "reseal all",
                                    "remember a device",
                                    "check the device",
                                    "revoke a device",
                                    "revoke all devices",
                                    "change the password of the user of",
                                    "look at",
                                    "look at a challenge of",
                                    "list all with",
                                    "purge",
                                    "reset the user of",
                                    "rename",
                                    "send again what was sent for"};
  static constexpr std::array put_to{"", " of its user", " of whoever comes",
                                     " of whoever comes, by autofill"};
  static constexpr std::array faults{"the answer of",
                                     "an answer without a PIN of",
                                     "an answer that names no user of",
                                     "an answer of a copy of",
                                     "the last accepted answer of",
                                     "the last accepted answer, and its challenge, of",
                                     "an answer to another challenge of",
                                     "an answer that says it is of another than",
                                     "an answer that says it is of another user than that of",
                                     "the answer of another user than that of",
                                     "an answer from another page, of",
                                     "an answer by another key than that of",
                                     "an answer of nobody's passkey in place of",
                                     "no answer of",
                                     "an edited id and the answer of",
                                     "a part of the id and the answer of"};
  static constexpr std::array typed{"the code",     "the code with spaces",
                                    "two codes",    "the last accepted code again",
                                    "a wrong code", "no code"};
  std::vector<std::string> lines;
  for (const Step& step : episode.steps) {
    std::string line = "after " + std::to_string(step.after.count()) + " ms, node " +
                       std::to_string(step.node % episode.nodes) + ": ";
    switch (step.happens) {
    case Happens::jump: line += "the clock is " + std::to_string(step.by.count()) + " ms ahead"; break;
    case Happens::cut_off: line += "cut off for " + std::to_string(step.by.count()) + " ms"; break;
    case Happens::crash: line += "crash"; break;
    case Happens::call:
      line += std::string(verbs[static_cast<std::size_t>(step.does)]) + " " + factor_of(step);
      if (step.factor >= first_passkey &&
          (step.does == Does::verify || step.does == Does::challenge || step.does == Does::look_at_challenge))
        line += put_to[static_cast<std::size_t>(step.put_to)];
      if (step.does == Does::verify && step.factor < first_passkey)
        line += std::string(" with ") + typed[static_cast<std::size_t>(step.typed)];
      else if (step.does == Does::verify)
        line += std::string(" with ") + faults[static_cast<std::size_t>(step.fault)] + " it";
      line += step.luck == 0 ? ", answered at once" : ", with luck " + std::to_string(step.luck);
      break;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

/// The shortest and calmest episode that can be found by leaving out steps and simplifying them, and that
/// still `fails`.
inline Episode shrink(Episode episode, const std::function<bool(const Episode&)>& fails) {
  for (bool smaller = true; smaller;) {
    smaller = leave_out<Step>(episode.steps, [&](const std::vector<Step>& steps) {
      Episode candidate = episode;
      candidate.steps = steps;
      return fails(candidate);
    });
    for (std::size_t i = 0; i < episode.steps.size(); ++i) {
      const auto simplify = [&](auto member, auto value) {
        if (episode.steps[i].*member == value) return;
        Episode candidate = episode;
        candidate.steps[i].*member = value;
        if (!fails(candidate)) return;
        episode = std::move(candidate);
        smaller = true;
      };
      simplify(&Step::luck, std::uint64_t{0});
      simplify(&Step::after, std::chrono::milliseconds(0));
      simplify(&Step::back, 0U);
      simplify(&Step::bound, false);
      simplify(&Step::names_user, false);
      simplify(&Step::purpose, 0U);
      simplify(&Step::says, 0U);
      simplify(&Step::shows, 0U);
      simplify(&Step::fault, Fault::none);
      simplify(&Step::steps_off, 0);
      simplify(&Step::node, 0U);
    }
  }
  return episode;
}

} // namespace mfa::test
