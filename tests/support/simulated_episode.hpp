#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <mfa/options.hpp>

#include "call_sequence.hpp"
#include "host.hpp"
#include "seeded_random.hpp"
#include "shrink.hpp"
#include "stepped_verb.hpp"

namespace mfa::test {

/// Of each user one of each of four kinds: TOTP, codes that the host delivers, recovery codes, SMS.
inline constexpr int simulated_users = 2;
inline constexpr int simulated_factors = 4 * simulated_users;
/// And the factor that each enrolled last beside them, whose codes the host delivers.
inline constexpr int further_factors = simulated_users;

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
    options.generic_otp_digits = options.sms_code_digits;
    options.generic_otp_lifetime = options.sms_code_lifetime;
    options.generic_otp_interval = seconds(0);
    options.generic_otps_an_hour = 100;
    options.generic_otps_a_day = 100;
    options.failures_before_lockout = 4 + below(20);
    options.open_challenges_a_user = below(2) == 0 ? 100 : 2 + below(20);
    options.wrong_codes_a_user_a_day = below(2) == 0 ? 1000 : 10 + below(100);
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
    if (name == 1 || below(3) == 0) factor_ = static_cast<int>(below(simulated_factors + further_factors));
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
    return step;
  }

  Does draw_verb() {
    const unsigned drawn = below(1000);
    if (drawn < 610) return Does::verify;
    if (drawn < 810) return Does::challenge;
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
    if (drawn < 971) return Does::look_at_factor;
    if (drawn < 985) return Does::look_at_challenge;
    if (drawn < 995) return Does::list;
    return Does::purge;
  }

  std::uint64_t seed_;
  std::uint64_t state_;
  int factor_ = 0;
};

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
                                    "look at",
                                    "look at a challenge of",
                                    "list all with",
                                    "purge",
                                    "reset the user of",
                                    "rename"};
  static constexpr std::array typed{"the code",     "the code with spaces",
                                    "two codes",    "the last accepted code again",
                                    "a wrong code", "no code"};
  static constexpr std::array kinds{"TOTP", "delivered codes", "recovery codes", "SMS"};
  std::vector<std::string> lines;
  for (const Step& step : episode.steps) {
    std::string line = "after " + std::to_string(step.after.count()) + " ms, node " +
                       std::to_string(step.node % episode.nodes) + ": ";
    switch (step.happens) {
    case Happens::jump: line += "the clock is " + std::to_string(step.by.count()) + " ms ahead"; break;
    case Happens::cut_off: line += "cut off for " + std::to_string(step.by.count()) + " ms"; break;
    case Happens::crash: line += "crash"; break;
    case Happens::call:
      line += std::string(verbs[static_cast<std::size_t>(step.does)]) + " " +
              (step.factor >= simulated_factors
                   ? "the further factor of user " + std::to_string(step.factor - simulated_factors)
                   : kinds[static_cast<std::size_t>(step.factor % 4)] + std::string(" of user ") +
                         std::to_string(step.factor / 4));
      if (step.does == Does::verify)
        line += std::string(" with ") + typed[static_cast<std::size_t>(step.typed)];
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
      simplify(&Step::steps_off, 0);
      simplify(&Step::node, 0U);
    }
  }
  return episode;
}

} // namespace mfa::test
