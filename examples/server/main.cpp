// WorkOS's MFA API as a program. So far it says that it is here.
#include <iostream>

int main() {
  std::cout << "the server is not written yet\n";
  return 0;
}
