// The one source that compiles the verbs.
#include <mfa/compile_verbs.hpp>
