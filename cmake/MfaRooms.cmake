# The tests are in rooms, folders that mirror include/mfa. Each *.cpp of a room is one program, one CTest test and one
# promise, all of its name.

# mfa_test(<name> [NEEDS <need>...] [TIMEOUT <seconds>] [READS_SOURCES] [OPTIMIZED]) tells, before mfa_room, what is
# particular about a test. READS_SOURCES: it gets MFA_SOURCE_DIRECTORY. OPTIMIZED: it is compiled with MFA_OPTIMIZED, as its
# own code runs for long, or it asks what a compiler leaves out. Needs are in MfaNeeds.cmake.
macro(mfa_test name)
  cmake_parse_arguments(mfa_test_${name} "READS_SOURCES;OPTIMIZED" "TIMEOUT" "NEEDS" ${ARGN})
  if(DEFINED mfa_test_${name}_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "mfa_test does not know ${mfa_test_${name}_UNPARSED_ARGUMENTS}, of ${name}")
  endif()
endmacro()

# mfa_takes_verbs(<target> [OPTIMIZED]): the verbs are compiled once, in test_verbs, and the headers read once, which takes
# two thirds of the time off a test that uses a verifier.
function(mfa_takes_verbs target)
  if(TARGET test_verbs)
    target_link_libraries(${target} PRIVATE test_verbs)
    if("OPTIMIZED" IN_LIST ARGN)
      target_compile_options(${target} PRIVATE ${MFA_OPTIMIZED})
      target_precompile_headers(${target} REUSE_FROM test_verbs)
    else()
      target_precompile_headers(${target} REUSE_FROM test_headers)
    endif()
    if(CMAKE_DISABLE_PRECOMPILE_HEADERS) # as ccache likes it
      target_compile_options(${target} PRIVATE "SHELL:-include mfa/compiled_verbs.hpp")
    endif()
  endif()
endfunction()

# mfa_test_library(<name> NEEDS <need>... SOURCES <source>...): what several tests share and is long to compile. It is a
# need of theirs.
macro(mfa_test_library name)
  cmake_parse_arguments(mfa_test_library "" "" "NEEDS;SOURCES" ${ARGN})
  mfa_needs_of(${name} mfa_test_library_found mfa_test_library_libraries ${mfa_test_library_NEEDS})
  if(mfa_test_library_found)
    add_library(${name} STATIC ${mfa_test_library_SOURCES})
    target_link_libraries(${name} PUBLIC test_main ${mfa_test_library_libraries})
    mfa_takes_verbs(${name})
  endif()
  mfa_need(${name} IF mfa_test_library_found LIBRARIES ${name})
  foreach(need IN LISTS mfa_test_library_NEEDS)
    list(APPEND mfa_need_${name}_DEBIAN ${mfa_need_${need}_DEBIAN})
  endforeach()
endmacro()

# mfa_room([LABELS <label>...] [NEEDS <need>...] [TIMEOUT <seconds>]): tests of every source here. Its folders' names are
# labels too; `core` is the label of all that needs no server and no browser.
function(mfa_room)
  cmake_parse_arguments(PARSE_ARGV 0 room "" "TIMEOUT" "LABELS;NEEDS")
  if(NOT room_TIMEOUT)
    set(room_TIMEOUT 1200) # for sanitizers, and for machines that do other things
  endif()
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM test)
    mfa_needs_of(${test} found libraries ${room_NEEDS} ${mfa_test_${test}_NEEDS})
    if(NOT found)
      continue()
    endif()
    add_executable(${test} ${source})
    target_link_libraries(${test} PRIVATE test_main ${libraries})
    set(optimized)
    if(mfa_test_${test}_OPTIMIZED)
      set(optimized OPTIMIZED)
    endif()
    mfa_takes_verbs(${test} ${optimized})
    if(mfa_test_${test}_READS_SOURCES)
      target_compile_definitions(${test} PRIVATE MFA_SOURCE_DIRECTORY="${PROJECT_SOURCE_DIR}")
    endif()
    add_test(NAME ${test} COMMAND ${test})
    if(mfa_test_${test}_TIMEOUT)
      set_tests_properties(${test} PROPERTIES TIMEOUT ${mfa_test_${test}_TIMEOUT})
    endif()
  endforeach()
  mfa_label_room(LABELS ${room_LABELS} TIMEOUT ${room_TIMEOUT})
endfunction()

# mfa_label_room([LABELS <label>...] TIMEOUT <seconds>): labels for all tests that were added here, and a time-out for
# those that have none.
function(mfa_label_room)
  cmake_parse_arguments(PARSE_ARGV 0 room "" "TIMEOUT" "LABELS")
  file(RELATIVE_PATH folders ${PROJECT_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE "/" ";" folders ${folders})
  get_directory_property(tests TESTS)
  foreach(test IN LISTS tests)
    set_property(TEST ${test} APPEND PROPERTY LABELS ${folders} ${room_LABELS})
    get_test_property(${test} TIMEOUT timeout)
    if(NOT timeout)
      set_tests_properties(${test} PROPERTIES TIMEOUT ${room_TIMEOUT})
    endif()
  endforeach()
endfunction()
