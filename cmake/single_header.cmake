# Writes the library as one header, which needs no other of ours:
#   cmake [-DCOMPONENTS=sqlite,redis] [-DOUTPUT=mfa.hpp] -P cmake/single_header.cmake
# COMPONENTS: what it holds beside the core: components of MfaComponents.cmake, `testing` (what tests of hosts need), or
# `all`. The same tree gives the same bytes.
cmake_minimum_required(VERSION 3.25)

cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH root)
if(NOT OUTPUT)
  set(OUTPUT mfa.hpp)
endif()
string(REPLACE "," ";" wanted "${COMPONENTS}")

# The parts of the library, and the pattern of each one's headers.
set(parts testing)
set(testing_pattern "/mfa/testing/")
set(testing_pkg_config "")
macro(mfa_component name)
  cmake_parse_arguments(declared "" "HEADERS_LIKE" "PACKAGES;LIBRARIES;PKG_CONFIG;WITHOUT_PKG_CONFIG" ${ARGN})
  list(APPEND parts ${name})
  set(${name}_pattern ${declared_HEADERS_LIKE})
  set(${name}_pkg_config ${declared_PKG_CONFIG})
  foreach(library IN LISTS declared_WITHOUT_PKG_CONFIG)
    list(APPEND ${name}_pkg_config "-l${library} (which it does not know)")
  endforeach()
endmacro()
macro(mfa_adapters)
  cmake_parse_arguments(adapters "" "HEADERS_LIKE" "" ${ARGN})
endmacro()
macro(mfa_core)
  cmake_parse_arguments(core "" "" "PACKAGES;LIBRARIES;PKG_CONFIG" ${ARGN})
endmacro()
include(${CMAKE_CURRENT_LIST_DIR}/MfaComponents.cmake)
list(SORT parts)

if(wanted STREQUAL "all")
  set(wanted ${parts})
endif()
list(SORT wanted)
list(REMOVE_DUPLICATES wanted)
set(needs ${core_PKG_CONFIG})
foreach(part IN LISTS wanted)
  if(NOT part IN_LIST parts)
    list(JOIN parts ", " known)
    message(FATAL_ERROR "mfa has no component '${part}'. Its components: ${known}; or all of them: all.")
  endif()
  list(APPEND needs ${${part}_pkg_config})
endforeach()
list(REMOVE_DUPLICATES needs)

# part_of(<variable> <header>): the part of the library that a header, given as it is included, belongs to.
function(part_of variable header)
  foreach(part IN LISTS parts)
    if("include/${header}" MATCHES "${${part}_pattern}")
      set(${variable} ${part} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(${variable} core PARENT_SCOPE)
endfunction()

# Text goes through CMake's lists, so the characters that mean something there are others meanwhile.
string(ASCII 1 open)
string(ASCII 2 close)
string(ASCII 3 semicolon)
string(ASCII 4 backslash)
function(read_lines variable file)
  file(READ ${file} text)
  string(REPLACE "\r\n" "\n" text "${text}")
  string(REPLACE "[" "${open}" text "${text}")
  string(REPLACE "]" "${close}" text "${text}")
  string(REPLACE ";" "${semicolon}" text "${text}")
  string(REPLACE "\\" "${backslash}" text "${text}")
  string(REPLACE "\n" ";" text "${text}")
  set(${variable} "${text}" PARENT_SCOPE)
endfunction()

# place(<header>) appends to the global properties: `placed`, the headers; `includes`, what they include of others;
# `body`, their text, each after those that it includes.
function(place header)
  get_property(placed GLOBAL PROPERTY placed)
  if(header IN_LIST placed)
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY placed ${header})

  read_lines(lines ${root}/include/${header})
  set(text "")
  set(conditions 0)
  set(may_drop_blank TRUE) # a line that was taken out leaves no second blank line
  foreach(line IN LISTS lines)
    if(line STREQUAL "" AND may_drop_blank)
      continue()
    endif()
    set(may_drop_blank FALSE)
    if(line MATCHES "^[ \t]*#[ \t]*if")
      math(EXPR conditions "${conditions} + 1")
    elseif(line MATCHES "^[ \t]*#[ \t]*endif")
      math(EXPR conditions "${conditions} - 1")
    elseif(line MATCHES "^[ \t]*#[ \t]*pragma[ \t]+once")
      set(may_drop_blank TRUE)
      continue()
    elseif(line MATCHES "^[ \t]*#[ \t]*include[ \t]*(.*)$")
      set(included "${CMAKE_MATCH_1}")
      if(NOT included MATCHES "^<([^>]+)>")
        message(FATAL_ERROR "${header} includes ${included}: include it as <...>, so that it is found in one header too.")
      endif()
      set(included "${CMAKE_MATCH_1}")
      if(conditions EQUAL 0)
        if(included MATCHES "^mfa/")
          place_for(${header} ${included})
        else()
          set_property(GLOBAL APPEND PROPERTY includes ${included})
        endif()
        set(may_drop_blank TRUE)
        continue()
      elseif(EXISTS ${root}/include/${included})
        message(FATAL_ERROR "${header} includes ${included} under an #if, which one header cannot: include it always.")
      endif()
    endif()
    string(APPEND text "${line}\n")
    if(line STREQUAL "")
      set(may_drop_blank TRUE)
    endif()
  endforeach()
  string(STRIP "${text}" text)
  set_property(GLOBAL APPEND_STRING PROPERTY body "\n\n// ${header}\n\n${text}")
endfunction()

function(place_for header included)
  if(NOT EXISTS ${root}/include/${included})
    message(FATAL_ERROR "${header} includes ${included}, which is not there.")
  endif()
  part_of(part ${included})
  if(NOT part STREQUAL "core" AND NOT part IN_LIST wanted)
    message(FATAL_ERROR "${header} includes ${included}, which is of '${part}': name that in COMPONENTS too.")
  endif()
  place(${included})
endfunction()

# The umbrella first, then what it leaves to be included by name.
place(mfa/mfa.hpp)
file(GLOB_RECURSE headers RELATIVE ${root}/include ${root}/include/*)
list(FILTER headers EXCLUDE REGEX ${adapters_HEADERS_LIKE})
list(FILTER headers EXCLUDE REGEX "/compiled?_verbs\\.hpp$") # of use to several sources that share headers
list(SORT headers)
foreach(header IN LISTS headers)
  part_of(part ${header})
  if(header MATCHES "\\.hpp$" AND (part STREQUAL "core" OR part IN_LIST wanted))
    place(${header})
  endif()
endforeach()

get_property(placed GLOBAL PROPERTY placed)
if(wanted STREQUAL parts)
  list(REMOVE_ITEM headers ${placed})
  if(headers)
    list(JOIN headers ", " headers)
    message(FATAL_ERROR "no single header holds ${headers}: name it .hpp, or include it from a header.")
  endif()
endif()

file(STRINGS ${root}/CMakeLists.txt project REGEX "^project\\(")
if(NOT project MATCHES "VERSION ([0-9.]+) DESCRIPTION \"([^\"]*)\"")
  message(FATAL_ERROR "${root}/CMakeLists.txt names no version or no description.")
endif()
set(title "mfa ${CMAKE_MATCH_1}: ${CMAKE_MATCH_2}, in one header.")

# The standard library's first, then libraries'.
get_property(includes GLOBAL PROPERTY includes)
list(REMOVE_DUPLICATES includes)
list(SORT includes)
set(of_libraries ${includes})
list(FILTER includes EXCLUDE REGEX "[./]")
list(FILTER of_libraries INCLUDE REGEX "[./]")
foreach(list IN ITEMS includes of_libraries)
  list(TRANSFORM ${list} PREPEND "#include <")
  list(TRANSFORM ${list} APPEND ">")
  list(JOIN ${list} "\n" ${list})
endforeach()

file(READ ${root}/LICENSE license)
string(STRIP "${license}" license)
string(REPLACE "\n" "\n// " license "// ${license}")
string(REPLACE "// \n" "//\n" license "${license}")
list(JOIN needs ", " needs)
list(PREPEND wanted "the core")
list(JOIN wanted ", " holds)

get_property(body GLOBAL PROPERTY body)
string(REPLACE "${open}" "[" body "${body}")
string(REPLACE "${close}" "]" body "${body}")
string(REPLACE "${semicolon}" ";" body "${body}")
string(REPLACE "${backslash}" "\\" body "${body}")
file(WRITE ${OUTPUT} "\
// ${title}
// Holds: ${holds}. Include it instead of <mfa/...>, not besides.
// Needs C++20 and, by their names in pkg-config: ${needs}.
// Made by cmake/single_header.cmake from the headers that are named below: change those.
//
// SPDX-License-Identifier: MIT
//
${license}

#pragma once

${includes}

${of_libraries}${body}
")
message(STATUS "${OUTPUT} holds ${holds}")
