#include "../consumer/core.cpp"
