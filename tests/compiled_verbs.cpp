// The verbs, compiled once for all tests.
#include <mfa/compile_verbs.hpp>
