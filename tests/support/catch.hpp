#pragma once

#include <string>

// Catch2 as it is installed: version 3 (several headers) or version 2 (one header, Debian 12's).
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
namespace mfa::test {
inline auto contains(const std::string& text) { return Catch::Matchers::ContainsSubstring(text); }
} // namespace mfa::test
#else
#include <catch2/catch.hpp>
namespace mfa::test {
inline auto contains(const std::string& text) { return Catch::Matchers::Contains(text); }
} // namespace mfa::test
#endif
