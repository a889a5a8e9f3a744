#pragma once

// Catch2 as it is installed: version 3 (several headers) or version 2 (one header, Debian 12's).
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
