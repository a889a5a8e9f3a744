// Catch2's main, compiled once. Version 3 brings its own (Catch2::Catch2WithMain), so this file is then
// empty.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
