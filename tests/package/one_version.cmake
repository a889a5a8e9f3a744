# One version and one homepage: what CMakeLists.txt says, every other manifest says too.
#   cmake -DSOURCE=<source directory> -P one_version.cmake
# A manifest to compare: "<file>|<regular expression, whose group is the version or homepage>".
set(versions
    [[vcpkg.json|"version": "([^"]*)"]]
    [[packaging/vcpkg/ports/mfa-cpp/vcpkg.json|"version": "([^"]*)"]]
    [[packaging/debian/changelog|^mfa-cpp \(([0-9.]*)-]]
    [[meson.build|version: '([^']*)']]
    [[MODULE.bazel|version = "([^"]*)"]])
set(homepages
    [[vcpkg.json|"homepage": "([^"]*)"]]
    [[packaging/vcpkg/ports/mfa-cpp/vcpkg.json|"homepage": "([^"]*)"]]
    [[conanfile.py|homepage = "([^"]*)"]]
    [[conanfile.py|url = "([^"]*)"]]
    "packaging/debian/control|Homepage: ([^\n]*)")
# The Conan recipe reads its version in CMakeLists.txt: package_conan_recipe compares it.

file(READ ${SOURCE}/CMakeLists.txt project)
if(NOT project MATCHES "project\\(mfa VERSION ([0-9.]+) .*HOMEPAGE_URL ([^ \n]+)")
  message(FATAL_ERROR "CMakeLists.txt has no version, or no homepage, where it is looked for")
endif()
set(version ${CMAKE_MATCH_1})
set(homepage ${CMAKE_MATCH_2})

function(compare kind expected)
  foreach(place IN LISTS ARGN)
    string(REGEX MATCH "^([^|]*)\\|(.*)$" place "${place}")
    set(file ${CMAKE_MATCH_1})
    set(pattern "${CMAKE_MATCH_2}")
    file(READ ${SOURCE}/${file} text)
    if(NOT text MATCHES "${pattern}")
      message(SEND_ERROR "${file} has no ${kind} like ${pattern}")
    elseif(NOT CMAKE_MATCH_1 STREQUAL expected)
      message(SEND_ERROR "${file} has the ${kind} ${CMAKE_MATCH_1}, but CMakeLists.txt has ${expected}")
    endif()
  endforeach()
endfunction()
compare(version ${version} ${versions})
compare(homepage ${homepage} ${homepages})
