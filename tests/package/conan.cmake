# conanfile.py, run with a stand-in of Conan, and what is built against the CMake package that it describes.
mfa_needs_of(package_conan package_conan_found libraries python)
if(NOT package_conan_found)
  return()
endif()
set(conan ${CMAKE_CURRENT_BINARY_DIR}/conan)
set(conan_components "")
foreach(component IN LISTS mfa_components)
  if(mfa_${component}_found)
    list(APPEND conan_components ${component})
  endif()
endforeach()
add_test(NAME package_conan_recipe
         COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/conan/run_recipe.py ${PROJECT_SOURCE_DIR} ${conan}
                 Debug ${conan_components})
set_tests_properties(package_conan_recipe PROPERTIES FIXTURES_SETUP conan_package)

# Conan's toolchain sets the standard, as the profile says.
set(conan_options -DCMAKE_PREFIX_PATH=${conan}/cmake -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=
    -DCMAKE_CXX_STANDARD=20)
add_test(NAME package_conan_test_package
         COMMAND ${CMAKE_CTEST_COMMAND} --build-and-test ${PROJECT_SOURCE_DIR}/packaging/conan/test_package
                 ${CMAKE_CURRENT_BINARY_DIR}/conan_test_package ${same_tools} ${conan_options}
                 "-DCOMPONENTS=${conan_components}" --test-command ./test_package)
add_test(NAME package_conan_consumer
         COMMAND ${CMAKE_COMMAND} --fresh -S ${consumer} -B ${CMAKE_CURRENT_BINARY_DIR}/conan_consumer -G ${CMAKE_GENERATOR}
                 -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} ${conan_options} ${components_to_use})
set_tests_properties(package_conan_test_package package_conan_consumer PROPERTIES FIXTURES_REQUIRED conan_package)
