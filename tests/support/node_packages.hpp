#pragma once

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

namespace mfa::test {

/// Whether these packages of npm's are in `directory`/node_modules. They are fetched unless `one_of_them`, a
/// path in there, is there. `packages` are pinned: "ajv@8.20.0 yaml@2.9.1". If npm cannot, it writes the line
/// by which CTest knows a test that was skipped.
inline bool have_node_packages(const std::filesystem::path& directory, const std::string& packages,
                               const std::string& one_of_them) {
  if (std::filesystem::exists(directory / "node_modules" / one_of_them)) return true;
  const std::string install = "npm install --prefix '" + directory.string() +
                              "' --no-audit --no-fund --ignore-scripts " + packages + " 2>&1";
  std::filesystem::create_directories(directory);
  if (std::system(install.c_str()) == 0) return true;
  std::cout << "\nskipped: npm could not install " << packages << std::endl;
  return false;
}

} // namespace mfa::test
