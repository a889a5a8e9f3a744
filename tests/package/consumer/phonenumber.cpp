// Uses the component phonenumber: libphonenumber knows how Germans write their numbers.
#include <mfa/phonenumber/read_phone_number.hpp>

int main() {
  return mfa::read_phone_number("0171 1234567", {.default_region = "DE"}) == "+491711234567" ? 0 : 1;
}
