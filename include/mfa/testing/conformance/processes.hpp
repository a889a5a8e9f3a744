#pragma once

#include <mfa/storage/record.hpp>
#include <mfa/testing/conformance/records.hpp>
#include <mfa/testing/conformance/run.hpp>
#include <mfa/testing/conformance/threads.hpp>

#if defined(__unix__) || defined(__APPLE__)

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mfa::testing::conformance {

/// A pipe, whose ends close with it.
class Pipe {
 public:
  Pipe() {
    if (::pipe(ends_.data()) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  }
  ~Pipe() {
    close(0);
    close(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void close_reading() noexcept { close(0); }
  void close_writing() noexcept { close(1); }

  void write(const std::string& text) const {
    std::size_t written = 0;
    while (written < text.size()) {
      const auto count = ::write(ends_[1], text.data() + written, text.size() - written);
      if (count < 0 && errno != EINTR) return;
      if (count > 0) written += static_cast<std::size_t>(count);
    }
  }

  /// What is written until all writing ends are closed or the time is up, at most `most` bytes.
  [[nodiscard]] std::string read(std::chrono::milliseconds patience, std::size_t most) const {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::string text;
    while (text.size() < most) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) break;
      pollfd waiting{ends_[0], POLLIN, 0};
      if (::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) continue;
      std::array<char, 4096> buffer{};
      const auto count = ::read(ends_[0], buffer.data(), std::min(buffer.size(), most - text.size()));
      if (count == 0) break;
      if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  void close(std::size_t end) noexcept {
    if (ends_[end] >= 0) ::close(std::exchange(ends_[end], -1));
  }

  std::array<int, 2> ends_{-1, -1};
};

/// A child process that runs `work` and tells what came of it. Killed at the end if it still runs.
class Process {
 public:
  /// `work(told)` may write to the pipe `told`; what it throws is told in the end, after an "!".
  template <class Work> explicit Process(Work work) : id_(::fork()) {
    if (id_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (id_ > 0) {
      told_.close_writing();
      return;
    }
    told_.close_reading();
    try {
      work(told_);
    } catch (const std::exception& error) {
      told_.write(std::string("!") + error.what());
    } catch (...) {
      told_.write("!something that is no std::exception");
    }
    ::_exit(0);
  }
  ~Process() { kill(); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void kill() noexcept {
    if (id_ <= 0) return;
    ::kill(id_, SIGKILL);
    while (::waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
    }
    id_ = -1;
  }

  /// The first byte that it tells.
  [[nodiscard]] std::string first_byte(std::chrono::milliseconds patience) const {
    return told_.read(patience, 1);
  }

  /// What it told besides, of one that was killed.
  [[nodiscard]] std::string rest(std::chrono::milliseconds patience) const {
    return told_.read(patience, 1'000'000);
  }

  /// What it tells until it ends. Throws `Broken` if it does not end in time, or not well.
  [[nodiscard]] std::string result(std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::string told = told_.read(patience, 100'000);
    if (std::chrono::steady_clock::now() >= deadline)
      throw Broken("a process was not done after " + std::to_string(patience.count()) + " ms");
    int status = -1;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = -1;
    if (const auto thrown = told.find('!'); thrown != std::string::npos)
      throw Broken("in another process: " + told.substr(thrown + 1));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
      throw Broken("a process ended with wait status " + std::to_string(status));
    return told;
  }

 private:
  Pipe told_;
  pid_t id_;
};

/// Runs `work(i)` in `count` processes that begin together, and returns what each returned.
template <class Work>
std::vector<std::string> in_processes(std::size_t count, std::chrono::milliseconds patience, Work work) {
  Pipe gate;
  std::vector<std::unique_ptr<Process>> processes;
  processes.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    processes.push_back(std::make_unique<Process>([&](const Pipe& told) {
      gate.close_writing();
      (void)gate.read(patience, 1);
      told.write(work(i));
    }));
  gate.close_writing(); // opens it
  std::vector<std::string> results;
  results.reserve(count);
  for (const auto& process : processes) results.push_back(process->result(patience));
  return results;
}

/// What several processes on the same contents promise.
template <class Run> void check_processes(Run& run) {
  const auto& options = run.options;
  constexpr std::string_view no_lost_update = "processes lose no update";
  constexpr std::string_view one_insertion = "of processes that insert one record one succeeds";
  constexpr std::string_view whole_batches =
      "a process that is killed leaves whole batches, and all that it committed";
  if (options.processes == 0) {
    for (const auto name : {no_lost_update, one_insertion, whole_batches})
      run.not_checked(name, "ConformanceOptions::processes is 0");
    return;
  }

  run.check_instances(no_lost_update, [&](auto& open, Ids& ids) {
    constexpr std::size_t threads = 2; // of each process
    const Counted counted = [&] {
      auto opened = open();
      return Counted(storage_in(opened), ids);
    }();
    (void)in_processes(options.processes, options.patience, [&](std::size_t process) {
      auto opened = open();
      in_threads(threads, options.patience, [&](std::size_t i) {
        for (std::size_t round = 0; round < options.rounds; ++round)
          counted.increment(storage_in(opened), process * threads + i + round);
      });
      return std::string();
    });
    auto opened = open();
    counted.expect_all(storage_in(opened), options.processes * threads, options.rounds, "processes");
  });

  run.check_instances(one_insertion, [&](auto& open, Ids& ids) {
    const std::string user = ids.user();
    std::vector<std::string> names;
    std::vector<storage::FactorRecord> factors;
    std::vector<storage::ChallengeRecord> challenges;
    std::vector<storage::CounterRecord> counters;
    for (std::size_t i = 0; i < options.rounds; ++i) {
      factors.push_back(factor(ids.factor(), user));
      challenges.push_back(challenge(ids.challenge(), factors.back().id));
      counters.push_back(counter(ids.counter()));
      for (const auto& id : {factors.back().id, challenges.back().id, counters.back().id})
        names.push_back(id);
    }
    const auto inserted = in_processes(options.processes, options.patience, [&](std::size_t) {
      auto opened = open();
      std::string succeeded;
      const auto try_to = [&](const auto& record) {
        succeeded += insert(storage_in(opened), record) ? '1' : '0';
      };
      for (std::size_t i = 0; i < options.rounds; ++i) {
        try_to(factors[i]);
        try_to(challenges[i]);
        try_to(counters[i]);
      }
      return succeeded;
    });
    for (std::size_t i = 0; i < names.size(); ++i) {
      std::size_t successes = 0;
      for (const auto& each : inserted) successes += each.at(i) == '1' ? 1U : 0U;
      expect(successes == 1, "one of the processes that insert " + names[i] + " succeeds", shown(successes));
    }
  });

  run.check_instances(whole_batches, [&](auto& open, Ids& ids) {
    OfEachKind records(ids);
    for (std::size_t round = 0; round < std::min<std::size_t>(options.rounds, 10); ++round) {
      Process writer([&](const Pipe& told) {
        auto opened = open();
        for (;;) {
          if (!commit(storage_in(opened), records.factor, records.challenge, records.counter))
            throw Broken("promised: commit takes a batch that names the stored versions; came: false");
          records.for_each([](auto& record) { ++record.version; });
          told.write("x");
        }
      });
      if (writer.first_byte(options.patience) != "x") {
        (void)writer.result(options.patience);
        throw Broken("a process that writes batches told nothing");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1 + 3 * round));
      writer.kill();
      const std::uint64_t committed = records.factor.version + 1 + writer.rest(options.patience).size();
      auto opened = open();
      const auto versions = [&](auto&... each) { (..., (each = found_in(storage_in(opened), each))); };
      versions(records.factor, records.challenge, records.counter);
      expect(records.factor.version == records.challenge.version &&
                 records.factor.version == records.counter.version,
             "all records of a batch written once the writing process is killed, or none",
             "versions " + shown(records.factor.version) + ", " + shown(records.challenge.version) + " and " +
                 shown(records.counter.version));
      expect(records.factor.version >= committed,
             "version " + shown(committed) + " or later, whose commit had returned true",
             shown(records.factor.version));
    }
  });
}

} // namespace mfa::testing::conformance

#endif
