# The library as one header: the core's, which the target `single_header` makes, and one of all components whose
# packages are here.
set(single_header ${PROJECT_SOURCE_DIR}/cmake/single_header.cmake)
set(single ${CMAKE_CURRENT_BINARY_DIR}/single_header)
set(single_parts testing)
set(single_sources ${mfa_core_headers})
foreach(component IN LISTS mfa_components)
  if(mfa_${component}_found)
    list(APPEND single_parts ${component})
    list(APPEND single_sources ${mfa_${component}_headers})
  endif()
endforeach()
list(TRANSFORM single_sources PREPEND ${PROJECT_SOURCE_DIR}/)
list(JOIN single_parts "," single_parts)

add_test(NAME package_single_header_target COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target
                                                   single_header)
set_tests_properties(package_single_header_target PROPERTIES FIXTURES_SETUP single_header RESOURCE_LOCK build_tree)
add_test(NAME package_single_header_script
         COMMAND ${CMAKE_COMMAND} -DCOMPONENTS=${single_parts} -DOUTPUT=${single}/mfa.hpp -P ${single_header})
set_tests_properties(package_single_header_script PROPERTIES FIXTURES_SETUP single_header_of_components)

# Two translation units of one program include that of all components.
add_custom_command(
  OUTPUT ${single}/every_header.hpp
  COMMAND ${CMAKE_COMMAND} -DCOMPONENTS=${single_parts} -DOUTPUT=${single}/every_header.hpp -P ${single_header}
  DEPENDS ${single_header} ${single_sources}
  VERBATIM)
add_executable(package_single_header_one_definition one_definition.cpp one_definition_again.cpp
                                                    ${single}/every_header.hpp)
target_include_directories(package_single_header_one_definition PRIVATE ${single})
target_link_libraries(package_single_header_one_definition PRIVATE test_main ${components})
add_test(NAME package_single_header_one_definition COMMAND package_single_header_one_definition)

# The same tree gives the same bytes, wherever it lies and the script is called; what cannot be put into one header is
# an error that names the header.
add_test(NAME package_single_header_same_bytes
         COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR} -DWORK=${single}/same_bytes -P
                 ${CMAKE_CURRENT_SOURCE_DIR}/single_header_same_bytes.cmake)
add_test(NAME package_single_header_names_problems
         COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR} -DWORK=${single}/problems -P
                 ${CMAKE_CURRENT_SOURCE_DIR}/single_header_problems.cmake)

if(NOT MSVC)
  # The program of README.md, as it stands there, with the core's header in the place of the tree.
  add_test(NAME package_single_header_readme
           COMMAND sh -ec "awk '/^```$/ && inside { exit } inside; /^```cpp$/ { inside = 1 }' \"$2\" > readme.cpp
\"$1\" -std=c++20 -I \"$3\" readme.cpp -o readme -lcrypto -lqrencode -lpng; echo none | ./readme"
                   sh ${CMAKE_CXX_COMPILER} ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_BINARY_DIR}/single_include)
  set_tests_properties(
    package_single_header_readme PROPERTIES FIXTURES_REQUIRED single_header PASS_REGULAR_EXPRESSION
                                                                            "Code: malformed_code\n$")

  file(WRITE ${single}/empty.cpp "")
  foreach(compiler IN ITEMS g++ clang++)
    if(MFA_${compiler})
      add_test(NAME package_single_header_core_${compiler}
               COMMAND ${MFA_${compiler}} ${strict_${compiler}} -O1 -include
                       ${PROJECT_BINARY_DIR}/single_include/mfa/mfa.hpp -c ${single}/empty.cpp -o /dev/null)
      set_tests_properties(package_single_header_core_${compiler} PROPERTIES FIXTURES_REQUIRED single_header)
      add_test(NAME package_single_header_components_${compiler}
               COMMAND ${MFA_${compiler}} ${strict_${compiler}} -O1 ${component_includes} -include
                       ${single}/mfa.hpp -c ${single}/empty.cpp -o /dev/null)
      set_tests_properties(package_single_header_components_${compiler}
                           PROPERTIES FIXTURES_REQUIRED single_header_of_components)
    endif()
  endforeach()
endif()
