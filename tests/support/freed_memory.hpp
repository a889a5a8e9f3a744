#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <dlfcn.h>
#include <malloc.h>
#include <sys/mman.h>

/// Keeps what each block of the heap held when it was freed, by whatever library of the process, and finds
/// texts in it and in what is still allocated. Included by one file of a program: it takes the place of
/// malloc and free. Not for a program under a sanitizer, which has its own.

// glibc's own, which the ones below use.
extern "C" void* __libc_malloc(std::size_t);
extern "C" void* __libc_calloc(std::size_t, std::size_t);
extern "C" void __libc_free(void*);

namespace mfa::test {

/// A mapping of this size or more is the test's own.
inline constexpr std::size_t largest_searched = std::size_t{1} << 26;

/// Where nothing that is looked for may be taken for a find: memory of its own, which is not searched.
class Arena {
 public:
  explicit Arena(std::size_t size)
      : begin_(static_cast<unsigned char*>(
            mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))),
        size_(size) {
    if (begin_ == MAP_FAILED) std::abort();
  }
  void append(const void* bytes, std::size_t count) {
    if (used_ + count > size_) std::abort(); // larger, then
    if (count > 0) std::memcpy(begin_ + used_, bytes, count);
    used_ += count;
  }
  void clear() { used_ = 0; }
  [[nodiscard]] std::span<const unsigned char> bytes() const { return {begin_, used_}; }
  [[nodiscard]] bool holds(std::uintptr_t address) const {
    const auto first = reinterpret_cast<std::uintptr_t>(begin_);
    return address >= first && address < first + size_;
  }

 private:
  unsigned char* begin_;
  std::size_t size_;
  std::size_t used_ = 0;
};

struct FreedBlock {
  std::size_t size;
  const void* freed_by; ///< an address in the code that called `free`
};

inline bool watching = false; ///< one thread's work only
inline Arena& freed() {
  static Arena arena(std::size_t{1} << 30);
  return arena;
}

/// Between its beginning and its end, what is freed is kept.
class Watch {
 public:
  Watch() {
    (void)freed();
    watching = true;
  }
  ~Watch() { watching = false; }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
};

/// Within a `Watch`: what the test itself does with secrets is not looked at.
class LookAway {
 public:
  LookAway() { watching = false; }
  ~LookAway() { watching = before_; }
  LookAway(const LookAway&) = delete;
  LookAway& operator=(const LookAway&) = delete;

 private:
  bool before_ = watching;
};

inline void keep(const void* memory, const void* freed_by) {
  const FreedBlock block{malloc_usable_size(const_cast<void*>(memory)), freed_by};
  freed().append(&block, sizeof block);
  freed().append(memory, block.size);
}

/// So that what is found afterwards is allocated still.
inline void wipe(void* memory) {
  const std::size_t size = malloc_usable_size(memory);
  std::memset(memory, 0, size);
  asm volatile("" : : "r"(memory) : "memory"); // or the compiler sees that nobody reads it
}

/// What must not be found. Kept with all bits turned, in memory that is not searched.
class Needles {
 public:
  /// Texts of fewer bytes turn up by chance.
  static constexpr std::size_t shortest = 6;

  void add(std::string_view name, std::string_view text) {
    const LookAway away;
    if (text.size() < shortest) std::abort();
    const std::size_t sizes[] = {name.size(), text.size()};
    kept_.append(sizes, sizeof sizes);
    kept_.append(name.data(), name.size());
    for (const char c : text) {
      const char turned = static_cast<char>(~c);
      kept_.append(&turned, 1);
    }
    ++count_;
  }

  /// The text in parts of this size, since part of a secret is a secret.
  void add_parts(std::string_view name, std::string_view text, std::size_t size) {
    for (; text.size() >= size; text.remove_prefix(size)) add(name, text.substr(0, size));
  }

  [[nodiscard]] std::size_t count() const { return count_; }

  /// Calls `visit(name, turned)` with each text, its bits still turned.
  template <class Visit> void each(Visit&& visit) const {
    for (std::span<const unsigned char> rest = kept_.bytes(); !rest.empty();) {
      std::size_t sizes[2];
      std::memcpy(sizes, rest.data(), sizeof sizes);
      rest = rest.subspan(sizeof sizes);
      visit(std::string_view(reinterpret_cast<const char*>(rest.data()), sizes[0]),
            rest.subspan(sizes[0], sizes[1]));
      rest = rest.subspan(sizes[0] + sizes[1]);
    }
  }

 private:
  Arena kept_{largest_searched};
  std::size_t count_ = 0;
};

[[nodiscard]] inline bool holds(std::span<const unsigned char> bytes, std::span<const unsigned char> turned) {
  const unsigned char first = static_cast<unsigned char>(~turned.front());
  for (;;) {
    if (bytes.size() < turned.size()) return false;
    const void* const found = std::memchr(bytes.data(), first, bytes.size() - turned.size() + 1);
    if (found == nullptr) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(static_cast<const unsigned char*>(found) - bytes.data()));
    if (std::equal(turned.begin(), turned.end(), bytes.begin(),
                   [](unsigned char a, unsigned char b) { return a == static_cast<unsigned char>(~b); }))
      return true;
    bytes = bytes.subspan(1);
  }
}

/// The names of those needles that a freed block held, with the library that freed it.
inline std::set<std::string> found_in_freed_memory(const Needles& needles) {
  const LookAway away;
  std::set<std::string> found;
  for (std::span<const unsigned char> rest = freed().bytes(); !rest.empty();) {
    FreedBlock block;
    std::memcpy(&block, rest.data(), sizeof block);
    const auto bytes = rest.subspan(sizeof block, block.size);
    rest = rest.subspan(sizeof block + block.size);
    needles.each([&](std::string_view name, std::span<const unsigned char> turned) {
      if (!holds(bytes, turned)) return;
      Dl_info info{};
      const bool known = dladdr(block.freed_by, &info) != 0 && info.dli_fname != nullptr;
      const std::string library = known ? info.dli_fname : "unknown";
      found.insert(std::string(name) + ", freed by " + library.substr(library.rfind('/') + 1));
    });
  }
  return found;
}

/// The names of those needles that are still in the heap or in other memory that the process may write, but
/// for its stack.
inline std::set<std::string> found_in_live_memory(const Needles& needles) {
  const LookAway away;
  std::set<std::string> found;
  std::vector<std::string> lines;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) lines.push_back(line);
  for (const std::string& line : lines) {
    std::size_t end = 0;
    const auto first = static_cast<std::uintptr_t>(std::stoull(line, &end, 16));
    const auto last = static_cast<std::uintptr_t>(std::stoull(line.substr(end + 1), nullptr, 16));
    const auto is = [&](std::string_view what) { return line.find(what) != std::string::npos; };
    if (!is(" rw") || is("[stack") || freed().holds(first) || last - first >= largest_searched) continue;
    const std::span<const unsigned char> bytes(reinterpret_cast<const unsigned char*>(first), last - first);
    needles.each([&](std::string_view name, std::span<const unsigned char> turned) {
      if (holds(bytes, turned)) found.insert(std::string(name) + ", live");
    });
  }
  return found;
}

} // namespace mfa::test

extern "C" {

[[gnu::noinline]] void* malloc(std::size_t size) { return __libc_malloc(size); }
[[gnu::noinline]] void* calloc(std::size_t count, std::size_t size) { return __libc_calloc(count, size); }
[[gnu::noinline]] void free(void* memory) {
  if (memory == nullptr) return;
  if (mfa::test::watching) mfa::test::keep(memory, __builtin_return_address(0));
  mfa::test::wipe(memory);
  __libc_free(memory);
}
/// Never in place, so that what it leaves is freed here.
[[gnu::noinline]] void* realloc(void* memory, std::size_t size) {
  if (size == 0 && memory != nullptr) {
    free(memory);
    return nullptr;
  }
  void* const moved = __libc_malloc(size);
  if (moved == nullptr || memory == nullptr) return moved;
  std::memcpy(moved, memory, std::min(size, malloc_usable_size(memory)));
  if (mfa::test::watching) mfa::test::keep(memory, __builtin_return_address(0));
  mfa::test::wipe(memory);
  __libc_free(memory);
  return moved;
}

} // extern "C"
