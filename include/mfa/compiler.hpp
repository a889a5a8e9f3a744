#pragma once

// What this library needs of the compiler, told in one line before anything fails for want of it. Each header
// that includes no other of ours includes this one, so that it comes first whatever a host includes. The file
// that is included after an #error does not exist: where it is missing, compilers stop, and no page follows.

#if __cplusplus < 202002L && !(defined(_MSVC_LANG) && _MSVC_LANG >= 202002L)
#error "mfa: this library is written in C++20: compile with -std=c++20 (MSVC: /std:c++20)"
#include <mfa/read_the_error_above>
#elif !defined(__cpp_exceptions)
#error "mfa: this library tells of failures by exceptions: compile without -fno-exceptions (MSVC: with /EHsc)"
#include <mfa/read_the_error_above>
#endif
