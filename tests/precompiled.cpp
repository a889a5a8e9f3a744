// The headers, precompiled for the tests that are not OPTIMIZED, come with this source.
