#pragma once

#include <cstddef>
#include <string_view>

#include <mfa/storage/record.hpp>

namespace mfa::test {

/// The five functions that every storage has, for `Self`, which derives from this. Each returns what
/// `Self::around(function, call)` does: `function` is its name, and `call(inner)` makes the same call of the
/// storage that `Self` wraps, once or more often, now or later, as long as the arguments live. What `Self`
/// does otherwise in one function, it declares itself.
template <class Self> class ForwardsFive {
 public:
  auto find_factor(std::string_view id) {
    return self().around("find_factor", [id](auto& inner) { return inner.find_factor(id); });
  }
  auto find_challenge(std::string_view id) {
    return self().around("find_challenge", [id](auto& inner) { return inner.find_challenge(id); });
  }
  auto find_counter(std::string_view id) {
    return self().around("find_counter", [id](auto& inner) { return inner.find_counter(id); });
  }
  auto list_factors(std::string_view user_id) {
    return self().around("list_factors", [user_id](auto& inner) { return inner.list_factors(user_id); });
  }
  auto commit(const storage::Batch& batch) {
    return self().around("commit", [&batch](auto& inner) { return inner.commit(batch); });
  }

 protected:
  Self& self() { return static_cast<Self&>(*this); }
};

/// And of the functions that a storage need not have, those that `Inner` has.
template <class Self, class Inner> class ForwardingStorage : public ForwardsFive<Self> {
 public:
  static constexpr bool ephemeral = requires { requires Inner::ephemeral; };

  auto find_challenge_with_factor(std::string_view id) requires requires(Inner& s) {
    s.find_challenge_with_factor(id);
  }
  {
    return this->self().around("find_challenge_with_factor",
                               [id](auto& inner) { return inner.find_challenge_with_factor(id); });
  }
  using ForwardsFive<Self>::list_factors;
  auto list_factors(std::string_view user_id, std::string_view after_id, std::size_t limit) requires
      requires(Inner& s) {
    s.list_factors(user_id, after_id, limit);
  }
  {
    return this->self().around("list_factors", [user_id, after_id, limit](auto& inner) {
      return inner.list_factors(user_id, after_id, limit);
    });
  }
  auto scan_factors(std::string_view after_id, std::size_t limit) requires requires(Inner& s) {
    s.scan_factors(after_id, limit);
  }
  {
    return this->self().around(
        "scan_factors", [after_id, limit](auto& inner) { return inner.scan_factors(after_id, limit); });
  }
  auto purge(Time now, std::size_t limit) requires requires(Inner& s) { s.purge(now, limit); }
  {
    return this->self().around("purge", [now, limit](auto& inner) { return inner.purge(now, limit); });
  }
};

} // namespace mfa::test
