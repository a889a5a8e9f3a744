# The port, run with stand-ins of vcpkg's functions, what is built against what it installs, and its manifests.
set(vcpkg ${CMAKE_CURRENT_BINARY_DIR}/vcpkg)

# package_vcpkg_port(<name> [<feature>...])
function(package_vcpkg_port name)
  add_test(NAME package_vcpkg_port_${name}
           COMMAND ${CMAKE_COMMAND} -DPORT_DIR=${PROJECT_SOURCE_DIR}/packaging/vcpkg/ports/mfa-cpp
                   -DWORK=${vcpkg}/${name} "-DFEATURES=${ARGN}" -DGENERATOR=${CMAKE_GENERATOR}
                   -DCOMPILER=${CMAKE_CXX_COMPILER} -P ${CMAKE_CURRENT_SOURCE_DIR}/vcpkg/run_port.cmake)
endfunction()
package_vcpkg_port(core)
package_vcpkg_port(every_feature ${mfa_components})
set_tests_properties(package_vcpkg_port_every_feature PROPERTIES FIXTURES_SETUP vcpkg_package)

add_test(NAME package_vcpkg_consumer
         COMMAND ${CMAKE_CTEST_COMMAND} --build-and-test ${consumer} ${CMAKE_CURRENT_BINARY_DIR}/vcpkg_consumer
                 --build-target core ${same_tools} -DCMAKE_PREFIX_PATH=${vcpkg}/every_feature/packages/mfa-cpp
                 ${components_to_use} --test-command ./core)
set_tests_properties(package_vcpkg_consumer PROPERTIES FIXTURES_REQUIRED vcpkg_package)

mfa_needs_of(package_vcpkg_manifests found libraries python)
if(found)
  add_test(NAME package_vcpkg_manifests COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/vcpkg/check_manifests.py
                                                ${PROJECT_SOURCE_DIR})
endif()
