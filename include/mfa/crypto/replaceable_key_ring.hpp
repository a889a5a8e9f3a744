#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

#include <mfa/crypto/key_ring.hpp>

namespace mfa::crypto {

/// A key ring that can be replaced while threads use it. Who took one keeps it: it is wiped when it was
/// replaced and the last user is gone.
class ReplaceableKeyRing {
 public:
  /// Null before the first `replace`.
  [[nodiscard]] std::shared_ptr<const KeyRing> get() const {
    const Slot& slot = slots_[slot_of_thread()];
    const std::lock_guard lock(slot.mutex);
    return slot.keys;
  }

  /// Who takes one after this returned gets the new one.
  void replace(KeyRing keys) {
    const auto owner = std::make_shared<const KeyRing>(std::move(keys));
    std::array<std::shared_ptr<const KeyRing>, slot_count> copies;
    for (auto& copy : copies) copy = {owner.get(), [owner](const KeyRing*) {}}; // with a count of its own
    const std::lock_guard replacing(replacing_);
    for (std::size_t i = 0; i < slot_count; ++i) {
      const std::lock_guard lock(slots_[i].mutex);
      slots_[i].keys.swap(copies[i]);
    }
  }

 private:
  // Threads take it from slots of their own, because one count of users costs much when many write it.
  static constexpr std::size_t slot_count = 32;
  struct alignas(64) Slot {
    mutable std::mutex mutex;
    std::shared_ptr<const KeyRing> keys;
  };

  [[nodiscard]] static std::size_t slot_of_thread() noexcept {
    static std::atomic<std::size_t> threads = 0;
    thread_local const std::size_t slot = threads.fetch_add(1, std::memory_order_relaxed) % slot_count;
    return slot;
  }

  std::mutex replacing_; ///< so that all slots end with the same one
  std::array<Slot, slot_count> slots_;
};

} // namespace mfa::crypto
